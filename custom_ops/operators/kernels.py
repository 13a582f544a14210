"""Aggregation weighted by kernels: one sum per node and kernel, to be followed by one matrix product.

``gather_kernel_reduce(...).flatten(1) @ W`` with ``W [K * in, out]`` is what GMMConv (a kernel is a Gaussian), NNConv
(the last linear layer of the edge network, pulled out of the edges), SplineConv (a few active kernels per edge) and
RGCNConv (a kernel per relation) compute, without their ``[edges, in * out]`` or ``[edges, out]`` intermediates. It
makes K * in numbers per node: with many kernels and few edges per node, transforming each node first may be cheaper.
"""

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import per_row, row_of_each_edge
from geocompile.custom_ops.operators.halves import in_float32
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.registry import Operator, register

REDUCTIONS = {"sum": "Sum", "mean": "Mean", "mean_per_kernel": "MeanPerKernel"}


def gather_kernel_reduce(
    x: Tensor, rowptr: Tensor, col: Tensor, weight: Tensor, reduce: str = "sum"
) -> Tensor:
    """Aggregate source features once for each kernel: ``out[i, k] = sum_p weight[p, k] * x[col[p]]``, p in row i.

    The aggregation of GMMConv (Monti et al., 2017) and of NNConv (Gilmer et al., 2017). No ``[num_edges, channels]``
    tensor is made. The order of summation is fixed: the same input gives the same bits for any number of threads.

    Args:
        x: ``[num_sources, *]`` float32, float64, float16 or bfloat16 (halves are summed in float32).
        rowptr: ``[num_rows + 1]`` int64 or int32, from `csr_from_coo`.
        col: ``[num_edges]``, dtype of `rowptr`, the source of each edge in row order, below num_sources.
        weight: ``[num_edges, num_kernels]``, dtype of `x`, in row order.
        reduce: ``"sum"``, or ``"mean"``: the sum over the number of edges of the row, 0 where there are none.

    Returns:
        ``[num_rows, num_kernels, *]``, dtype of `x`.

    Raises:
        ValueError: For a wrong dtype, shape or reduction.
        IndexError: For a `rowptr` or `col` that points outside.
    """
    return torch.ops.geocompile.gather_kernel_reduce(x, rowptr, col, weight, reduce)  # type: ignore[no-any-return]


def gather_sparse_kernel_reduce(
    x: Tensor,
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    kernel: Tensor,
    like: Tensor,
    reduce: str = "sum",
) -> Tensor:
    """`gather_kernel_reduce` where each edge has weights for a few kernels only.

    ``out[i, k] = sum_p,s weight[p, s] * x[col[p]]``, p in row i, over the s with ``kernel[p, s] == k``. The
    aggregation of SplineConv (Fey et al., 2018), with ``(degree + 1) ** dim`` active kernels, and of RGCNConv
    (Schlichtkrull et al., 2018), with the one of the edge's relation.

    Args:
        x: ``[num_sources, *]`` float32, float64, float16 or bfloat16 (halves are summed in float32).
        rowptr: ``[num_rows + 1]`` int64 or int32, from `csr_from_coo`.
        col: ``[num_edges]``, dtype of `rowptr`, the source of each edge in row order, below num_sources.
        weight: The shape of `kernel`, dtype of `x`, in row order; None: 1.
        kernel: ``[num_edges]`` or ``[num_edges, active]``, dtype of `rowptr`, in ``[0, num_kernels)``; an edge may name
            one twice.
        like: ``[num_kernels, *]``, any dtype; only its first size is used: shapes never depend on values.
        reduce: ``"sum"``; ``"mean"``: the sum over the number of edges of the row; or ``"mean_per_kernel"``: over the
            number of terms of the sum itself, the mean over each relation's edges.

    Returns:
        ``[num_rows, num_kernels, *]``, dtype of `x`; 0 where there is no term.

    Raises:
        ValueError: For a wrong dtype, shape or reduction.
        IndexError: For a `rowptr`, `col` or `kernel` that points outside.
    """
    return torch.ops.geocompile.gather_sparse_kernel_reduce(  # type: ignore[no-any-return]
        x, rowptr, col, weight, kernel, like, reduce
    )


