"""GATv2Conv, TransformerConv."""

from typing import Any

from geocompile.layers import GATv2Conv, TransformerConv
from tests.conformance.case import LayerCase, Sample
from tests.conformance.cases.neighbourhoods import FLIPPED, Inputs, bipartite, graph, with_edge_attr
from tests.conformance.cases.spectral import layer
from tests.conformance.formulas import attention as formulas


def bipartite_with_edge_attr(s: Sample) -> dict[str, Any]:
    return {**bipartite(s), "edge_attr": s.edge_attr()}


def alike_bipartite_with_edge_attr(s: Sample) -> dict[str, Any]:
    """As many channels on both sides."""
    return {
        "x": (s.x(), s.x(more_nodes=3)),
        "edge_index": s.edge_index,
        "edge_attr": s.edge_attr(),
    }


def gatv2(in_channels: Any, inputs: Inputs, **options: Any) -> LayerCase:
    return layer(GATv2Conv, inputs, formulas.gatv2, in_channels, 4, **options)


def transformer(in_channels: Any, inputs: Inputs, **options: Any) -> LayerCase:
    return layer(TransformerConv, inputs, formulas.transformer, in_channels, 4, **options)


GATV2 = [
    gatv2(3, with_edge_attr, heads=2, edge_dim=2, residual=True),
    gatv2(3, graph),
    gatv2(3, graph, heads=2, concat=False, share_weights=True, bias=False, dropout=0.3, **FLIPPED),
    gatv2(3, with_edge_attr, edge_dim=2, add_self_loops=False, negative_slope=0.0),
    *(gatv2(3, with_edge_attr, edge_dim=2, fill_value=fill) for fill in ("max", "mul", 0.3)),
    gatv2((3, 4), bipartite_with_edge_attr, heads=2, edge_dim=2, residual=True),
    gatv2((3, 3), alike_bipartite_with_edge_attr, edge_dim=2, fill_value="add", share_weights=True),
]
TRANSFORMER = [
    transformer(3, with_edge_attr, heads=2, edge_dim=2, beta=True),
    transformer(3, graph),
    transformer(3, graph, heads=3, concat=False, beta=True, bias=False, **FLIPPED),
    transformer(3, with_edge_attr, heads=2, edge_dim=2, dropout=0.3),
    transformer(3, graph, heads=2, root_weight=False, beta=True),
    transformer((3, 4), bipartite_with_edge_attr, heads=2, edge_dim=2, concat=False),
]
CASES = [*GATV2, *TRANSFORMER]
