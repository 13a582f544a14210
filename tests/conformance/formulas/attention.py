"""GATv2Conv, TransformerConv as they are written, node by node and term by term."""

import math

import torch
from torch import Tensor

from geocompile.layers import GATv2Conv, TransformerConv
from tests.conformance.formulas import neighbours, stacked
from tests.conformance.formulas.neighbourhoods import loop_features, with_bias

Features = Tensor | tuple[Tensor, Tensor]
Term = tuple[int, Tensor | None]
"""Who sends, and the features of the edge."""


def sides(conv: torch.nn.Module, x: Features) -> tuple[Tensor, Tensor]:
    """The features of those that send and of those that receive."""
    first, second = x if isinstance(x, tuple) else (x, x)
    return (first, second) if conv.flow == "source_to_target" else (second, first)


def incoming(conv: torch.nn.Module, edge_index: Tensor, edge_attr: Tensor | None, node: int) -> list[Term]:
    """What a node receives."""
    found = neighbours(edge_index, str(conv.flow), node)
    return [(j, None if edge_attr is None else edge_attr[e]) for e, j in found]


def gatv2(conv: GATv2Conv, x: Features, edge_index: Tensor, edge_attr: Tensor | None = None) -> Tensor:
    source, target = sides(conv, x)
    rows = []
    for i in range(target.size(0)):
        terms = incoming(conv, edge_index, edge_attr, i)
        if conv.add_self_loops and i < source.size(0):
            terms = [term for term in terms if term[0] != i]
            terms.append((i, loop_features(conv, [feature for _, feature in terms], edge_attr)))
        heads = [gatv2_head(conv, h, source, target[i], terms) for h in range(conv.heads)]
        row = torch.cat(heads) if conv.concat else torch.stack(heads).mean(0)
        if conv.res is not None:
            row = row + conv.res.weight @ target[i]
        rows.append(with_bias(row, conv.bias))
    return stacked(rows, conv.out_channels * (conv.heads if conv.concat else 1))


def gatv2_head(conv: GATv2Conv, head: int, source: Tensor, own: Tensor, terms: list[Term]) -> Tensor:
    sent = [part(conv.lin_l, head, conv.out_channels, source[j]) for j, _ in terms]
    received = part(conv.lin_r, head, conv.out_channels, own)
    scores = []
    for (_, feature), h in zip(terms, sent, strict=True):
        z = received + h
        if feature is not None:
            z = z + part(conv.lin_edge, head, conv.out_channels, feature)
        scores.append(conv.att[0, head] @ torch.where(z > 0, z, conv.negative_slope * z))
    return weighted(scores, sent, received)


def transformer(
    conv: TransformerConv, x: Features, edge_index: Tensor, edge_attr: Tensor | None = None
) -> Tensor:
    source, target = sides(conv, x)
    rows = []
    for i in range(target.size(0)):
        terms = incoming(conv, edge_index, edge_attr, i)
        heads = [transformer_head(conv, h, source, target[i], terms) for h in range(conv.heads)]
        m = torch.cat(heads) if conv.concat else torch.stack(heads).mean(0)
        own = with_bias(conv.lin_skip.weight @ target[i], conv.lin_skip.bias)
        if not conv.root_weight:
            rows.append(m)
        elif conv.lin_beta is None:
            rows.append(own + m)
        else:
            beta = (conv.lin_beta.weight[0] @ torch.cat([m, own, m - own])).sigmoid()
            rows.append(beta * own + (1 - beta) * m)
    return stacked(rows, conv.out_channels * (conv.heads if conv.concat else 1))


def transformer_head(
    conv: TransformerConv, head: int, source: Tensor, own: Tensor, terms: list[Term]
) -> Tensor:
    d = conv.out_channels
    query = part(conv.lin_query, head, d, own)
    scores, values = [], []
    for j, feature in terms:
        key, value = part(conv.lin_key, head, d, source[j]), part(conv.lin_value, head, d, source[j])
        if feature is not None:
            added = part(conv.lin_edge, head, d, feature)
            key, value = key + added, value + added
        scores.append(query @ key / math.sqrt(d))
        values.append(value)
    return weighted(scores, values, query)


def part(lin: torch.nn.Linear | None, head: int, size: int, x: Tensor) -> Tensor:
    """One head's share of a linear map."""
    assert lin is not None
    rows = slice(head * size, (head + 1) * size)
    return with_bias(lin.weight[rows] @ x, None if lin.bias is None else lin.bias[rows])


def weighted(scores: list[Tensor], values: list[Tensor], like: Tensor) -> Tensor:
    """The values under the softmax of their scores; without any 0."""
    raised = [score.exp() for score in scores]
    total = sum(raised, torch.zeros((), dtype=torch.float64))
    terms = [r / total * value for r, value in zip(raised, values, strict=True)]
    return sum(terms, torch.zeros_like(like))
