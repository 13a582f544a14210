"""Gradients of dot-product attention: coefficients are computed again; per edge there is a number for each head."""

from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import row_of_each_edge, transpose
from geocompile.custom_ops.operators.edge_features import edge_products, sums_of_edges, sums_over_heads
from geocompile.custom_ops.operators.halves import widened
from geocompile.custom_ops.operators.segment_backward import needs_grad

_ops = torch.ops.geocompile


def through_softmax(alpha: Tensor, grad: Tensor, rowptr: Tensor, row_of_edge: Tensor) -> Tensor:
    """The gradient of the scores from that of their softmax over each row, both ``[num_edges, heads]``."""
    weighted = alpha * grad
    sums = _ops.segment_reduce(weighted, rowptr, None, "sum")
    return weighted - alpha * sums.index_select(0, row_of_edge)  # type: ignore[no-any-return]


class _Scores:
    """What the scores are made of, halves in float32, and the gradients with respect to it."""

    def __init__(self, tensors: tuple[Any, ...], scale: float) -> None:
        query, key, self.rowptr, self.col, edge_query, edge = tensors
        self.query, self.key, self.scale = widened(query), widened(key), scale
        self.edge_query = None if edge_query is None else widened(edge_query)
        self.edge = None if edge is None else widened(edge)
        self.row_of_edge = row_of_each_edge(self.rowptr, self.col)
        self.columns = transpose(self.rowptr, self.col, key)

    def coefficients(self) -> Tensor:
        arguments = (self.query, self.key, self.rowptr, self.col, self.scale, self.edge_query, self.edge)
        return _ops.dot_coefficients(*arguments)  # type: ignore[no-any-return]

    def backward(self, alpha: Tensor, grad_alpha: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of ``query``, ``key``, ``edge_query`` and ``edge``."""
        scores = through_softmax(alpha, grad_alpha, self.rowptr, self.row_of_edge) * self.scale
        query = _ops.gather_segment_reduce(self.key, self.rowptr, self.col, scores, None, "sum")
        key = self.to_sources(self.query, scores)
        if self.edge is None or self.edge_query is None:
            return query, key, None, None
        edge_query = sums_of_edges(scores, self.edge, self.rowptr)
        return query, key, edge_query, sums_over_heads(scores, self.edge_query, self.row_of_edge)

    def to_sources(self, rows: Tensor, weight: Tensor) -> Tensor:
        """``out[j, h] = sum of weight[p, h] rows[i, h]`` over the edges p from j to i."""
        rowptr, row_of_edge, place = self.columns
        weights = weight.index_select(0, place)
        return _ops.gather_segment_reduce(rows, rowptr, row_of_edge, weights, None, "sum")  # type: ignore[no-any-return]


def _save_coefficients(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    query, key, rowptr, col, ctx.scale, edge_query, edge = inputs
    ctx.save_for_backward(query, key, rowptr, col, edge_query, edge)


def _coefficients_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    tensors = ctx.saved_tensors
    scores = _Scores(tensors, ctx.scale)
    grads = scores.backward(scores.coefficients(), widened(grad))
    query, key, edge_query, edge = as_given(grads, (*tensors[:2], *tensors[4:]))
    return query, key, None, None, None, edge_query, edge


def _save_attention(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    query, key, value, rowptr, col, ctx.scale, edge_query, edge = inputs
    ctx.save_for_backward(query, key, rowptr, col, edge_query, edge, value)


def _attention_backward(ctx: Any, grad: Tensor, grad_edge: Tensor) -> tuple[Tensor | None, ...]:
    *tensors, value = ctx.saved_tensors
    scores = _Scores(tuple(tensors), ctx.scale)
    alpha, wide_grad, needs = scores.coefficients(), widened(grad), needs_grad(ctx, 8)
    of_value = scores.to_sources(wide_grad, alpha).to(value.dtype) if needs[2] else None
    if not any((*needs[:2], *needs[6:])):
        return None, None, of_value, None, None, None, None, None
    grad_alpha = _ops.edge_dot(wide_grad, widened(value), scores.rowptr, scores.col, True)
    if scores.edge is not None:
        wide_grad_edge = widened(grad_edge)
        grad_alpha = grad_alpha + edge_products(wide_grad_edge, scores.edge, scores.rowptr)
    query, key, edge_query, edge = scores.backward(alpha, grad_alpha)
    if edge is not None:
        edge = edge + sums_over_heads(alpha, wide_grad_edge, scores.row_of_edge)
    grads = as_given((query, key, edge_query, edge), (*tensors[:2], *tensors[4:]))
    return grads[0], grads[1], of_value, None, None, None, grads[2], grads[3]


def as_given(grads: tuple[Tensor | None, ...], tensors: tuple[Any, ...]) -> tuple[Tensor | None, ...]:
    """Each gradient in the dtype of what it belongs to, None where that was not given."""
    return tuple(None if g is None else g.to(t.dtype) for g, t in zip(grads, tensors, strict=True))


torch.library.register_autograd(
    "geocompile::dot_coefficients", _coefficients_backward, setup_context=_save_coefficients
)
torch.library.register_autograd(
    "geocompile::dot_attention", _attention_backward, setup_context=_save_attention
)
