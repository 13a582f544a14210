"""Which integer inputs are indices, and into what: found by following them through the graph."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from geocompile.capture.describe import Names
from geocompile.capture.index_views import View, carried
from geocompile.custom_ops.registry import OPERATORS

IndexOf = str | tuple[str | None, ...] | None
"""See `TensorSpec.index_of`."""

NOT_NEGATIVE = "*"
_MAX_CELLS = 64  # rows and columns of an input that are told apart
_Size = Callable[[tuple[Any, ...]], Any]


def _indexed_size(args: tuple[Any, ...]) -> Any:
    return _shape(args[0])[args[1]]


# operator -> index arguments by position, and the size that bounds each; None where it must only not be negative
_BOUNDS: dict[str, dict[int, _Size]] = {
    "aten.embedding.default": {1: lambda args: _shape(args[0])[0]},
    **{
        f"aten.{name}": {2: _indexed_size}
        for name in (
            "index_select.default", "index_add.default", "index_copy.default", "index_reduce.default",
            "index_fill.int_Scalar", "index_fill.int_Tensor", "gather.default", "scatter.src", "scatter.value",
            "scatter_add.default", "scatter_reduce.two",
        )
    },
}  # fmt: skip


def index_of(node: Node, names: Names, dimensions: Collection[str]) -> IndexOf:
    """The bound of the values of the input `node`, e.g. `num_nodes` for `edge_index`; a tuple where rows differ.

    The input's values are followed through operators that only move them (select, stack, cat, sort, ...) to every
    operator that uses all of a row as an index: eager itself refuses a value that is too large there, so that the
    size indexed bounds the row. A part of a row that is used (masked, sliced, by `where`) says nothing about the rest:
    it may be padding. The one exception are self-loops that are removed. A size that is neither one of `dimensions`
    nor a number, or differs between uses, leaves `"*"`: any number that is not negative.
    """
    value = node.meta["val"]
    if not isinstance(value, Tensor) or value.dtype not in (torch.int64, torch.int32) or value.dim() == 0:
        return None
    rows = _told_apart(value, 0) if value.dim() > 1 else 1
    cols = _told_apart(value, 1) if value.dim() > 1 else 1
    found = _uses(
        node, View(tuple(range(rows)), tuple(range(cols)), 0 if rows > 1 else None, _col_axis(cols)), names
    )
    bounds = tuple(
        _common([_bound(found.get((row, col), set()), dimensions) for col in range(cols)])
        for row in range(rows)
    )
    return bounds if len(set(bounds)) > 1 else bounds[0]


def _told_apart(value: Tensor, axis: int) -> int:
    size = value.shape[axis]
    return size if isinstance(size, int) and 1 <= size <= _MAX_CELLS else 1


def _col_axis(cols: int) -> int | None:
    return 1 if cols > 1 else None


def _uses(node: Node, whole: View, names: Names) -> dict[tuple[int, int], set[str]]:
    """Row and column of the input -> the sizes that they index."""
    found: dict[tuple[int, int], set[str]] = {}
    pending = [(node, whole)]
    seen: set[tuple[Node, View]] = set()
    while pending:
        source, view = pending.pop()
        if (source, view) in seen:
            continue
        seen.add((source, view))
        for user in source.users:
            if user.op == "call_function":
                for cell in view.cells():
                    found.setdefault(cell, set()).update(_sizes(source, user, names))
                pending += carried(source, view, user)
    return found


def _bound(sizes: set[str], dimensions: Collection[str]) -> str | None:
    """One bound that all uses imply."""
    if not sizes:
        return None
    numbers = [int(size) for size in sizes if size.isdecimal()]
    named = [size for size in sizes if size in dimensions]
    if named:
        return named[0] if len(named) == 1 and not numbers else NOT_NEGATIVE
    return str(min(numbers)) if numbers else NOT_NEGATIVE


def _common(bounds: list[str | None]) -> str | None:
    """The bound of a row whose columns have these."""
    if None in bounds:
        return None
    return bounds[0] if len(set(bounds)) == 1 else NOT_NEGATIVE


def _sizes(source: Node, user: Node, names: Names) -> set[str]:
    """The sizes that `user` indexes with `source`; `"*"` where it only asks for numbers that are not negative."""
    target = str(user.target)
    if target in ("aten.index.Tensor", "aten.index_put.default"):
        shape, indices = _shape(user.args[0]), user.args[1]
        positions = [k for k, index in enumerate(indices) if index is source]  # type: ignore[arg-type]
        return {str(names.size(shape[k], NOT_NEGATIVE)) for k in positions} if _are_plain(indices) else set()
    bounds = _BOUNDS.get(target) or _bounds_of(target)
    sizes = [
        size_of(user.args)
        for position, size_of in bounds.items()
        if len(user.args) > position and user.args[position] is source
    ]
    return {NOT_NEGATIVE if size is None else str(names.size(size, NOT_NEGATIVE)) for size in sizes}


@cache
def _bounds_of(target: str) -> dict[int, _Size]:
    """Of one of our operators, as its registration says."""
    name = target.removeprefix("geocompile.").removesuffix(".default")
    if name not in OPERATORS or not target.startswith("geocompile."):
        return {}
    schema = getattr(torch.ops.geocompile, name).default._schema
    position = {argument.name: k for k, argument in enumerate(schema.arguments)}

    def size_of(bound: str | None) -> _Size:
        if bound is None:
            return lambda args: None
        less = 1 if bound == "rowptr" else 0
        return lambda args: _shape(args[position[bound]])[0] - less

    return {position[index]: size_of(bound) for index, bound in OPERATORS[name].indexes.items()}


def _are_plain(indices: Any) -> bool:
    """Whether each index stands for one dimension (a mask stands for as many as it has)."""
    return all(index is None or index.meta["val"].dtype != torch.bool for index in indices)


def _shape(node: Any) -> Any:
    return node.meta["val"].shape
