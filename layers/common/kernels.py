"""Sums over neighbours in which every edge weighs several kernels, each with a matrix of its own. Scriptable.

GMMConv (a kernel is a Gaussian), NNConv (a hidden channel of the edge network), SplineConv (a B-spline) and RGCNConv
(a relation) are such sums: features are summed once for each kernel, then multiplied by the matrices at the nodes.
"""

import torch
from torch import Tensor

from geocompile.custom_ops import gather_kernel_reduce, gather_segment_reduce, gather_sparse_kernel_reduce


def channels_at_once(channels: int, num_kernels: int) -> int:
    """How many channels go through the kernels together.

    Sums of shape [num_nodes, num_kernels, channels] are wide. They are made a few channels at a time, some twice
    the features themselves; the features that one pass gathers then stand close to each other.
    """
    line = 16  # a cache line of float32: a pass begins with one
    width = 2 * channels // max(num_kernels, 1) // line * line
    return min(max(width, line), max(channels, 1))


def with_product(out: Tensor, sums: Tensor, matrices: Tensor) -> Tensor:
    """``out + sums @ matrices`` in place of ``out``, in the dtype of the sums: under autocast they are of float32.

    Args:
        out: ``[num_rows, out_channels]``, not needed any more.
        sums: ``[num_rows, num_kernels * channels]``.
        matrices: ``[num_kernels, channels, out_channels]``.
    """
    return out.to(sums.dtype).addmm_(sums, matrices.flatten(0, 1).to(sums.dtype))


def kernel_sum(
    x: Tensor, rowptr: Tensor, col: Tensor, weight: Tensor, matrices: Tensor, reduce: str
) -> Tensor:
    """``out[i] = reduce_p sum_k weight[p, k] * x[col[p]] @ matrices[k]``, p in row i.

    Args:
        x: ``[num_sources, in_channels]``.
        rowptr: ``[num_rows + 1]``, edges by receiving node.
        col: ``[num_edges]``, the sending node of each.
        weight: ``[num_edges, num_kernels]``, in row order.
        matrices: ``[num_kernels, in_channels, out_channels]``.
        reduce: ``"sum"`` or ``"mean"``.
    """
    out = x.new_zeros([rowptr.size(0) - 1, matrices.size(2)])
    width = channels_at_once(matrices.size(1), matrices.size(0))
    for start in range(0, matrices.size(1), width):
        # No variable holds the sums: those of one pass are gone before the next makes its own.
        out = with_product(
            out,
            gather_kernel_reduce(x[:, start : start + width], rowptr, col, weight, reduce).flatten(1),
            matrices[:, start : start + width],
        )
    return out


def sparse_kernel_sum(
    x: Tensor,
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    kernel: Tensor,
    matrices: Tensor,
    reduce: str,
) -> Tensor:
    """:func:`kernel_sum` where an edge weighs only the kernels that ``kernel`` names.

    Args:
        kernel: ``[num_edges]`` or ``[num_edges, active]``, dtype of ``col``.
        weight: of the same shape; None: 1.
        reduce: also ``"mean_per_kernel"``, the mean over a row's edges of one kernel, then the sum over kernels.
    """
    out = x.new_zeros([rowptr.size(0) - 1, matrices.size(2)])
    width = channels_at_once(matrices.size(1), matrices.size(0))
    for start in range(0, matrices.size(1), width):
        part = x[:, start : start + width]
        out = with_product(
            out,
            gather_sparse_kernel_reduce(part, rowptr, col, weight, kernel, matrices, reduce).flatten(1),
            matrices[:, start : start + width],
        )
    return out


def kernel_messages(x: Tensor, col: Tensor, weight: Tensor, kernel: Tensor, matrices: Tensor) -> Tensor:
    """The message of each edge, ``sum_s weight[p, s] * x[col[p]] @ matrices[kernel[p, s]]``, for a maximum over them.

    Nodes are multiplied by all matrices first, [num_sources, num_kernels, out_channels].

    Args:
        x: ``[num_sources, in_channels]``.
        col: ``[num_edges]``, the sending node of each edge.
        weight: ``[num_edges, active]``.
        kernel: ``[num_edges, active]``, dtype of ``col``.
        matrices: ``[num_kernels, in_channels, out_channels]``.
    """
    num_kernels, in_channels, out_channels = matrices.size(0), matrices.size(1), matrices.size(2)
    mapped = x @ matrices.transpose(0, 1).reshape([in_channels, num_kernels * out_channels])
    place = (col * num_kernels).unsqueeze(1) + kernel
    terms = torch.arange(col.size(0) + 1, dtype=col.dtype, device=col.device) * kernel.size(1)
    mapped = mapped.view([x.size(0) * num_kernels, out_channels])
    return gather_segment_reduce(mapped, terms, place.flatten(), weight.flatten(), None, "sum")
