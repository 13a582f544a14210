"""Global attention, Set2Set, top-k pooling as they are written, graph by graph and node by node."""

import math
from itertools import pairwise

import torch
from torch import Tensor

from geocompile.layers import (
    AttentionalAggregation,
    GCNConv,
    GlobalAttention,
    SAGPooling,
    Set2Set,
    SoftmaxAggregation,
    TopKPooling,
)
from tests.conformance.formulas import stacked
from tests.conformance.formulas.neighbourhoods import gcn, graph


def members(
    num_nodes: int, batch: Tensor | None, size: int | None = None, ptr: Tensor | None = None
) -> list[list[int]]:
    """The nodes of each graph."""
    if ptr is not None:
        return [list(range(first, end)) for first, end in pairwise(ptr.tolist())]
    graphs = [0] * num_nodes if batch is None else batch.tolist()
    count = size if size is not None else max(graphs, default=-1) + 1
    return [[n for n in range(num_nodes) if graphs[n] == g] for g in range(count)]


def attention(
    pool: GlobalAttention | AttentionalAggregation,
    x: Tensor,
    batch: Tensor | None = None,
    size: int | None = None,
    index: Tensor | None = None,
    dim_size: int | None = None,
    ptr: Tensor | None = None,
    dim: int = -2,
) -> Tensor:
    if x.dim() == 3:
        parts = [attention(pool, part, batch, size, index, dim_size, ptr) for part in x.unbind(1)]
        return torch.stack(parts, dim=1)
    groups = members(x.size(0), batch if index is None else index, size or dim_size, ptr)
    network = pool.nn if pool.nn is not None else torch.nn.Identity()
    out_channels = network(x.new_zeros(1, x.size(1))).size(1)
    rows = []
    for group in groups:
        scores = [pool.gate_nn(x[n]).exp() for n in group]
        terms = [score / sum(scores) * network(x[n]) for n, score in zip(group, scores, strict=True)]
        rows.append(sum(terms, x.new_zeros(out_channels)))
    return stacked(rows, out_channels)


def set2set(
    pool: Set2Set,
    x: Tensor,
    batch: Tensor | None = None,
    index: Tensor | None = None,
    dim_size: int | None = None,
    ptr: Tensor | None = None,
) -> Tensor:
    groups = members(x.size(0), batch if index is None else index, dim_size, ptr)
    rows = []
    for group in groups:
        q_star = x.new_zeros(2 * pool.in_channels)
        states = [(x.new_zeros(pool.in_channels), x.new_zeros(pool.in_channels))] * pool.num_layers
        for _ in range(pool.processing_steps):
            read = q_star
            for layer in range(pool.num_layers):
                states[layer] = lstm_cell(pool.lstm, layer, read, *states[layer])
                read = states[layer][0]
            scores = [(x[n] @ read).exp() for n in group]
            parts = [score / sum(scores) * x[n] for n, score in zip(group, scores, strict=True)]
            q_star = torch.cat([read, sum(parts, x.new_zeros(pool.in_channels))])
        rows.append(q_star)
    return stacked(rows, 2 * pool.in_channels)


def lstm_cell(lstm: torch.nn.LSTM, layer: int, read: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """The cell of Hochreiter and Schmidhuber with a forget gate; rows of the matrices: input, forget, cell, output."""
    size = h.numel()
    gates = []
    for gate in range(4):
        rows = slice(gate * size, (gate + 1) * size)
        gate_value = getattr(lstm, f"weight_ih_l{layer}")[rows] @ read
        gate_value = gate_value + getattr(lstm, f"weight_hh_l{layer}")[rows] @ h
        if lstm.bias:
            gate_value = gate_value + getattr(lstm, f"bias_ih_l{layer}")[rows]
            gate_value = gate_value + getattr(lstm, f"bias_hh_l{layer}")[rows]
        gates.append(gate_value)
    c = gates[1].sigmoid() * c + gates[0].sigmoid() * gates[2].tanh()
    return gates[3].sigmoid() * c.tanh(), c


def topk(
    pool: TopKPooling,
    x: Tensor,
    edge_index: Tensor,
    edge_attr: Tensor | None = None,
    batch: Tensor | None = None,
    attn: Tensor | None = None,
) -> tuple[Tensor | None, ...]:
    read = x if attn is None else attn
    return kept_graph(
        pool, [read[n] @ pool.select.weight[0] for n in range(x.size(0))], x, edge_index, edge_attr, batch
    )


def kept_graph(
    pool: TopKPooling | SAGPooling,
    projected: list[Tensor],
    x: Tensor,
    edge_index: Tensor,
    edge_attr: Tensor | None,
    batch: Tensor | None,
) -> tuple[Tensor | None, ...]:
    """What is left of the graph; `projected` is the score of each node before any nonlinearity."""
    batch = edge_index.new_zeros(x.size(0)) if batch is None else batch
    scores, perm = [torch.zeros(())] * x.size(0), []
    for group in members(x.size(0), batch):
        total = sum(projected[n].exp() for n in group)
        for n in group:
            by_length = pool.select.act(projected[n] / pool.select.weight.square().sum().sqrt())
            scores[n] = by_length if pool.min_score is None else projected[n].exp() / total
        perm += chosen(pool, group, scores)
    perm = perm if pool.min_score is None else sorted(perm)
    places = {n: place for place, n in enumerate(perm)}
    edges = [e for e, ends in enumerate(edge_index.T.tolist()) if all(end in places for end in ends)]
    return (
        stacked([pool.multiplier * scores[n] * x[n] for n in perm], x.size(1)),
        torch.tensor([[places[int(end[e])] for e in edges] for end in edge_index], dtype=torch.int64),
        None if edge_attr is None else edge_attr[edges],
        batch[perm],
        torch.tensor(perm, dtype=torch.int64),
        torch.stack([scores[n] for n in perm]) if perm else x.new_zeros(0),
    )


def chosen(pool: TopKPooling | SAGPooling, group: list[int], scores: list[Tensor]) -> list[int]:
    """The nodes of one graph that stay."""
    if pool.min_score is not None:
        best = max((scores[n].item() for n in group), default=0.0)
        return [n for n in group if scores[n] > min(pool.min_score, best - 1e-7)]
    count = math.ceil(pool.ratio * len(group)) if isinstance(pool.ratio, float) else pool.ratio
    return sorted(group, key=lambda n: -scores[n].item())[:count]


def sag(
    pool: SAGPooling,
    x: Tensor,
    edge_index: Tensor,
    edge_attr: Tensor | None = None,
    batch: Tensor | None = None,
    attn: Tensor | None = None,
) -> tuple[Tensor | None, ...]:
    """The convolution by its own formula."""
    read = x if attn is None else attn
    formula = gcn if isinstance(pool.gnn, GCNConv) else graph
    scores = [row[0] * pool.select.weight[0, 0] for row in formula(pool.gnn, read, edge_index)]
    return kept_graph(pool, scores, x, edge_index, edge_attr, batch)


def softmax(
    aggregation: SoftmaxAggregation,
    x: Tensor,
    index: Tensor | None = None,
    dim_size: int | None = None,
    ptr: Tensor | None = None,
    dim: int = -2,
) -> Tensor:
    t = torch.as_tensor(aggregation.t, dtype=torch.float64).expand(x.size(-1))
    rows = []
    for group in members(x.size(0), index, dim_size, ptr):
        total = sum((t * x[n]).exp() for n in group)
        rows.append(sum(((t * x[n]).exp() / total * x[n] for n in group), x.new_zeros(x.shape[1:])))
    return stacked(rows, *x.shape[1:])
