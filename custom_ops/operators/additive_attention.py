"""Additive attention over the edges of a graph (GATv2): its coefficients, and the sums that they weight, fused."""

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import row_of_each_edge
from geocompile.custom_ops.operators.halves import in_float32
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.operators.softmax import softmax_of_rows
from geocompile.custom_ops.registry import Operator, register


def additive_coefficients(
    target: Tensor,
    source: Tensor,
    att: Tensor,
    rowptr: Tensor,
    col: Tensor,
    negative_slope: float = 0.2,
    edge: Tensor | None = None,
    edge_weight: Tensor | None = None,
) -> Tensor:
    """Attention coefficients of GATv2, the softmax of additive scores over the edges of each row.

    ``score[p] = <att, leaky_relu(target[i] + source[col[p]] + edge_weight edge[p])>`` for p in row i, for each head.
    For training with dropout: drop some of them and hand them to `gather_segment_reduce` as weights per head.

    Args:
        target: ``[num_rows, heads, channels]`` float32, float64, float16 or bfloat16 (halves are computed in float32).
        source: ``[num_sources, heads, channels]``, dtype of `target`.
        att: ``[heads, channels]``, dtype of `target`.
        rowptr: ``[num_rows + 1]`` int64 or int32, from `csr_from_coo`.
        col: ``[num_edges]``, dtype of `rowptr`, the source of each edge in row order, below num_sources.
        negative_slope: Of the leaky ReLU.
        edge: ``[num_edges, edge_channels]``, dtype of `target`, features of the edges in row order, or None.
        edge_weight: ``[heads, channels, edge_channels]``, dtype of `target`; given with `edge`, or None.

    Returns:
        ``[num_edges, heads]`` in row order, dtype of `target`.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a `rowptr` or `col` that points outside.

    Source: Brody et al., "How attentive are graph attention networks?" (2022).
    """
    return torch.ops.geocompile.additive_coefficients(  # type: ignore[no-any-return]
        target, source, att, rowptr, col, negative_slope, edge, edge_weight
    )


def additive_attention(
    target: Tensor,
    source: Tensor,
    att: Tensor,
    rowptr: Tensor,
    col: Tensor,
    negative_slope: float = 0.2,
    edge: Tensor | None = None,
    edge_weight: Tensor | None = None,
) -> Tensor:
    """Additive attention over edges: ``out[i] = sum_p alpha[p] source[col[p]]`` for p in row i, for each head.

    ``alpha`` is that of `additive_coefficients`. Nothing is stored per edge, neither the scores nor the product of
    `edge_weight` and `edge`. A row without edges gives 0. The order of summation is fixed: the same input gives the
    same bits for any number of threads.

    Args:
        target: ``[num_rows, heads, channels]`` float32, float64, float16 or bfloat16 (halves are computed in float32).
        source: ``[num_sources, heads, channels]``, dtype of `target`.
        att: ``[heads, channels]``, dtype of `target`.
        rowptr: ``[num_rows + 1]`` int64 or int32, from `csr_from_coo`.
        col: ``[num_edges]``, dtype of `rowptr`, the source of each edge in row order, below num_sources.
        negative_slope: Of the leaky ReLU.
        edge: ``[num_edges, edge_channels]``, dtype of `target`, features of the edges in row order, or None.
        edge_weight: ``[heads, channels, edge_channels]``, dtype of `target`; given with `edge`, or None.

    Returns:
        ``[num_rows, heads, channels]``, dtype of `target`.

    Raises:
        ValueError: For a wrong dtype or shape.
        IndexError: For a `rowptr` or `col` that points outside.

    Source: Brody et al., "How attentive are graph attention networks?" (2022), PyG's ``GATv2Conv``.
    """
    return torch.ops.geocompile.additive_attention(  # type: ignore[no-any-return]
        target, source, att, rowptr, col, negative_slope, edge, edge_weight
    )


@in_float32
def additive_coefficients_reference(
    target: Tensor,
    source: Tensor,
    att: Tensor,
    rowptr: Tensor,
    col: Tensor,
    negative_slope: float = 0.2,
    edge: Tensor | None = None,
    edge_weight: Tensor | None = None,
) -> Tensor:
    """The meaning of `additive_coefficients`."""
    rows = row_of_each_edge(rowptr, col)
    z = argument_of_leaky_relu(target, source, rows, col, edge, edge_weight)
    scores = (att * torch.nn.functional.leaky_relu(z, negative_slope)).sum(2)
    return softmax_of_rows(scores, rows, target.size(0))


@in_float32
def additive_attention_reference(
    target: Tensor,
    source: Tensor,
    att: Tensor,
    rowptr: Tensor,
    col: Tensor,
    negative_slope: float = 0.2,
    edge: Tensor | None = None,
    edge_weight: Tensor | None = None,
) -> Tensor:
    """The meaning of `additive_attention`."""
    alpha = additive_coefficients_reference(
        target, source, att, rowptr, col, negative_slope, edge, edge_weight
    )
    rows = row_of_each_edge(rowptr, col)
    return torch.zeros_like(target).index_add(0, rows, alpha.unsqueeze(2) * source[col])


def argument_of_leaky_relu(
    target: Tensor,
    source: Tensor,
    row: Tensor,
    col: Tensor,
    edge: Tensor | None,
    edge_weight: Tensor | None,
) -> Tensor:
    """``[num_edges, heads, channels]``, for what serves as a definition."""
    z = target[row] + source[col]
    if edge is None or edge_weight is None:
        return z
    return z + torch.einsum("hcq,pq->phc", edge_weight, edge)


def _fake_additive_coefficients(
    target: Tensor,
    source: Tensor,
    att: Tensor,
    rowptr: Tensor,
    col: Tensor,
    negative_slope: float = 0.2,
    edge: Tensor | None = None,
    edge_weight: Tensor | None = None,
) -> Tensor:
    tensors = {"target": target, "source": source, "att": att, "rowptr": rowptr, "col": col}
    same_device("additive_coefficients", **tensors, edge=edge, edge_weight=edge_weight)
    return target.new_empty((col.size(0), target.size(1)))


def _fake_additive_attention(
    target: Tensor,
    source: Tensor,
    att: Tensor,
    rowptr: Tensor,
    col: Tensor,
    negative_slope: float = 0.2,
    edge: Tensor | None = None,
    edge_weight: Tensor | None = None,
) -> Tensor:
    tensors = {"target": target, "source": source, "att": att, "rowptr": rowptr, "col": col}
    same_device("additive_attention", **tensors, edge=edge, edge_weight=edge_weight)
    return target.new_empty((rowptr.size(0) - 1, target.size(1), target.size(2)))


torch.library.register_fake("geocompile::additive_coefficients", _fake_additive_coefficients)
torch.library.register_fake("geocompile::additive_attention", _fake_additive_attention)
for _name in ("additive_coefficients", "additive_attention"):
    torch.library.register_autocast(f"geocompile::{_name}", "cpu", torch.float32)
_TYPES = ("AdditiveCoefficients", "AdditiveCoefficientsEdge")
register(Operator("additive_coefficients", additive_coefficients_reference, True, _TYPES, {"col": "source"}))
_TYPES = ("AdditiveAttention", "AdditiveAttentionEdge")
register(Operator("additive_attention", additive_attention_reference, True, _TYPES, {"col": "source"}))

from geocompile.custom_ops.operators import additive_attention_backward as additive_attention_backward  # noqa: E402
