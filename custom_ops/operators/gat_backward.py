"""Gradients of GAT's attention: coefficients are computed again, and nothing is stored per edge and channel."""

from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import row_of_each_edge, transpose
from geocompile.custom_ops.operators.gat import scores_of
from geocompile.custom_ops.operators.halves import widened
from geocompile.custom_ops.operators.segment_backward import needs_grad

_ops = torch.ops.geocompile


class _Attention:
    """The tensors that the scores are made of, halves in float32, and the gradients with respect to them."""

    def __init__(self, tensors: tuple[Any, ...], negative_slope: float, self_loops: bool) -> None:
        self.rowptr, self.col, source, target, edge, self_edge = tensors
        self.source, self.target = widened(source), widened(target)
        self.edge = None if edge is None else widened(edge)
        self.self_edge = None if self_edge is None else widened(self_edge)
        self.negative_slope, self.self_loops = negative_slope, self_loops

    def coefficients(self) -> tuple[Tensor, Tensor]:
        alpha, self_alpha = _ops.gat_coefficients(
            self.rowptr,
            self.col,
            self.source,
            self.target,
            self.edge,
            self.self_edge,
            self.negative_slope,
            self.self_loops,
        )
        return alpha, self_alpha

    def backward(
        self,
        alpha: Tensor,
        self_alpha: Tensor,
        grad_alpha: Tensor,
        grad_self: Tensor,
        columns: tuple[Tensor, Tensor, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Gradients of ``source``, ``target``, ``edge`` and ``self_edge`` from those of the coefficients."""
        rows = row_of_each_edge(self.rowptr, self.col)
        weighted, weighted_self = alpha * grad_alpha, self_alpha * grad_self
        sums = _ops.segment_reduce(weighted, self.rowptr, None, "sum") + weighted_self
        on_edges, on_loops, _ = scores_of(
            self.rowptr, self.col, self.source, self.target, self.edge, self.self_edge, self.self_loops
        )
        edge = self._through_leaky_relu(weighted - alpha * sums.index_select(0, rows), on_edges)
        target = _ops.segment_reduce(edge, self.rowptr, None, "sum")
        t_rowptr, _, t_perm = columns
        source = _ops.segment_reduce(edge, t_rowptr, t_perm, "sum")
        if not self.self_loops:
            return source, target, edge, target
        own = self._through_leaky_relu(weighted_self - self_alpha * sums, on_loops)
        return source + own, target + own, edge, own

    def _through_leaky_relu(self, grad: Tensor, value: Tensor) -> Tensor:
        return torch.where(value > 0, grad, grad * self.negative_slope)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    *tensors, ctx.negative_slope, ctx.self_loops = inputs
    ctx.save_for_backward(*tensors)


def _coefficients_backward(ctx: Any, grad_alpha: Tensor, grad_self: Tensor) -> tuple[Tensor | None, ...]:
    tensors = ctx.saved_tensors
    attention = _Attention(tensors, ctx.negative_slope, ctx.self_loops)
    columns = transpose(attention.rowptr, attention.col, tensors[2])
    grads = attention.backward(*attention.coefficients(), widened(grad_alpha), widened(grad_self), columns)
    return (None, None, *_as(grads, tensors[2:]), None, None)


def _aggregate_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, *tensors = ctx.saved_tensors
    attention = _Attention(tuple(tensors), ctx.negative_slope, ctx.self_loops)
    alpha, self_alpha = attention.coefficients()
    rowptr, col, wide_x, wide_grad = attention.rowptr, attention.col, widened(x), widened(grad)
    columns = t_rowptr, t_rows, t_perm = transpose(rowptr, col, x)
    needs, grad_x, grads = needs_grad(ctx, 9), None, (None, None, None, None)
    if needs[0]:
        own = self_alpha if ctx.self_loops else None
        weights = alpha.index_select(0, t_perm)
        grad_x = _ops.gather_segment_reduce(wide_grad, t_rowptr, t_rows, weights, own, "sum").to(x.dtype)
    if any(needs[3:7]):
        grad_alpha = _ops.edge_dot(wide_grad, wide_x, rowptr, col, True)
        grad_self = (wide_grad * wide_x).sum(2) if ctx.self_loops else torch.zeros_like(self_alpha)
        grads = _as(attention.backward(alpha, self_alpha, grad_alpha, grad_self, columns), tensors[2:])
    return (grad_x, None, None, *grads, None, None)


def _as(grads: Any, tensors: Any) -> Any:
    """Each gradient in the dtype of what it belongs to, None where that was not given."""
    return tuple(None if t is None else g.to(t.dtype) for g, t in zip(grads, tensors, strict=True))


torch.library.register_autograd("geocompile::gat_coefficients", _coefficients_backward, setup_context=_save)
torch.library.register_autograd("geocompile::gat_aggregate", _aggregate_backward, setup_context=_save)
