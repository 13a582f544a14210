"""Layers that propagate along a normalised graph, as they are written, node by node and term by term."""

import math
from typing import Any

import torch
from torch import Tensor

from geocompile.layers import APPNP, ChebConv, GCN2Conv, LEConv, SGConv, TAGConv
from tests.conformance.formulas import neighbours, reduced, stacked

Terms = list[list[tuple[int, Tensor]]]
"""For every node who sends to it, with which weight."""


def ones(edge_index: Tensor) -> Tensor:
    return torch.ones(edge_index.size(1), dtype=torch.float64)


def listed(flow: str, edge_index: Tensor, weight: Tensor | None, num_nodes: int) -> Terms:
    """The edges as they are."""
    values = ones(edge_index) if weight is None else weight
    return [[(j, values[e]) for e, j in neighbours(edge_index, flow, node)] for node in range(num_nodes)]


def gcn_normalised(conv: Any, edge_index: Tensor, weight: Tensor | None, num_nodes: int) -> Terms:
    """``D^-1/2 A D^-1/2``; with loops, one for every node: the last that is there, else of weight 1."""
    terms = listed(conv.flow, edge_index, weight, num_nodes)
    if not conv.normalize:
        return terms
    if conv.add_self_loops:
        for i, row in enumerate(terms):
            loops = [w for j, w in row if j == i]
            row[:] = [(j, w) for j, w in row if j != i]
            row.append((i, loops[-1] if loops else torch.ones((), dtype=torch.float64)))
    degree = [sum((w for _, w in row), torch.zeros((), dtype=torch.float64)) for row in terms]
    scale = [d.pow(-0.5) if d > 0 else d for d in degree]
    return [[(j, scale[i] * w * scale[j]) for j, w in row] for i, row in enumerate(terms)]


def spread(terms: Terms, h: Tensor, aggr: str = "add") -> Tensor:
    """One propagation."""
    rows = [reduced([w * h[j] for j, w in row], aggr, h.new_empty(h.shape[1:])) for row in terms]
    return stacked(rows, *h.shape[1:])


def with_bias(out: Tensor, bias: Tensor | None) -> Tensor:
    return out if bias is None else out + bias


def laplacian(
    conv: ChebConv, edge_index: Tensor, weight: Tensor | None, num_nodes: int, largest: list[Tensor | None]
) -> Terms:
    """``2 L / lambda_max - I`` of the graph without its loops; lambda_max of the node's graph, None if not known."""
    terms = listed(conv.flow, edge_index, weight, num_nodes)
    terms = [[(j, w) for j, w in row if j != i] for i, row in enumerate(terms)]
    degree = torch.zeros(num_nodes, dtype=torch.float64)
    for i, row in enumerate(terms):
        for j, w in row:
            degree[counted_end(conv, i, j)] += w
    inverse = torch.where(degree > 0, 1 / degree, torch.zeros_like(degree))
    ends = [[(counted_end(conv, i, j), i, j, w) for j, w in row] for i, row in enumerate(terms)]
    if conv.normalization == "sym":
        edges = [[(j, (inverse[i] * inverse[j]).sqrt() * w) for _, i, j, w in row] for row in ends]
    elif conv.normalization == "rw":
        edges = [[(j, inverse[end] * w) for end, _, j, w in row] for row in ends]
    else:
        edges = terms
    diagonal = degree if conv.normalization is None else torch.ones_like(degree)
    entries = [0.0, *diagonal.tolist(), *(-float(w) for row in edges for _, w in row)]
    none = math.nan if conv.lambda_max_from_entries else 1.0
    known = 2.0 if conv.normalization is not None else 2.0 * max(entries) or none
    scale = [2.0 / (known if value is None else value) for value in largest]
    return [
        [(j, -scale[i] * w) for j, w in row] + [(i, scale[i] * diagonal[i] - 1.0)]
        for i, row in enumerate(edges)
    ]


def counted_end(conv: ChebConv, i: int, j: int) -> int:
    """The end of the edge j -> i to whose degree it counts."""
    return j if conv.degree_at_row_0 and conv.flow == "source_to_target" else i


def cheb(
    conv: ChebConv,
    x: Tensor,
    edge_index: Tensor,
    edge_weight: Tensor | None = None,
    batch: Tensor | None = None,
    lambda_max: Tensor | None = None,
) -> Tensor:
    largest: list[Tensor | None] = [lambda_max] * x.size(0)
    if batch is not None and lambda_max is not None:
        largest = [lambda_max[graph] for graph in batch.tolist()]
    scaled = laplacian(conv, edge_index, edge_weight, x.size(0), largest)
    z = [x, spread(scaled, x, conv.aggr)]
    while len(z) < len(conv.lins):
        z.append(2 * spread(scaled, z[-1], conv.aggr) - z[-2])
    out = sum(z[k] @ lin.weight.T for k, lin in enumerate(conv.lins))
    return with_bias(out, conv.bias)  # type: ignore[arg-type]


def sg(conv: SGConv, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
    terms = gcn_normalised(conv, edge_index, edge_weight, x.size(0))
    for _ in range(conv.K):
        x = spread(terms, x, conv.aggr)
    return with_bias(x @ conv.lin.weight.T, conv.lin.bias)


def appnp(conv: APPNP, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
    terms = gcn_normalised(conv, edge_index, edge_weight, x.size(0))
    out = x
    for _ in range(conv.K):
        out = (1 - conv.alpha) * spread(terms, out, conv.aggr) + conv.alpha * x
    return out


def tag(conv: TAGConv, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
    terms = gcn_normalised(conv, edge_index, edge_weight, x.size(0))
    out = torch.zeros(x.size(0), conv.out_channels, dtype=torch.float64)
    for lin in conv.lins:
        out = out + x @ lin.weight.T
        x = spread(terms, x, conv.aggr)
    return with_bias(out, conv.bias)


def gcn2(
    conv: GCN2Conv, x: Tensor, x_0: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None
) -> Tensor:
    terms = gcn_normalised(conv, edge_index, edge_weight, x.size(0))
    identity = (1 - conv.beta) * torch.eye(conv.channels, dtype=torch.float64)
    first = identity + conv.beta * conv.weight1
    second = first if conv.weight2 is None else identity + conv.beta * conv.weight2
    return (1 - conv.alpha) * spread(terms, x, conv.aggr) @ first + conv.alpha * x_0 @ second


def le(
    conv: LEConv, x: Tensor | tuple[Tensor, Tensor], edge_index: Tensor, edge_weight: Tensor | None = None
) -> Tensor:
    source, target = x if isinstance(x, tuple) else (x, x)
    rows = []
    for i, row in enumerate(listed(conv.flow, edge_index, edge_weight, target.size(0))):
        own = with_bias(conv.lin3.weight @ target[i], conv.lin3.bias)
        sent = [
            w * (with_bias(conv.lin1.weight @ source[j], conv.lin1.bias) - conv.lin2.weight @ target[i])
            for j, w in row
        ]
        rows.append(own + reduced(sent, conv.aggr, own))
    return stacked(rows, conv.out_channels)
