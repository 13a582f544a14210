"""Second derivatives of additive attention: the gradients of the operators that its gradients are made of.

The leaky ReLU's slope is constant but for its kink. These are rare, and are written out per edge, head and channel.
"""

from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.additive_attention import argument_of_leaky_relu
from geocompile.custom_ops.operators.additive_attention_backward import slope_at
from geocompile.custom_ops.operators.csr import row_of_each_edge


def _save_sums(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    weight, target, source, rowptr, col, ctx.negative_slope, edge, edge_weight = inputs
    ctx.save_for_backward(weight, target, source, edge, edge_weight, rowptr, col)


def _sums_backward(ctx: Any, grad_slopes: Tensor, grad_values: Tensor) -> tuple[Tensor | None, ...]:
    weight, target, source, edge, edge_weight, rowptr, col = ctx.saved_tensors
    rows = row_of_each_edge(rowptr, col)
    z = argument_of_leaky_relu(target, source, rows, col, edge, edge_weight)
    slope, on_values = slope_at(z, ctx.negative_slope), grad_values[rows]
    of_weight = (slope * (grad_slopes[rows] + z * on_values)).sum(2)
    of_z = weight.unsqueeze(2) * slope * on_values
    of_target = torch.zeros_like(target).index_add(0, rows, of_z)
    of_source = torch.zeros_like(source).index_add(0, col, of_z)
    of_edge, of_edge_weight = None, None
    if edge is not None:
        of_edge = torch.einsum("phc,hcq->pq", of_z, edge_weight)
        of_edge_weight = torch.einsum("phc,pq->hcq", of_z, edge)
    return of_weight, of_target, of_source, None, None, None, of_edge, of_edge_weight


def _save_edges(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    weight, target, source, att, row, col, ctx.negative_slope, edge, edge_weight = inputs
    ctx.save_for_backward(weight, target, source, att, edge, edge_weight, row, col)


def _edges_backward(ctx: Any, grad_edge: Tensor, grad_edge_weight: Tensor) -> tuple[Tensor | None, ...]:
    weight, target, source, att, edge, edge_weight, row, col = ctx.saved_tensors
    z = argument_of_leaky_relu(target, source, row, col, edge, edge_weight)
    slope = slope_at(z, ctx.negative_slope)
    of_z = weight.unsqueeze(2) * att * slope
    change = torch.einsum("pq,hcq->phc", grad_edge, edge_weight)
    change = slope * (change + torch.einsum("pq,hcq->phc", edge, grad_edge_weight))
    of_edge = torch.einsum("phc,hcq->pq", of_z, grad_edge_weight)
    of_edge_weight = torch.einsum("phc,pq->hcq", of_z, grad_edge)
    of_weight, of_att = (change * att).sum(2), (change * weight.unsqueeze(2)).sum(0)
    of_ends = torch.zeros_like(target), torch.zeros_like(source)
    return of_weight, *of_ends, of_att, None, None, None, of_edge, of_edge_weight


torch.library.register_autograd("geocompile::additive_sums", _sums_backward, setup_context=_save_sums)
torch.library.register_autograd(
    "geocompile::additive_edge_gradients", _edges_backward, setup_context=_save_edges
)
