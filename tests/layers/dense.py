"""The layers of neighbourhoods as they are written, node by node and term by term: the oracle of their tests."""

import torch
from torch import Tensor

from geocompile.layers import GATConv, GINConv, SAGEConv


def reduced(terms: list[Tensor], aggr: str, like: Tensor) -> Tensor:
    if not terms:
        return torch.full_like(like[0], 1.0 if aggr == "mul" else 0.0)
    stack = torch.stack(terms)
    reductions = {
        "add": stack.sum,
        "mean": stack.mean,
        "max": stack.amax,
        "min": stack.amin,
        "mul": stack.prod,
    }
    return reductions[aggr](0)


def neighbours(edge_index: Tensor, flow: str, node: int) -> list[tuple[int, int]]:
    """The edges that a node receives and who sends them."""
    source, target = edge_index if flow == "source_to_target" else edge_index.flip(0)
    return [(e, int(source[e])) for e in range(source.numel()) if int(target[e]) == node]


def sage(conv: SAGEConv, x: Tensor, edge_index: Tensor) -> Tensor:
    h = x if conv.lin is None else (x @ conv.lin.weight.T + conv.lin.bias).relu()
    rows = []
    for node in range(x.size(0)):
        sending = [j for _, j in neighbours(edge_index, conv.flow, node)]
        if conv.add_self_loops:
            sending = [j for j in sending if j != node] + [node]
        row = conv.lin_l.weight @ reduced([h[j] for j in sending], conv.aggr, h)
        if conv.lin_l.bias is not None:
            row = row + conv.lin_l.bias
        if conv.lin_r is not None:
            row = row + conv.lin_r.weight @ x[node]
        rows.append(row / row.norm().clamp(min=1e-12) if conv.normalize else row)
    return torch.stack(rows)


def gin(conv: GINConv, x: Tensor, edge_index: Tensor) -> Tensor:
    rows = []
    for node in range(x.size(0)):
        terms = [x[j] for _, j in neighbours(edge_index, conv.flow, node)]
        rows.append((1 + conv.eps) * x[node] + reduced(terms, conv.aggr, x))
    return conv.nn(torch.stack(rows))


def gat(conv: GATConv, x: Tensor, edge_index: Tensor, edge_attr: Tensor | None = None) -> Tensor:
    heads, channels = conv.heads, conv.out_channels
    h = (x @ conv.lin.weight.T).view(-1, heads, channels)
    rows = []
    for node in range(x.size(0)):
        incoming = neighbours(edge_index, conv.flow, node)
        features = [None if edge_attr is None else edge_attr[e] for e, _ in incoming]
        terms = list(zip([j for _, j in incoming], features, strict=True))
        if conv.add_self_loops:
            terms = [term for term in terms if term[0] != node]
            terms.append((node, loop_features(conv, [f for _, f in terms], edge_attr)))
        rows.append(attended(conv, h, node, terms))
    out = torch.stack(rows)
    out = out.flatten(1) if conv.concat else out.mean(1)
    if conv.res is not None:
        out = out + x @ conv.res.weight.T
    return out if conv.bias is None else out + conv.bias


def loop_features(conv: GATConv, others: list[Tensor | None], edge_attr: Tensor | None) -> Tensor | None:
    if edge_attr is None:
        return None
    if isinstance(conv.fill_value, str):
        return reduced(
            [other for other in others if other is not None], conv.fill_value, edge_attr.new_empty(1, 2)
        )
    return torch.as_tensor(conv.fill_value, dtype=edge_attr.dtype).expand(2)


def attended(conv: GATConv, h: Tensor, node: int, terms: list[tuple[int, Tensor | None]]) -> Tensor:
    if not terms:
        return torch.zeros_like(h[0])
    scores = []
    for j, feature in terms:
        score = (conv.att_dst[0] * h[node]).sum(-1) + (conv.att_src[0] * h[j]).sum(-1)
        if feature is not None and conv.lin_edge is not None:
            projected = (conv.lin_edge.weight @ feature).view(conv.heads, conv.out_channels)
            score = score + (conv.att_edge[0] * projected).sum(-1)
        scores.append(torch.where(score > 0, score, conv.negative_slope * score))
    alpha = torch.stack(scores).softmax(0)
    return (alpha.unsqueeze(-1) * torch.stack([h[j] for j, _ in terms])).sum(0)