@in_float32
def gather_kernel_reduce_reference(
    x: Tensor, rowptr: Tensor, col: Tensor, weight: Tensor, reduce: str = "sum"
) -> Tensor:
    """The meaning of `gather_kernel_reduce`."""
    sources = x[col].unsqueeze(1)
    terms = per_row(weight, sources) * sources
    sums = x.new_zeros((rowptr.size(0) - 1, *terms.shape[1:]))
    sums = sums.index_add(0, row_of_each_edge(rowptr, col), terms)
    return sums if reduce == "sum" else sums / per_row(rowptr.diff().clamp(min=1), sums)


@in_float32
def gather_sparse_kernel_reduce_reference(
    x: Tensor,
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    kernel: Tensor,
    like: Tensor,
    reduce: str = "sum",
) -> Tensor:
    """The meaning of `gather_sparse_kernel_reduce`."""
    kernel = kernel if kernel.dim() == 2 else kernel.unsqueeze(1)
    num_rows, num_kernels, active = rowptr.size(0) - 1, like.size(0), kernel.size(1)
    place = (row_of_each_edge(rowptr, col).unsqueeze(1) * num_kernels + kernel).flatten()
    terms = x[col].repeat_interleave(active, 0)
    if weight is not None:
        terms = terms * per_row(weight.flatten(), terms)
    sums = x.new_zeros((num_rows * num_kernels, *x.shape[1:])).index_add(0, place, terms)
    sums = sums.view(num_rows, num_kernels, *x.shape[1:])
    if reduce == "sum":
        return sums
    counts = torch.bincount(place, minlength=num_rows * num_kernels).view(num_rows, num_kernels)
    return sums / per_row((rowptr.diff() if reduce == "mean" else counts).clamp(min=1), sums)


def _fake_gather_kernel_reduce(
    x: Tensor, rowptr: Tensor, col: Tensor, weight: Tensor, reduce: str = "sum"
) -> Tensor:
    same_device("gather_kernel_reduce", x=x, rowptr=rowptr, col=col, weight=weight)
    return x.new_empty((rowptr.size(0) - 1, weight.size(1), *x.shape[1:]))


def _fake_gather_sparse_kernel_reduce(
    x: Tensor,
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    kernel: Tensor,
    like: Tensor,
    reduce: str = "sum",
) -> Tensor:
    tensors = {"x": x, "rowptr": rowptr, "col": col, "weight": weight, "kernel": kernel, "like": like}
    same_device("gather_sparse_kernel_reduce", **tensors)
    return x.new_empty((rowptr.size(0) - 1, like.size(0), *x.shape[1:]))


torch.library.register_fake("geocompile::gather_kernel_reduce", _fake_gather_kernel_reduce)
torch.library.register_fake("geocompile::gather_sparse_kernel_reduce", _fake_gather_sparse_kernel_reduce)
for _name in ("gather_kernel_reduce", "gather_sparse_kernel_reduce"):
    # Under autocast they work in float32, as reductions do in torch.
    torch.library.register_autocast(f"geocompile::{_name}", "cpu", torch.float32)
_DENSE = ("GatherKernelSum", "GatherKernelMean")
_SPARSE = tuple(
    f"GatherSparseKernel{name}{weighted}" for name in REDUCTIONS.values() for weighted in ("", "Weighted")
)
register(Operator("gather_kernel_reduce", gather_kernel_reduce_reference, True, _DENSE, {"col": "x"}))
register(
    Operator(
        "gather_sparse_kernel_reduce",
        gather_sparse_kernel_reduce_reference,
        True,
        _SPARSE,
        {"col": "x", "kernel": "like"},
    )
)

from geocompile.custom_ops.operators import kernels_backward as kernels_backward  # noqa: E402  (needs the above)
