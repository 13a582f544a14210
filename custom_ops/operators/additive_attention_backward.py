"""Gradients of additive attention: what the forward pass did not store is computed again, edge by edge."""

from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.additive_attention import argument_of_leaky_relu
from geocompile.custom_ops.operators.csr import row_of_each_edge, transpose
from geocompile.custom_ops.operators.dot_attention_backward import as_given, through_softmax
from geocompile.custom_ops.operators.halves import widened
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.registry import Operator, register

_ops = torch.ops.geocompile


class _Scores:
    """What the scores are made of, halves in float32, and the gradients with respect to it."""

    def __init__(self, tensors: tuple[Any, ...], negative_slope: float) -> None:
        target, source, att, self.rowptr, self.col, edge, edge_weight = tensors
        self.target, self.source, self.att = widened(target), widened(source), widened(att)
        self.edge = None if edge is None else widened(edge)
        self.edge_weight = None if edge_weight is None else widened(edge_weight)
        self.negative_slope = negative_slope
        self.row_of_edge = row_of_each_edge(self.rowptr, self.col)
        self.columns = transpose(self.rowptr, self.col, source)

    def coefficients(self) -> Tensor:
        return _ops.additive_coefficients(  # type: ignore[no-any-return]
            self.target,
            self.source,
            self.att,
            self.rowptr,
            self.col,
            self.negative_slope,
            self.edge,
            self.edge_weight,
        )

    def backward(self, alpha: Tensor, grad_alpha: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of ``target``, ``source``, ``att``, ``edge`` and ``edge_weight``."""
        scores = through_softmax(alpha, grad_alpha, self.rowptr, self.row_of_edge)
        slope, options = self.negative_slope, (self.edge, self.edge_weight)
        slopes, values = _ops.additive_sums(
            scores, self.target, self.source, self.rowptr, self.col, slope, *options
        )
        att = _ops.segment_reduce(values, _one_segment(values, self.rowptr), None, "sum").squeeze(0)
        rowptr, row_of_edge, place = self.columns
        # A score takes its two ends alike: seen from the source, the target is what is gathered.
        edge = None if self.edge is None else self.edge.index_select(0, place)
        of_sources, _ = _ops.additive_sums(
            scores.index_select(0, place),
            self.source,
            self.target,
            rowptr,
            row_of_edge,
            slope,
            edge,
            self.edge_weight,
        )
        edges: tuple[Tensor | None, Tensor | None] = (None, None)
        if self.edge is not None:
            row = self.row_of_edge.to(self.col.dtype)
            edges = _ops.additive_edge_gradients(
                scores, self.target, self.source, self.att, row, self.col, slope, *options
            )
        return slopes * self.att, of_sources * self.att, att, *edges

    def weighted_sources(self, alpha: Tensor, grad: Tensor) -> Tensor:
        """``out[j, h] = sum of alpha[p, h] grad[i, h]`` over the edges p from j to i."""
        rowptr, row_of_edge, place = self.columns
        weights = alpha.index_select(0, place)
        return _ops.gather_segment_reduce(grad, rowptr, row_of_edge, weights, None, "sum")  # type: ignore[no-any-return]


def _one_segment(values: Tensor, rowptr: Tensor) -> Tensor:
    """All rows in one: their sum in an order that threads do not show in."""
    return torch.tensor([0, 1], dtype=rowptr.dtype, device=rowptr.device) * values.size(0)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    target, source, att, rowptr, col, ctx.negative_slope, edge, edge_weight = inputs
    ctx.save_for_backward(target, source, att, rowptr, col, edge, edge_weight)


def _coefficients_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    scores = _Scores(ctx.saved_tensors, ctx.negative_slope)
    return _returned(scores.backward(scores.coefficients(), widened(grad)), ctx.saved_tensors)


def _attention_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    scores = _Scores(ctx.saved_tensors, ctx.negative_slope)
    alpha, wide_grad = scores.coefficients(), widened(grad)
    grad_alpha = _ops.edge_dot(wide_grad, scores.source, scores.rowptr, scores.col, True)
    target, source, *rest = scores.backward(alpha, grad_alpha)
    source = source + scores.weighted_sources(alpha, wide_grad)  # type: ignore[operator]
    return _returned((target, source, *rest), ctx.saved_tensors)


def _returned(grads: tuple[Tensor | None, ...], tensors: tuple[Any, ...]) -> tuple[Tensor | None, ...]:
    target, source, att, edge, weight = as_given(grads, (*tensors[:3], *tensors[5:]))
    return target, source, att, None, None, None, edge, weight


def slope_at(z: Tensor, negative_slope: float) -> Tensor:
    return torch.where(z > 0, 1.0, negative_slope).to(z.dtype)


def additive_sums_reference(
    weight: Tensor,
    target: Tensor,
    source: Tensor,
    rowptr: Tensor,
    col: Tensor,
    negative_slope: float,
    edge: Tensor | None,
    edge_weight: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Sums over each row of ``weight[p] leaky_relu'(z[p])`` and of ``weight[p] leaky_relu(z[p])``."""
    rows = row_of_each_edge(rowptr, col)
    z = argument_of_leaky_relu(target, source, rows, col, edge, edge_weight)
    slopes, zeros = weight.unsqueeze(2) * slope_at(z, negative_slope), torch.zeros_like(target)
    return zeros.index_add(0, rows, slopes), zeros.index_add(0, rows, slopes * z)


def additive_edge_gradients_reference(
    weight: Tensor,
    target: Tensor,
    source: Tensor,
    att: Tensor,
    row: Tensor,
    col: Tensor,
    negative_slope: float,
    edge: Tensor,
    edge_weight: Tensor,
) -> tuple[Tensor, Tensor]:
    """Gradients of ``edge`` and ``edge_weight``, `weight` being that of the scores."""
    z = argument_of_leaky_relu(target, source, row, col, edge, edge_weight)
    grad = weight.unsqueeze(2) * att * slope_at(z, negative_slope)
    return torch.einsum("phc,hcq->pq", grad, edge_weight), torch.einsum("phc,pq->hcq", grad, edge)


def _fake_additive_sums(
    weight: Tensor,
    target: Tensor,
    source: Tensor,
    rowptr: Tensor,
    col: Tensor,
    negative_slope: float,
    edge: Tensor | None,
    edge_weight: Tensor | None,
) -> tuple[Tensor, Tensor]:
    tensors = {"weight": weight, "target": target, "source": source, "rowptr": rowptr, "col": col}
    same_device("additive_sums", **tensors, edge=edge, edge_weight=edge_weight)
    return target.new_empty(target.shape), target.new_empty(target.shape)


def _fake_additive_edge_gradients(
    weight: Tensor,
    target: Tensor,
    source: Tensor,
    att: Tensor,
    row: Tensor,
    col: Tensor,
    negative_slope: float,
    edge: Tensor,
    edge_weight: Tensor,
) -> tuple[Tensor, Tensor]:
    tensors = {"weight": weight, "target": target, "source": source, "att": att, "row": row, "col": col}
    same_device("additive_edge_gradients", **tensors, edge=edge, edge_weight=edge_weight)
    return edge.new_empty(edge.shape), edge_weight.new_empty(edge_weight.shape)


torch.library.register_fake("geocompile::additive_sums", _fake_additive_sums)
torch.library.register_fake("geocompile::additive_edge_gradients", _fake_additive_edge_gradients)
torch.library.register_autograd(
    "geocompile::additive_coefficients", _coefficients_backward, setup_context=_save
)
torch.library.register_autograd("geocompile::additive_attention", _attention_backward, setup_context=_save)
register(Operator("additive_sums", additive_sums_reference, True, ()))
register(Operator("additive_edge_gradients", additive_edge_gradients_reference, True, ()))

from geocompile.custom_ops.operators import additive_attention_second as additive_attention_second  # noqa: E402
