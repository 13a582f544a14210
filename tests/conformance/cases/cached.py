"""Layers with ``cached=True``: one graph, drawn alike every time, since what they keep of it holds for no other."""

from dataclasses import replace
from typing import Any

import torch

from tests.conformance.case import SIZES, LayerCase, Sample
from tests.conformance.cases.neighbourhoods import FLIPPED, gcn, graph, weighted
from tests.conformance.cases.spectral import appnp, gcn2, sg
from tests.conformance.cases.stacks import dna, layers_of_nodes

ONE_X = {"gradients": "what is cached belongs to one x, and gradients need others near it"}
FIRST_CALL = {"gradients": "the gradient of edge_weight comes from the first call only"}


def on_one_graph(case: LayerCase, without: dict[str, str] | None = None) -> LayerCase:
    def inputs(s: Sample) -> dict[str, Any]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            return case.inputs(Sample(s.num_nodes, s.num_edges))

    return replace(case, inputs=inputs, sizes=SIZES[:1], without={**case.without, **(without or {})})


CASES = [
    on_one_graph(gcn(4, graph, cached=True)),
    on_one_graph(gcn(2, weighted, cached=True, **FLIPPED), FIRST_CALL),
    on_one_graph(gcn2(cached=True), FIRST_CALL),
    on_one_graph(appnp(graph, cached=True)),
    on_one_graph(sg(4, weighted, K=2, cached=True), ONE_X),
    on_one_graph(dna(layers_of_nodes, heads=2, cached=True)),
]
