"""ResGatedGraphConv, PNAConv, GENConv as they are written, node by node and term by term."""

import torch
from torch import Tensor

from geocompile.layers import GENConv, PNAConv, ResGatedGraphConv
from tests.conformance.formulas import neighbours, reduced, stacked
from tests.conformance.formulas.attention import Features, sides
from tests.conformance.formulas.neighbourhoods import with_bias


def res_gated(
    conv: ResGatedGraphConv, x: Features, edge_index: Tensor, edge_attr: Tensor | None = None
) -> Tensor:
    source, target = sides(conv, x)
    rows = []
    for i in range(target.size(0)):
        terms = []
        for e, j in neighbours(edge_index, conv.flow, i):
            feature = [] if edge_attr is None else [edge_attr[e]]
            received, sent = torch.cat([target[i], *feature]), torch.cat([source[j], *feature])
            gate = conv.act(mapped(conv.lin_key, received) + mapped(conv.lin_query, sent))
            terms.append(gate * mapped(conv.lin_value, sent))
        row = reduced(terms, conv.aggr, target.new_empty(conv.out_channels))
        if conv.lin_skip is not None:
            row = row + mapped(conv.lin_skip, target[i])
        rows.append(with_bias(row, conv.bias))
    return stacked(rows, conv.out_channels)


def pna(conv: PNAConv, x: Tensor, edge_index: Tensor, edge_attr: Tensor | None = None) -> Tensor:
    rows = []
    for i in range(x.size(0)):
        incoming = neighbours(edge_index, conv.flow, i)
        towers = []
        for t in range(conv.towers):
            own, width = tower_input(conv, x, i, t), conv.F_in
            messages = []
            for e, j in incoming:
                parts = [own, tower_input(conv, x, j, t)]
                if edge_attr is not None:
                    parts.append(mapped(conv.edge_encoder, edge_attr[e]))
                messages.append(conv.pre_nns[t](torch.cat(parts)))
            read = torch.cat([spread(messages, name, own.new_empty(width)) for name in conv.aggregators])
            scaled = [read * factor for factor in factors(conv, len(incoming))]
            towers.append(conv.post_nns[t](torch.cat([own, *scaled])))
        rows.append(mapped(conv.lin, torch.cat(towers)))
    return stacked(rows, conv.out_channels)


def tower_input(conv: PNAConv, x: Tensor, node: int, tower: int) -> Tensor:
    return x[node, tower * conv.F_in : (tower + 1) * conv.F_in] if conv.divide_input else x[node]


def spread(terms: list[Tensor], name: str, like: Tensor) -> Tensor:
    """One aggregation of PNA."""
    if name not in ("var", "std"):
        return reduced(terms, {"sum": "add"}.get(name, name), like)
    mean = reduced(terms, "mean", like)
    variance = reduced([(term - mean) ** 2 for term in terms], "mean", like)
    return variance if name == "var" else torch.where(variance > 1e-5, variance.clamp(min=1e-5).sqrt(), 0.0)


def factors(conv: PNAConv, degree: int) -> list[Tensor]:
    d = torch.tensor(float(degree), dtype=torch.float64)
    mean, mean_log = conv.aggr_module.avg_deg_lin, conv.aggr_module.avg_deg_log
    at_least_one = d.clamp(min=1)
    of_name = {
        "identity": torch.ones(1, dtype=torch.float64),
        "amplification": (d + 1).log() / mean_log,
        "attenuation": mean_log / (at_least_one + 1).log(),
        "linear": d / mean,
        "inverse_linear": mean / at_least_one,
    }
    return [of_name[name] for name in conv.aggr_module.scalers]


def gen(conv: GENConv, x: Features, edge_index: Tensor, edge_attr: Tensor | None = None) -> Tensor:
    source, target = sides(conv, x)
    rows = []
    for i in range(target.size(0)):
        messages = []
        for e, j in neighbours(edge_index, conv.flow, i):
            h = mapped(conv.lin_src, source[j])
            if edge_attr is not None:
                h = h + mapped(conv.lin_edge, edge_attr[e])
            messages.append(h.relu() + conv.eps)
        read = generalised_mean(conv, messages, target.new_empty(conv.out_channels))
        if conv.msg_norm is not None:
            length = read.norm().clamp(min=1e-12)
            read = conv.msg_norm.scale * target[i].norm() * read / length
        rows.append(mapped(conv.lin_dst, target[i]) + read)
    return conv.mlp(stacked(rows, conv.out_channels))  # type: ignore[no-any-return]


def generalised_mean(conv: GENConv, messages: list[Tensor], like: Tensor) -> Tensor:
    if conv.aggr in ("softmax", "softmax_sg"):
        raised = [(conv.aggr_module.t * m).exp() for m in messages]
        total = reduced(raised, "add", like)
        return reduced([r / total * m for r, m in zip(raised, messages, strict=True)], "add", like)
    if conv.aggr != "powermean":
        return reduced(messages, conv.aggr, like)
    p = conv.aggr_module.p
    mean = reduced([m.clamp(1e-4, 100) ** p for m in messages], "mean", like)
    return mean.clamp(1e-4, 100) ** (1 / p)


def mapped(lin: torch.nn.Linear | None, x: Tensor) -> Tensor:
    """One node's or edge's features under a linear map; as they are without one."""
    return x if lin is None else with_bias(lin.weight @ x, lin.bias)
