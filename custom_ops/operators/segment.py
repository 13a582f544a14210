"""Reductions over the rows of a graph, with and without the gather of source features fused in.

The gradient of a gather-reduce is a gather-reduce over the transposed graph; see `segment_backward`. Gradients are
reverse-mode only: `torch.func.jvp` sees no tangent. Of -0.0 and 0.0, which are equal, either may be the maximum.
"""

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import per_row, row_of_each_edge
from geocompile.custom_ops.operators.halves import in_float32
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.registry import Operator, register

REDUCTIONS = {"sum": "sum", "mean": "mean", "max": "amax", "min": "amin", "mul": "prod"}


def segment_reduce(src: Tensor, rowptr: Tensor, perm: Tensor | None = None, reduce: str = "sum") -> Tensor:
    """Reduce the rows of `src` that belong to each segment: ``out[i] = reduce_p src[perm[p]]``, p in row i.

    The order of reduction is fixed: the same input gives the same bits for any number of threads. An empty
    segment gives 0 (1 for ``"mul"``).

    Args:
        src: ``[num_edges, *]`` float32, float64, float16 or bfloat16 (halves are reduced in float32).
        rowptr: ``[num_segments + 1]`` int64 or int32, where each segment starts; from `csr_from_coo`.
        perm: ``[num_edges]``, dtype of `rowptr`, which row of `src` stands at each place; None: in order.
        reduce: ``"sum"``, ``"mean"``, ``"max"``, ``"min"`` or ``"mul"``.

    Returns:
        ``[num_segments, *]``, dtype of `src`.

    Raises:
        ValueError: For a wrong dtype, shape or reduction.
        IndexError: For a `rowptr` or `perm` that points outside.
    """
    return torch.ops.geocompile.segment_reduce(src, rowptr, perm, reduce)  # type: ignore[no-any-return]


def gather_segment_reduce(
    x: Tensor,
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None = None,
    self_weight: Tensor | None = None,
    reduce: str = "sum",
) -> Tensor:
    """Aggregate weighted source features: ``out[i] = reduce_p weight[p] * x[col[p]]``, p in row i.

    With one weight per head, ``out[i, h] = reduce_p weight[p, h] * x[col[p], h]``.

    With `self_weight` one more term, ``self_weight[i] * x[i]``, comes last in row i: the node's own loop.
    No ``[num_edges, channels]`` tensor is made. The order of reduction is fixed; an empty row gives 0 (1 for
    ``"mul"``); ``"mean"`` divides by the number of terms.

    Args:
        x: ``[num_sources, *]`` float32, float64, float16 or bfloat16 (halves are reduced in float32).
        rowptr: ``[num_rows + 1]`` int64 or int32, from `csr_from_coo`.
        col: ``[num_edges]``, dtype of `rowptr`, the source of each edge in row order, below num_sources.
        weight: ``[num_edges]``, dtype of `x`, in row order; None: 1. Or ``[num_edges, heads]`` where `x` is
            ``[num_sources, heads, *]``.
        self_weight: ``[num_rows]`` or ``[num_rows, heads]``, dtype of `x`; needs ``num_sources == num_rows``.
        reduce: ``"sum"``, ``"mean"``, ``"max"``, ``"min"`` or ``"mul"``.

    Returns:
        ``[num_rows, *]``, dtype of `x`.

    Raises:
        ValueError: For a wrong dtype, shape or reduction.
        IndexError: For a `rowptr` or `col` that points outside.
    """
    return torch.ops.geocompile.gather_segment_reduce(  # type: ignore[no-any-return]
        x, rowptr, col, weight, self_weight, reduce
    )


@in_float32
def segment_reduce_reference(
    src: Tensor, rowptr: Tensor, perm: Tensor | None = None, reduce: str = "sum"
) -> Tensor:
    """The meaning of `segment_reduce`."""
    terms = src if perm is None else src[perm]
    return _reduce_rows(terms, row_of_each_edge(rowptr, terms), rowptr.size(0) - 1, reduce)


@in_float32
def gather_segment_reduce_reference(
    x: Tensor,
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None = None,
    self_weight: Tensor | None = None,
    reduce: str = "sum",
) -> Tensor:
    """The meaning of `gather_segment_reduce`."""
    terms, rows = x[col], row_of_each_edge(rowptr, col)
    if weight is not None:
        terms = terms * per_row(weight, terms)
    if self_weight is not None:
        terms = torch.cat([terms, x * per_row(self_weight, x)])
        rows = torch.cat([rows, torch.arange(x.size(0), device=x.device)])
    return _reduce_rows(terms, rows, rowptr.size(0) - 1, reduce)


def _reduce_rows(terms: Tensor, rows: Tensor, num_rows: int, reduce: str) -> Tensor:
    shape = (num_rows, *terms.shape[1:])
    start = terms.new_ones(shape) if reduce == "mul" else terms.new_zeros(shape)
    return start.scatter_reduce(
        0, per_row(rows, terms).expand_as(terms), terms, REDUCTIONS[reduce], include_self=False
    )


def _fake_segment_reduce(
    src: Tensor, rowptr: Tensor, perm: Tensor | None = None, reduce: str = "sum"
) -> Tensor:
    same_device("segment_reduce", src=src, rowptr=rowptr, perm=perm)
    return src.new_empty((rowptr.size(0) - 1, *src.shape[1:]))


def _fake_gather_segment_reduce(
    x: Tensor,
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None = None,
    self_weight: Tensor | None = None,
    reduce: str = "sum",
) -> Tensor:
    tensors = {"x": x, "rowptr": rowptr, "col": col, "weight": weight, "self_weight": self_weight}
    same_device("gather_segment_reduce", **tensors)
    return x.new_empty((rowptr.size(0) - 1, *x.shape[1:]))


torch.library.register_fake("geocompile::segment_reduce", _fake_segment_reduce)
torch.library.register_fake("geocompile::gather_segment_reduce", _fake_gather_segment_reduce)
for _name in ("segment_reduce", "gather_segment_reduce"):
    # Under autocast they work in float32, as reductions do in torch.
    torch.library.register_autocast(f"geocompile::{_name}", "cpu", torch.float32)
_NAMES = [f"Segment{reduce.capitalize()}" for reduce in REDUCTIONS]
_FORMS = [name + form for name in _NAMES for form in ("", "Permuted")]
_GATHER_FORMS = [
    f"Gather{name}{weight}{own}" for name in _NAMES for weight in ("", "Weighted") for own in ("", "Self")
]
register(Operator("segment_reduce", segment_reduce_reference, True, tuple(_FORMS)))
register(
    Operator(
        "gather_segment_reduce", gather_segment_reduce_reference, True, tuple(_GATHER_FORMS), {"col": "x"}
    )
)

from geocompile.custom_ops.operators import segment_backward as segment_backward  # noqa: E402  (needs the above)
