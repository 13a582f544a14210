"""ResGatedGraphConv, PNAConv, GENConv."""

from dataclasses import replace
from typing import Any

import torch

from geocompile.layers import GENConv, PNAConv, ResGatedGraphConv
from tests.conformance.case import LayerCase, Sample
from tests.conformance.cases.attention import bipartite_with_edge_attr
from tests.conformance.cases.neighbourhoods import FLIPPED, Inputs, graph, with_edge_attr
from tests.conformance.cases.spectral import layer
from tests.conformance.formulas import messages as formulas

DEGREES = torch.tensor([1, 3, 4, 2, 0, 1])
ALL_SCALERS = ["identity", "amplification", "attenuation", "linear", "inverse_linear"]


def of_four(s: Sample) -> dict[str, Any]:
    return {"x": s.x(4), "edge_index": s.edge_index}


def of_four_with_edge_attr(s: Sample) -> dict[str, Any]:
    return {**of_four(s), "edge_attr": s.edge_attr()}


def bipartite_with_wide_edge_attr(s: Sample) -> dict[str, Any]:
    return {**bipartite_with_edge_attr(s), "edge_attr": s.edge_attr(4)}


def res_gated(in_channels: Any, inputs: Inputs, **options: Any) -> LayerCase:
    return layer(ResGatedGraphConv, inputs, formulas.res_gated, in_channels, 4, **options)


def pna(inputs: Inputs, aggregators: list[str], scalers: list[str], **options: Any) -> LayerCase:
    arguments = (4, 6, aggregators, scalers, DEGREES)
    case = layer(PNAConv, inputs, formulas.pna, *arguments, **options)
    shown = f"{inputs.__name__}, {'+'.join(aggregators)}, {'+'.join(scalers)}, {options}"
    return replace(case, options=shown)


def gen(in_channels: Any, inputs: Inputs, **options: Any) -> LayerCase:
    case = layer(GENConv, inputs, formulas.gen, in_channels, 4, **options)
    half = {"gradients": "the gradient leaves the weights out on purpose"}
    return replace(case, without=half) if options.get("aggr") == "softmax_sg" else case


RES_GATED = [
    res_gated(3, with_edge_attr, edge_dim=2, act=torch.tanh),
    res_gated(3, graph),
    res_gated(3, graph, root_weight=False, bias=False, act=torch.nn.Softplus(), **FLIPPED),
    res_gated((3, 4), bipartite_with_edge_attr, edge_dim=2, aggr="mean"),
    res_gated(3, graph, aggr="max"),
]
PNA = [
    pna(of_four, ["mean", "min", "max", "std"], ["identity", "amplification", "attenuation"]),
    pna(of_four, ["sum", "var"], ALL_SCALERS, towers=2, train_norm=True, **FLIPPED),
    pna(of_four, ["max", "mean"], ["identity"], towers=2, divide_input=True, post_layers=2, act="tanh"),
    pna(of_four_with_edge_attr, ["mean", "std"], ["linear"], edge_dim=2, towers=2),
    pna(of_four_with_edge_attr, ["var", "max"], ["identity"], edge_dim=2, pre_layers=2, act="Softplus"),
    pna(of_four, ["sum", "min"], ["inverse_linear"], pre_layers=3, act=torch.nn.Tanh()),
]
GEN = [
    gen(3, with_edge_attr, edge_dim=2, learn_t=True, t=0.7),
    gen(4, of_four),
    gen(3, graph, aggr="softmax_sg", t=2.0, norm="layer", bias=True, **FLIPPED),
    gen(3, graph, aggr="powermean", learn_p=True, p=1.5, norm="instance"),
    gen((3, 4), bipartite_with_wide_edge_attr, msg_norm=True, learn_msg_scale=True, norm=None),
    gen(3, graph, aggr="powermean", p=2.0, num_layers=3, expansion=1),
    *(gen(3, graph, aggr=aggr, num_layers=1) for aggr in ("mean", "max")),
]
CASES = [*RES_GATED, *PNA, *GEN]
