"""ARMAConv, GatedGraphConv, SignedConv, AGNNConv, DNAConv."""

from dataclasses import replace
from typing import Any

import torch

from geocompile.layers import AGNNConv, ARMAConv, DNAConv, GatedGraphConv, SignedConv
from tests.conformance.case import LayerCase, Sample
from tests.conformance.cases.neighbourhoods import FLIPPED, Inputs, graph, weighted
from tests.conformance.cases.spectral import layer
from tests.conformance.formulas import stacks as formulas


def two_graphs(s: Sample, channels: int = 3) -> dict[str, Any]:
    split = s.num_edges // 2
    return {
        "x": s.x(channels),
        "pos_edge_index": s.edge_index[:, :split],
        "neg_edge_index": s.edge_index[:, split:],
    }


def two_graphs_of_halves(s: Sample) -> dict[str, Any]:
    return two_graphs(s, 6)


def two_bipartite_graphs(s: Sample) -> dict[str, Any]:
    return {**two_graphs(s), "x": (s.x(), s.x(more_nodes=3))}


def two_bipartite_graphs_of_halves(s: Sample) -> dict[str, Any]:
    return {**two_graphs(s), "x": (s.x(6), s.x(6, more_nodes=3))}


def layers_of_nodes(s: Sample) -> dict[str, Any]:
    x = torch.randn(s.num_nodes, 3, 8, dtype=torch.float64)
    return {"x": x, "edge_index": s.edge_index}


def weighted_layers_of_nodes(s: Sample) -> dict[str, Any]:
    return {**layers_of_nodes(s), "edge_weight": s.weight()}


def with_a_zero(s: Sample) -> dict[str, Any]:
    x = s.x()
    return {"x": x.masked_fill(torch.arange(s.num_nodes).unsqueeze(1) == 1, 0.0), "edge_index": s.edge_index}


def arma(inputs: Inputs, **options: Any) -> LayerCase:
    return layer(ARMAConv, inputs, formulas.arma, 3, 4, **options)


def gated(inputs: Inputs, **options: Any) -> LayerCase:
    return layer(GatedGraphConv, inputs, formulas.gated, 4, **{"num_layers": 2, **options})


def signed(inputs: Inputs, out_channels: int, first_aggr: bool, **options: Any) -> LayerCase:
    return layer(SignedConv, inputs, formulas.signed, 3, out_channels, first_aggr, **options)


def agnn(inputs: Inputs, **options: Any) -> LayerCase:
    case = layer(AGNNConv, inputs, formulas.agnn, **options)
    corner = {"gradients": "the cosine with a zero vector has no derivative there"}
    return replace(case, without=corner) if inputs is with_a_zero else case


def dna(inputs: Inputs, **options: Any) -> LayerCase:
    return layer(DNAConv, inputs, formulas.dna, 8, **options)


ARMA = [
    arma(weighted, num_stacks=2, num_layers=2, act=torch.tanh),
    arma(graph),
    arma(graph, num_stacks=3, num_layers=3, shared_weights=True, act=torch.nn.Sigmoid(), bias=False),
    arma(weighted, num_layers=2, act=None, dropout=0.3, **FLIPPED),
    *(arma(weighted, aggr=aggr, act=torch.tanh) for aggr in ("mean", "max")),
]
GATED = [
    gated(weighted),
    gated(graph, bias=False, **FLIPPED),
    *(gated(weighted, num_layers=1, aggr=aggr) for aggr in ("mean", "max", "mul")),
]
SIGNED = [
    signed(two_graphs, 2, True),
    signed(two_graphs, 4, True, bias=False, **FLIPPED),
    signed(two_graphs_of_halves, 4, False),
    signed(two_bipartite_graphs, 2, True),
    signed(two_bipartite_graphs_of_halves, 2, False, bias=False),
    *(signed(two_graphs, 2, True, aggr=aggr) for aggr in ("add", "max")),
]
AGNN = [
    agnn(graph),
    agnn(with_a_zero),
    agnn(graph, requires_grad=False, **FLIPPED),
    agnn(graph, add_self_loops=False),
]
DNA = [
    dna(weighted_layers_of_nodes, heads=4, groups=2),
    dna(layers_of_nodes),
    dna(layers_of_nodes, heads=2, groups=4, bias=False, **FLIPPED),
    dna(weighted_layers_of_nodes, heads=2, add_self_loops=False, dropout=0.2),
    dna(weighted_layers_of_nodes, heads=2, normalize=False),
]
CASES = [*ARMA, *GATED, *SIGNED, *AGNN, *DNA]
