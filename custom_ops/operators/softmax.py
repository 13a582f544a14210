"""Softmax of the values of each segment: attention scores over a node's edges."""

from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import per_row, row_of_each_edge
from geocompile.custom_ops.operators.halves import in_float32, widened
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.registry import Operator, register

_ops = torch.ops.geocompile


def segment_softmax(src: Tensor, rowptr: Tensor, perm: Tensor | None = None) -> Tensor:
    """Softmax over the rows of `src` that belong to each segment, channel by channel.

    ``out[e] = exp(src[e] - max) / sum_q exp(src[q] - max)``, maximum and sum over e's segment. The order of
    summation is fixed: the same input gives the same bits for any number of threads. A value of -inf gets 0,
    unless all of its segment are: then they get NaN, as in `torch.softmax`.

    Args:
        src: ``[num_edges, *]`` float32, float64, float16 or bfloat16 (halves are computed in float32).
        rowptr: ``[num_segments + 1]`` int64 or int32, where each segment starts; from `csr_from_coo`.
        perm: ``[num_edges]``, dtype of `rowptr`, which row of `src` stands at each place; None: in order. A
            permutation; a row of `src` that it does not name gets 0.

    Returns:
        The shape and dtype of `src`, in the order of `src`.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a `rowptr` or `perm` that points outside.
    """
    return torch.ops.geocompile.segment_softmax(src, rowptr, perm)  # type: ignore[no-any-return]


@in_float32
def segment_softmax_reference(src: Tensor, rowptr: Tensor, perm: Tensor | None = None) -> Tensor:
    """The meaning of `segment_softmax`."""
    scores = src if perm is None else src[perm]
    weights = softmax_of_rows(scores, row_of_each_edge(rowptr, scores), rowptr.size(0) - 1)
    return weights if perm is None else torch.zeros_like(src).index_copy(0, perm.long(), weights)


def softmax_of_rows(scores: Tensor, rows: Tensor, num_rows: int) -> Tensor:
    """Softmax of `scores` ``[terms, *]`` within rows; `rows` is the row of each term."""
    index = per_row(rows, scores).expand_as(scores)
    lowest = scores.new_full((num_rows, *scores.shape[1:]), -torch.inf)
    maximum = lowest.scatter_reduce(0, index, scores.detach(), "amax")
    exponentials = (scores - maximum[rows]).exp()
    return exponentials / torch.zeros_like(lowest).index_add(0, rows, exponentials)[rows]


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _src, rowptr, perm = inputs
    ctx.save_for_backward(output, rowptr, perm)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """``out (grad - sum of out grad over the segment)``."""
    out, rowptr, perm = ctx.saved_tensors
    weighted = widened(out) * widened(grad)
    sums = _ops.segment_reduce(weighted, rowptr, perm, "sum")
    rows = row_of_each_edge(rowptr, out if perm is None else perm)
    if perm is not None:
        rows = torch.zeros(out.size(0), dtype=rows.dtype, device=rows.device).index_copy(0, perm.long(), rows)
    return (weighted - widened(out) * sums.index_select(0, rows)).to(out.dtype), None, None


def _fake_segment_softmax(src: Tensor, rowptr: Tensor, perm: Tensor | None = None) -> Tensor:
    same_device("segment_softmax", src=src, rowptr=rowptr, perm=perm)
    return src.new_empty(src.shape)


torch.library.register_fake("geocompile::segment_softmax", _fake_segment_softmax)
torch.library.register_autocast("geocompile::segment_softmax", "cpu", torch.float32)
torch.library.register_autograd("geocompile::segment_softmax", _backward, setup_context=_save)
_TYPES = ("SegmentSoftmax", "SegmentSoftmaxPermuted")
register(Operator("segment_softmax", segment_softmax_reference, True, _TYPES))
