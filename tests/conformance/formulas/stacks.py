"""ARMAConv, GatedGraphConv, SignedConv, AGNNConv, DNAConv as they are written, node by node and term by term."""

import math

import torch
from torch import Tensor

from geocompile.layers import AGNNConv, ARMAConv, DNAConv, GatedGraphConv, SignedConv
from geocompile.layers.common.grouped_linear import GroupedLinear
from tests.conformance.formulas import neighbours, stacked
from tests.conformance.formulas.spectral import gcn_normalised, listed, spread, with_bias


def arma(conv: ARMAConv, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
    terms = gcn_normalised(conv, edge_index, edge_weight, x.size(0))
    outs = []
    for k in range(conv.num_stacks):
        h = x
        for t in range(conv.num_layers):
            shared = 0 if conv.shared_weights else t
            own = conv.init_weight[k] if t == 0 else conv.weight[0 if conv.shared_weights else t - 1, k]
            h = spread(terms, h @ own, conv.aggr) + x @ conv.root_weight[shared, k]
            h = with_bias(h, None if conv.bias is None else conv.bias[shared, k, 0])
            h = conv.act(h)
        outs.append(h)
    return torch.stack(outs).mean(0)


def gated(conv: GatedGraphConv, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
    terms = listed(conv.flow, edge_index, edge_weight, x.size(0))
    h = torch.cat([x, x.new_zeros(x.size(0), conv.out_channels - x.size(1))], dim=1)
    for theta in conv.weight:
        read = spread(terms, h @ theta, conv.aggr)
        given = with_bias(read @ conv.rnn.weight_ih.T, getattr(conv.rnn, "bias_ih", None))
        kept = with_bias(h @ conv.rnn.weight_hh.T, getattr(conv.rnn, "bias_hh", None))
        (r, z, n), (r_h, z_h, n_h) = given.chunk(3, dim=1), kept.chunk(3, dim=1)
        reset, update = (r + r_h).sigmoid(), (z + z_h).sigmoid()
        h = (1 - update) * (n + reset * n_h).tanh() + update * h
    return h


def signed(
    conv: SignedConv, x: Tensor | tuple[Tensor, Tensor], pos_edge_index: Tensor, neg_edge_index: Tensor
) -> Tensor:
    source, target = x if isinstance(x, tuple) else (x, x)
    friends = listed(conv.flow, pos_edge_index, None, target.size(0))
    foes = listed(conv.flow, neg_edge_index, None, target.size(0))
    if conv.first_aggr:
        read_pos, own_pos = spread(friends, source, conv.aggr), target
        read_neg, own_neg = spread(foes, source, conv.aggr), target
    else:
        (pos, neg), (own_pos, own_neg) = source.chunk(2, dim=1), target.chunk(2, dim=1)
        read_pos = torch.cat([spread(friends, pos, conv.aggr), spread(foes, neg, conv.aggr)], dim=1)
        read_neg = torch.cat([spread(friends, neg, conv.aggr), spread(foes, pos, conv.aggr)], dim=1)
    out_pos = read_pos @ conv.lin_pos_l.weight.T + own_pos @ conv.lin_pos_r.weight.T
    out_neg = read_neg @ conv.lin_neg_l.weight.T + own_neg @ conv.lin_neg_r.weight.T
    return torch.cat([with_bias(out_pos, conv.lin_pos_r.bias), with_bias(out_neg, conv.lin_neg_r.bias)], 1)


def agnn(conv: AGNNConv, x: Tensor, edge_index: Tensor) -> Tensor:
    rows = []
    for i in range(x.size(0)):
        sending = [j for _, j in neighbours(edge_index, conv.flow, i)]
        if conv.add_self_loops:
            sending = [j for j in sending if j != i] + [i]
        if not sending:
            rows.append(torch.zeros_like(x[i]))
            continue
        share = torch.stack([(conv.beta[0] * cosine(x[i], x[j])).exp() for j in sending])
        rows.append(sum(s * x[j] for s, j in zip(share / share.sum(), sending, strict=True)))
    return stacked(rows, x.size(1))


def cosine(a: Tensor, b: Tensor) -> Tensor:
    lengths = a.norm() * b.norm()
    return a @ b / lengths if lengths > 0 else torch.zeros_like(lengths)


def dna(conv: DNAConv, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
    terms = gcn_normalised(conv, edge_index, edge_weight, x.size(0))
    size = conv.channels // conv.heads
    maps = conv.multi_head
    rows = []
    for i, row in enumerate(terms):
        query = grouped(maps.lin_q, x[i, -1])
        out = torch.zeros_like(x[i, -1])
        for j, w in row:
            keys = torch.stack([grouped(maps.lin_k, h) for h in x[j]])
            values = torch.stack([grouped(maps.lin_v, h) for h in x[j]])
            parts = []
            for start in range(0, conv.channels, size):
                head = slice(start, start + size)
                raised = (keys[:, head] @ query[head] / math.sqrt(size)).exp()
                parts.append(raised / (1 + raised.sum()) @ values[:, head])
            out = out + w * torch.cat(parts)
        rows.append(out)
    return stacked(rows, conv.channels)


def grouped(lin: GroupedLinear, h: Tensor) -> Tensor:
    parts = [part @ w for part, w in zip(h.chunk(len(lin.weight)), lin.weight, strict=True)]
    return with_bias(torch.cat(parts), lin.bias)
