"""Which integer inputs are indices, and into what: found by following them through the graph."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from geocompile.capture.describe import Names

_aten = torch.ops.aten
# operators that hand the values of their first argument on, at most moved around
_PASS_THROUGH = {
    "select.int", "slice.Tensor", "view.default", "reshape.default", "unsqueeze.default", "squeeze.default",
    "squeeze.dim", "to.dtype", "to.device", "to.dtype_layout", "_to_copy.default", "contiguous.default",
    "clone.default",
    "detach.default", "alias.default", "expand.default", "expand_as.default", "flatten.using_ints", "t.default",
    "transpose.int", "permute.default", "unbind.int", "split.Tensor", "chunk.default", "index_select.default",
    "flip.default", "lift_fresh_copy.default",
}  # fmt: skip
# operator -> (position of the index argument, size that bounds it)
_Bound = Callable[[tuple[Any, ...]], Any]
_BOUNDS: dict[str, tuple[int, _Bound]] = {
    "geocompile.csr_from_coo.default": (0, lambda args: _shape(args[1])[0]),
    "geocompile.gather_segment_reduce.default": (2, lambda args: _shape(args[0])[0]),
    "geocompile.gcn_norm.default": (1, lambda args: _shape(args[0])[0] - 1),
    "aten.index_select.default": (2, lambda args: _shape(args[0])[args[1]]),
    "aten.gather.default": (2, lambda args: _shape(args[0])[args[1]]),
    "aten.index_add.default": (2, lambda args: _shape(args[0])[args[1]]),
    "aten.scatter_add.default": (2, lambda args: _shape(args[0])[args[1]]),
    "aten.scatter_reduce.two": (2, lambda args: _shape(args[0])[args[1]]),
    "aten.embedding.default": (1, lambda args: _shape(args[0])[0]),
}


def index_of(node: Node, names: Names, dimensions: Collection[str]) -> str | None:
    """The dimension whose size bounds the values of the input `node`, e.g. `num_nodes` for `edge_index`.

    The input's values are followed through operators that only move them (select, slice, view, cast, ...) and
    through the sorting of `csr_from_coo`, to every operator that uses them as an index; the size indexed there is the
    bound, if it is one of `dimensions` (those of the inputs) or a number. An input that reaches two different sizes
    (the two rows of a bipartite `edge_index`) gets None: there the operators' own checks decide.
    """
    value = node.meta["val"]
    if not isinstance(value, Tensor) or value.dtype not in (torch.int64, torch.int32):
        return None
    found: set[str] = set()
    seen: set[Node] = set()
    pending = [node]
    while pending:
        source = pending.pop()
        if source in seen:
            continue
        seen.add(source)
        for user in source.users:
            if user.op == "call_function":
                found |= _bounds(source, user, names)
                pending += _carriers(source, user)
    bound = found.pop() if len(found) == 1 else ""
    return bound if bound in dimensions or bound.isdecimal() else None


def _bounds(source: Node, user: Node, names: Names) -> set[str]:
    target = str(user.target)
    if target == "aten.index.Tensor":
        shape = _shape(user.args[0])
        positions = [k for k, index in enumerate(user.args[1]) if index is source]  # type: ignore[arg-type]
        return {str(names.size(shape[k], "")) for k in positions}
    if target not in _BOUNDS:
        return set()
    position, bound = _BOUNDS[target]
    if len(user.args) <= position or user.args[position] is not source:
        return set()
    return {str(names.size(bound(user.args), ""))}


def _carriers(source: Node, user: Node) -> list[Node]:
    """The nodes after `user` that hold the same values as `source`."""
    target = str(user.target).removeprefix("aten.")
    if target in _PASS_THROUGH and user.args[0] is source:
        return [user]
    if target == "cat.default" and source in user.args[0]:  # type: ignore[operator]
        return [user]  # edge_index with loops appended, two edge lists joined
    if target == "geocompile.csr_from_coo.default" and len(user.args) > 2 and user.args[2] is source:
        return [item for item in user.users if item.args[1] == 2]
    if "getitem" in str(user.target) and str(source.target).removeprefix("aten.") in _PASS_THROUGH:
        return [user]
    return []


def _shape(node: Any) -> Any:
    return node.meta["val"].shape
