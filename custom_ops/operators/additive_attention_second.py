"""Second derivatives of additive attention: the gradients of the operators that its gradients are made of.

The leaky ReLU's slope is constant but for its kink. These are rare, and are written in torch: what is needed per edge,
head and channel is computed for a block of edges at a time.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geocompile.custom_ops.operators.additive_attention import argument_of_leaky_relu
from geocompile.custom_ops.operators.additive_attention_backward import slope_at
from geocompile.custom_ops.operators.csr import row_of_each_edge

BLOCK_SIZE = 2**20  # elements of a block: the sizes alone decide, so that sums have one order


class _Block(NamedTuple):
    """Some of the edges, their ends, and of the leaky ReLU the argument and the slope there."""

    edges: slice
    row: Tensor
    col: Tensor
    z: Tensor  # [edges of the block, heads, channels]
    slope: Tensor


def _blocks(
    ends: tuple[Tensor, Tensor],
    nodes: tuple[Tensor, Tensor],
    features: tuple[Tensor | None, Tensor | None],
    negative_slope: float,
) -> Iterator[_Block]:
    """The edges from `nodes` (target and source) at their `ends`, with `features` (edge and edge_weight)."""
    edge, edge_weight = features
    length = max(1, BLOCK_SIZE // max(1, nodes[0].size(1) * nodes[0].size(2)))
    for begin in range(0, ends[0].size(0), length):
        edges = slice(begin, begin + length)
        row, col = (end[edges] for end in ends)
        z = argument_of_leaky_relu(*nodes, row, col, None if edge is None else edge[edges], edge_weight)
        yield _Block(edges, row, col, z, slope_at(z, negative_slope))


def _save_sums(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    weight, target, source, rowptr, col, ctx.negative_slope, edge, edge_weight = inputs
    ctx.save_for_backward(weight, target, source, edge, edge_weight, rowptr, col)


def _sums_backward(ctx: Any, grad_slopes: Tensor, grad_values: Tensor) -> tuple[Tensor | None, ...]:
    weight, target, source, edge, edge_weight, rowptr, col = ctx.saved_tensors
    of_target, of_source = torch.zeros_like(target), torch.zeros_like(source)
    of_edge_weight = None if edge_weight is None else torch.zeros_like(edge_weight)
    of_weight, of_edge = [weight[:0]], [] if edge is None else [edge[:0]]
    ends = row_of_each_edge(rowptr, col), col
    for block in _blocks(ends, (target, source), (edge, edge_weight), ctx.negative_slope):
        on_values = grad_values[block.row]
        of_weight.append((block.slope * (grad_slopes[block.row] + block.z * on_values)).sum(2))
        of_z = weight[block.edges].unsqueeze(2) * block.slope * on_values
        of_target.index_add_(0, block.row, of_z)
        of_source.index_add_(0, block.col, of_z)
        if of_edge_weight is not None:
            of_edge.append(torch.einsum("phc,hcq->pq", of_z, edge_weight))
            of_edge_weight += torch.einsum("phc,pq->hcq", of_z, edge[block.edges])
    edges = None if edge is None else torch.cat(of_edge)
    return torch.cat(of_weight), of_target, of_source, None, None, None, edges, of_edge_weight


def _save_edges(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    weight, target, source, att, row, col, ctx.negative_slope, edge, edge_weight = inputs
    ctx.save_for_backward(weight, target, source, att, edge, edge_weight, row, col)


def _edges_backward(ctx: Any, grad_edge: Tensor, grad_edge_weight: Tensor) -> tuple[Tensor | None, ...]:
    weight, target, source, att, edge, edge_weight, row, col = ctx.saved_tensors
    of_att, of_edge_weight = torch.zeros_like(att), torch.zeros_like(edge_weight)
    of_weight, of_edge = [weight[:0]], [edge[:0]]
    for block in _blocks((row, col), (target, source), (edge, edge_weight), ctx.negative_slope):
        weights = weight[block.edges].unsqueeze(2)
        of_z = weights * att * block.slope
        change = torch.einsum("pq,hcq->phc", grad_edge[block.edges], edge_weight)
        change = block.slope * (change + torch.einsum("pq,hcq->phc", edge[block.edges], grad_edge_weight))
        of_weight.append((change * att).sum(2))
        of_edge.append(torch.einsum("phc,hcq->pq", of_z, grad_edge_weight))
        of_att += (change * weights).sum(0)
        of_edge_weight += torch.einsum("phc,pq->hcq", of_z, grad_edge[block.edges])
    of_ends = torch.zeros_like(target), torch.zeros_like(source)
    return torch.cat(of_weight), *of_ends, of_att, None, None, None, torch.cat(of_edge), of_edge_weight


torch.library.register_autograd("geocompile::additive_sums", _sums_backward, setup_context=_save_sums)
torch.library.register_autograd(
    "geocompile::additive_edge_gradients", _edges_backward, setup_context=_save_edges
)
