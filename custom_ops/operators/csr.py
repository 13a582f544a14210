"""Compressed rows of a graph: sorting edges by an index, and the graphs of a batch."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops.operators import library as library
from geocompile.custom_ops.registry import Operator, register


def csr_from_coo(index: Tensor, like: Tensor, other: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Sort edges by `index`, stably, into compressed rows.

    ``perm`` lists the edges of row 0, then of row 1, ..., each row's in their order of appearance;
    row ``i`` holds the places ``rowptr[i]`` to ``rowptr[i + 1] - 1`` of it.

    Args:
        index: ``[num_edges]`` int64 or int32, the row of each edge, in ``[0, num_rows)``.
        like: ``[num_rows, *]``, any dtype; only its first size is used: shapes never depend on values.
        other: ``[num_edges]``, dtype of `index`, carried along (the other end of each edge).

    Returns:
        ``rowptr [num_rows + 1]``, ``perm [num_edges]`` and ``other[perm]`` (``[0]`` without `other`).

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For an index out of range; names the first one.
    """
    return torch.ops.geocompile.csr_from_coo(index, like, other)  # type: ignore[no-any-return]


def batch_ptr(batch: Tensor) -> tuple[Tensor, Tensor]:
    """Compressed rows of a batch vector: which nodes belong to each graph.

    The number of graphs, ``max(batch) + 1`` (0 if there are no nodes), is read from the values.

    Args:
        batch: ``[num_nodes]`` int64 or int32, the graph of each node, at least 0; it need not be sorted.

    Returns:
        ``ptr [num_graphs + 1]`` and ``perm [num_nodes]``, as `csr_from_coo` gives them.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a negative graph number, or one above 2^26 that is above 64 for each node too.
    """
    return torch.ops.geocompile.batch_ptr(batch)  # type: ignore[no-any-return]


def csr_from_coo_reference(
    index: Tensor, like: Tensor, other: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The meaning of `csr_from_coo`."""
    perm = torch.argsort(index, stable=True).to(index.dtype)
    counts = torch.bincount(index, minlength=like.size(0)).to(index.dtype)
    rowptr = torch.cat([counts.new_zeros(1), counts.cumsum(0, dtype=index.dtype)])
    return rowptr, perm, index.new_empty(0) if other is None else other[perm]


def batch_ptr_reference(batch: Tensor) -> tuple[Tensor, Tensor]:
    """The meaning of `batch_ptr`."""
    num_graphs = int(batch.max()) + 1 if batch.numel() else 0
    rowptr, perm, _ = csr_from_coo_reference(batch, batch.new_empty(num_graphs))
    return rowptr, perm


def row_of_each_edge(rowptr: Tensor, edges: Tensor) -> Tensor:
    """The row of each place of compressed rows, int64 ``[num_edges]``; `edges` gives their number."""
    rows = torch.arange(rowptr.size(0) - 1, device=rowptr.device)
    return torch.repeat_interleave(rows, rowptr.diff(), output_size=edges.size(0))


def rows_named(index: Tensor) -> Tensor:
    """``[max(index) + 1, 0]``: something with as many rows as `index` names, to be an operator's `like`.

    A model that is exported may not look at values: there the size is that of an operator's result. What is negative
    is left to the operator that gets both.
    """
    if not is_scripting() and torch.compiler.is_compiling():
        ptr, _ = torch.ops.geocompile.batch_ptr(index.flatten())
        return index.new_empty([ptr.size(0) - 1, 0])
    num_rows = int(index.max()) + 1 if index.numel() > 0 else 0
    return index.new_empty([max(num_rows, 0), 0])


def rows_of(operator: str, index: Tensor, num_nodes: int | None) -> Tensor:
    """``[num_nodes, 0]`` to be an operator's `like`; as many as `index` names where `num_nodes` is None.

    Raises:
        ValueError: `num_nodes` is negative.
    """
    if num_nodes is None:
        return rows_named(index)
    if (is_scripting() or not torch.compiler.is_compiling()) and num_nodes < 0:
        raise ValueError(f"geocompile.{operator}: 'num_nodes' must not be negative, got {num_nodes}")
    return index.new_empty([num_nodes, 0])


def most_named(count: int) -> int:
    """How many graphs or rows an index of `count` elements may name where nothing else says how many there are.

    A number far above the elements' is more likely a mistake than something to make room for; the kernels refuse the
    same ones (graph_count.h).
    """
    return min(max(67108864, 64 * count), 2147483647)


def per_row(values: Tensor, rows: Tensor) -> Tensor:
    """`values`, one per row of `rows` or one per row and head, shaped so that they broadcast against them."""
    return values.reshape(values.shape + (1,) * (rows.dim() - values.dim()))


def transpose(rowptr: Tensor, col: Tensor, sources: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same edges in compressed columns: ``(rowptr, row of each edge, its place in the original)``."""
    rows = row_of_each_edge(rowptr, col).to(col.dtype)
    t_rowptr, t_perm, t_rows = csr_from_coo(col, sources, rows)
    return t_rowptr, t_rows, t_perm


def _fake_csr_from_coo(
    index: Tensor, like: Tensor, other: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    library.same_device("csr_from_coo", index=index, like=like, other=other)
    other_sorted = index.new_empty(0) if other is None else index.new_empty(index.size(0))
    return index.new_empty(like.size(0) + 1), index.new_empty(index.size(0)), other_sorted


def _fake_batch_ptr(batch: Tensor) -> tuple[Tensor, Tensor]:
    # torch.export finds the new size only as a plain size of an output: num_graphs + 1 is the symbol itself
    rows = torch.library.get_ctx().new_dynamic_size(min=1)
    return batch.new_empty(rows), batch.new_empty(batch.size(0))


torch.library.register_fake("geocompile::csr_from_coo", _fake_csr_from_coo)
torch.library.register_fake("geocompile::batch_ptr", _fake_batch_ptr)
register(
    Operator(
        "csr_from_coo",
        csr_from_coo_reference,
        False,
        ("CsrFromCoo", "CsrFromIndex"),
        {"index": "like"},
    )
)
register(Operator("batch_ptr", batch_ptr_reference, False, ("BatchPtr",), {"batch": None}))
