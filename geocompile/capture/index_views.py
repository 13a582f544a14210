"""Where the values of an input are inside a later tensor: all of a part of it, moved around and not changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.fx import Node

Cells = tuple[int | None, ...]
"""Rows (or columns) of the input along an axis of a tensor; None where the tensor holds something else."""

_WHOLE = {
    "clone.default", "detach.default", "alias.default", "contiguous.default", "lift_fresh_copy.default",
    "to.dtype", "to.device", "to.dtype_layout", "_to_copy.default", "type_as.default",
}  # fmt: skip
_RESHAPES = {
    "view.default",
    "reshape.default",
    "flatten.using_ints",
    "_unsafe_view.default",
    "repeat.default",
}
_SPLITS = {"unbind.int", "split.Tensor", "split_with_sizes.default", "chunk.default"}
_SORTS = {"sort.default", "sort.stable", "argsort.default", "argsort.stable"}


@dataclass(frozen=True)
class View:
    """All values of some rows and columns of an input, as they lie in a tensor.

    Attributes:
        rows, cols: The rows and columns that the tensor holds; a dimension that is not told apart is row (column) 0.
        row_axis, col_axis: The tensor's axis along which they lie; None if they cannot be told apart any more.
    """

    rows: Cells
    cols: Cells
    row_axis: int | None
    col_axis: int | None

    def cells(self) -> Iterator[tuple[int, int]]:
        return ((r, c) for r in self.rows if r is not None for c in self.cols if c is not None)

    def along(self, axis: int, change: Callable[[Cells], Cells]) -> View | None:
        """With the rows or columns along `axis` changed; None if they do not lie along it, or none is left."""
        if axis == self.row_axis:
            view = replace(self, rows=change(self.rows))
        elif axis == self.col_axis:
            view = replace(self, cols=change(self.cols))
        else:
            return None
        return view if any(True for _ in view.cells()) else None

    def moved(self, place: Callable[[int], int | None]) -> View:
        """With every axis where `place` says."""
        row = None if self.row_axis is None else place(self.row_axis)
        col = None if self.col_axis is None else place(self.col_axis)
        return replace(self, row_axis=row, col_axis=col)

    def without_order(self, axis: int) -> View:
        """After the values along `axis` were mixed."""
        return self.moved(lambda k: None if k == axis else k)


def carried(source: Node, view: View, user: Node) -> list[tuple[Node, View]]:
    """The tensors after `user` that hold all values of `view`, which `source` holds; [] where some may be missing."""
    target = str(user.target).removeprefix("aten.")
    if target == "geocompile.csr_from_coo.default":
        is_other = len(user.args) > 2 and user.args[2] is source
        return [(item, view) for item in user.users if item.args[1] == 2] if is_other else []
    if target in ("cat.default", "stack.default"):
        joined = _joined(source, view, user, is_new=target.startswith("stack"))
        return [(user, joined)] if joined else []
    if not user.args or user.args[0] is not source:
        return []
    if target in _SPLITS:
        return list(_parts(source, view, user, keeps_axis=target != "unbind.int"))
    if target in ("sort.default", "sort.stable"):
        mixed = view.without_order(_axis(source, _argument(user, "dim", 1, -1)))
        return [(item, mixed) for item in user.users if item.args[1] == 0]
    after = _after(source, view, user, target)
    is_integer = user.meta["val"].dtype in (torch.int64, torch.int32) if after else False
    return [(user, after)] if after and is_integer else []


def _after(source: Node, view: View, user: Node, target: str) -> View | None:
    rank = source.meta["val"].dim()
    if target in _WHOLE:
        return view
    if target in _RESHAPES:
        return _reshaped(source, view, user, target)
    if target in ("expand.default", "expand_as.default"):
        return view.moved(lambda k: k + user.meta["val"].dim() - rank)
    if target == "unsqueeze.default":
        new = user.args[1] % (rank + 1)
        return view.moved(lambda k: k + (k >= new))
    if target.startswith("squeeze."):
        return _squeezed(source, view, user)
    if target in ("transpose.int", "t.default", "permute.default", "numpy_T.default"):
        return _permuted(rank, view, user, target)
    if target == "flip.default":
        return _flipped(source, view, user)
    if target == "select.int":
        return _selected(source, view, _axis(source, user.args[1]), user.args[2])
    if target == "slice.Tensor":
        return _sliced(source, view, user)
    if target == "index_select.default" and _is_order(user.args[2], source, _axis(source, user.args[1])):
        return view.without_order(_axis(source, user.args[1]))
    if target == "index.Tensor":
        return _indexed(source, view, user)
    return None


def _selected(source: Node, view: View, axis: int, position: Any) -> View | None:
    """One slice along an axis: one row or column of the input, or all there is if the axis has size 1."""
    size = source.meta["val"].shape[axis]
    if axis in (view.row_axis, view.col_axis) and isinstance(position, int) and isinstance(size, int):
        chosen = view.along(axis, lambda cells: (cells[position],))
    else:
        chosen = view if isinstance(size, int) and size == 1 else None
    return None if chosen is None else chosen.moved(lambda k: None if k == axis else k - (k > axis))


def _sliced(source: Node, view: View, user: Node) -> View | None:
    axis = _axis(source, _argument(user, "dim", 1, 0))
    start, end = _argument(user, "start", 2, None), _argument(user, "end", 3, None)
    step = _argument(user, "step", 4, 1)
    size = source.meta["val"].shape[axis]
    if all(isinstance(bound, (int, type(None))) for bound in (start, end, step)):
        if axis in (view.row_axis, view.col_axis) and isinstance(size, int):
            return view.along(axis, lambda cells: cells[start:end:step])
        if start in (None, 0) and (end is None or end >= 2**62) and step == 1:
            return view
    return None


def _parts(source: Node, view: View, user: Node, keeps_axis: bool) -> Iterator[tuple[Node, View]]:
    """The parts that `unbind`, `split` and `chunk` give, where they are rows or columns of the input."""
    dim = _argument(user, "dim", 2 if keeps_axis else 1, 0)
    axis = _axis(source, dim)
    sizes = [part.shape[axis] if keeps_axis else 1 for part in user.meta["val"]]
    if axis not in (view.row_axis, view.col_axis) or not all(isinstance(size, int) for size in sizes):
        return
    for item in user.users:
        number: Any = item.args[1]
        start = sum(sizes[:number])
        stop = start + sizes[number]
        part = view.along(axis, lambda cells, start=start, stop=stop: cells[start:stop])  # type: ignore[misc]
        if part is not None:
            yield item, part if keeps_axis else part.moved(lambda k: None if k == axis else k - (k > axis))


def _joined(source: Node, view: View, user: Node, is_new: bool) -> View | None:
    """`source` beside other tensors: along a new axis (stack), along an axis that it has (cat)."""
    tensors: Any = user.args[0]
    if source not in tensors:
        return None
    axis = _argument(user, "dim", 1, 0) % user.meta["val"].dim()
    if is_new:
        if view.row_axis is None and len(set(view.rows)) == 1:
            moved = view.moved(lambda k: k + (k >= axis))
            return replace(
                moved, rows=tuple(view.rows[0] if t is source else None for t in tensors), row_axis=axis
            )
        return view.moved(lambda k: k + (k >= axis))
    if axis not in (view.row_axis, view.col_axis):
        return view
    sizes = [tensor.meta["val"].shape[axis] for tensor in tensors]
    if not all(isinstance(size, int) for size in sizes):
        return view.without_order(axis)

    def beside(cells: Cells) -> Cells:
        parts = [
            cells if tensor is source else (None,) * size for tensor, size in zip(tensors, sizes, strict=True)
        ]
        return tuple(cell for part in parts for cell in part)

    return view.along(axis, beside)


def _indexed(source: Node, view: View, user: Node) -> View | None:
    """Rearranged by a sort, or without self-loops: node numbers that appear in loops only are no less node numbers."""
    indices: Any = user.args[1]
    given = [(axis, index) for axis, index in enumerate(indices) if index is not None]
    if len(given) != 1:
        return None
    axis, index = given[0]
    if _is_order(index, source, axis) or _drops_self_loops(index, source):
        return view.without_order(axis)
    return None


def _is_order(index: Any, source: Node, axis: int) -> bool:
    """Whether a tensor holds every position along an axis of `source` once: the order that a sort gives."""
    if not isinstance(index, Node) or not _same_length(index.meta["val"], source.meta["val"].shape[axis]):
        return False
    target = str(index.target).removeprefix("aten.")
    if target in ("argsort.default", "argsort.stable"):
        return True
    if "getitem" not in target or not isinstance(index.args[0], Node):
        return False
    made_by = str(index.args[0].target).removeprefix("aten.")
    return bool(index.args[1] == 1 and (made_by in _SORTS or made_by.startswith("geocompile.")))


def _same_length(order: Any, size: Any) -> bool:
    if not isinstance(order, torch.Tensor) or order.dim() != 1:
        return False
    lengths = [n.node.expr if isinstance(n, torch.SymInt) else n for n in (order.shape[0], size)]
    return bool(lengths[0] == lengths[1])


def _drops_self_loops(mask: Any, source: Node) -> bool:
    """`edge_index[0] != edge_index[1]`, of the tensor that is masked or of one that it is a row of."""
    if not isinstance(mask, Node) or str(mask.target) != "aten.ne.Tensor":
        return False
    rows = [_row_of(side) for side in mask.args]
    if any(row is None for row in rows):
        return False
    (first, one), (second, other) = rows  # type: ignore[misc]
    owner = _row_of(source)
    return bool(
        first is second and {one, other} == {0, 1} and (first is source or (owner and first is owner[0]))
    )


def _row_of(node: Any) -> tuple[Node, int] | None:
    """The tensor and number of which `node` is a row."""
    if not isinstance(node, Node):
        return None
    if str(node.target) == "aten.select.int" and node.args[1] == 0:
        return node.args[0], node.args[2]  # type: ignore[return-value]
    if "getitem" in str(node.target) and str(node.args[0].target) == "aten.unbind.int":  # type: ignore[union-attr]
        return node.args[0].args[0], node.args[1]  # type: ignore[return-value,union-attr]
    return None


def _reshaped(source: Node, view: View, user: Node, target: str) -> View:
    """Leading axes that keep their size stay what they are."""
    before, after = source.meta["val"].shape, user.meta["val"].shape
    same = 0
    while target != "repeat.default" and same < min(len(before), len(after)):
        if not isinstance(before[same], int) or before[same] != after[same]:
            break
        same += 1
    return view.moved(lambda k: k if k < same else None)


def _squeezed(source: Node, view: View, user: Node) -> View:
    shape = source.meta["val"].shape
    dims: Any = user.args[1] if len(user.args) > 1 else range(len(shape))
    dims = {_axis(source, k) for k in (dims if isinstance(dims, (list, tuple, range)) else [dims])}
    gone = {k for k in dims if isinstance(shape[k], int) and shape[k] == 1}
    return view.moved(lambda k: None if k in gone else k - sum(g < k for g in gone))


def _permuted(rank: int, view: View, user: Node, target: str) -> View:
    order = list(range(rank))
    if target == "permute.default":
        order = [k % rank for k in user.args[1]]  # type: ignore[union-attr,misc,operator]
    elif target == "transpose.int":
        a, b = (_axis(user, k) for k in user.args[1:3])
        order[a], order[b] = order[b], order[a]
    else:
        order.reverse()
    return view.moved(order.index)


def _flipped(source: Node, view: View, user: Node) -> View:
    for k in user.args[1]:  # type: ignore[union-attr]
        view = view.along(_axis(source, k), lambda cells: cells[::-1]) or view
    return view


def _axis(node: Node, dim: Any) -> int:
    return int(dim % node.meta["val"].dim())


def _argument(node: Node, name: str, position: int, default: Any) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)
