"""GCNConv, GraphConv, SAGEConv, GINConv, GATConv."""

from collections.abc import Callable
from typing import Any

import torch

from geocompile.layers import GATConv, GCNConv, GINConv, GraphConv, SAGEConv
from tests.conformance.case import LayerCase, Sample
from tests.conformance.formulas import neighbourhoods as formulas

Inputs = Callable[[Sample], dict[str, Any]]
FLIPPED = {"flow": "target_to_source"}


def graph(s: Sample) -> dict[str, Any]:
    return {"x": s.x(), "edge_index": s.edge_index}


def weighted(s: Sample) -> dict[str, Any]:
    return {**graph(s), "edge_weight": s.weight()}


def with_edge_attr(s: Sample) -> dict[str, Any]:
    return {**graph(s), "edge_attr": s.edge_attr()}


def bipartite(s: Sample) -> dict[str, Any]:
    return {"x": (s.x(), s.x(4, more_nodes=3)), "edge_index": s.edge_index}


def alike_bipartite(s: Sample) -> dict[str, Any]:
    """As many channels on both sides."""
    return {"x": (s.x(), s.x(more_nodes=3)), "edge_index": s.edge_index}


def weighted_bipartite(s: Sample) -> dict[str, Any]:
    return {**bipartite(s), "edge_weight": s.weight()}


def pyg_layer(name: str, *arguments: Any, **options: Any) -> Callable[[], torch.nn.Module]:
    def make() -> torch.nn.Module:
        import torch_geometric.nn

        layer: torch.nn.Module = getattr(torch_geometric.nn, name)(*arguments, **options)
        return layer.double()

    return make


def gcn(out_channels: int, inputs: Inputs, **options: Any) -> LayerCase:
    return LayerCase(
        "GCNConv",
        f"{inputs.__name__}, 3 -> {out_channels}, {options}",
        lambda: GCNConv(3, out_channels, **options).double(),
        inputs,
        formulas.gcn,
        pyg_layer("GCNConv", 3, out_channels, **options),
    )


def graph_conv(in_channels: Any, inputs: Inputs, **options: Any) -> LayerCase:
    theirs = {name: value for name, value in options.items() if name != "weight_after"}
    return LayerCase(
        "GraphConv",
        f"{inputs.__name__}, {in_channels} -> 5, {options}",
        lambda: GraphConv(in_channels, 5, **options).double(),
        inputs,
        formulas.graph,
        pyg_layer("GraphConv", in_channels, 5, **theirs),
    )


def sage(in_channels: Any, inputs: Inputs, **options: Any) -> LayerCase:
    """PyG's has a weight for the node itself unless `root_weight=False`, and takes no node as its own neighbour."""
    ours = {"root_weight": True, "normalize": False, **options}
    theirs = {name: value for name, value in ours.items() if name != "add_self_loops"}
    return LayerCase(
        "SAGEConv",
        f"{inputs.__name__}, {in_channels} -> 5, {options}",
        lambda: SAGEConv(in_channels, 5, **ours).double(),
        inputs,
        formulas.sage,
        pyg_layer("SAGEConv", in_channels, 5, **{"aggr": "mean", **theirs}),
    )


def gin(inputs: Inputs, **options: Any) -> LayerCase:
    def network() -> torch.nn.Sequential:
        return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Softplus(), torch.nn.Linear(4, 5))

    return LayerCase(
        "GINConv",
        f"{inputs.__name__}, {options}",
        lambda: GINConv(network(), **options).double(),
        inputs,
        formulas.gin,
        lambda: pyg_layer("GINConv", network(), **options)(),
    )


def gat(in_channels: Any, inputs: Inputs, **options: Any) -> LayerCase:
    return LayerCase(
        "GATConv",
        f"{inputs.__name__}, {in_channels} -> 4, {options}",
        lambda: GATConv(in_channels, 4, **options).double(),
        inputs,
        formulas.gat,
        pyg_layer("GATConv", in_channels, 4, **options),
    )


GCN = [
    *(gcn(out, inputs) for out in (2, 5) for inputs in (graph, weighted)),
    gcn(5, weighted, add_self_loops=False),
    gcn(5, weighted, normalize=False),
    gcn(2, graph, bias=False, **FLIPPED),
    gcn(2, weighted, improved=True),
    *(gcn(5, weighted, aggr=aggr) for aggr in ("mean", "max", "min")),
]
GRAPH = [
    graph_conv(3, graph),
    graph_conv(3, weighted, aggr="mean", bias=False),
    *(graph_conv(3, weighted, aggr=aggr, weight_after=True) for aggr in ("max", "min", "mul")),
    graph_conv((3, 4), weighted_bipartite),
    graph_conv(3, weighted, **FLIPPED),
]
SAGE = [
    sage(3, graph),
    sage(3, graph, normalize=True, bias=False),
    *(sage(3, graph, aggr=aggr) for aggr in ("add", "max", "min", "mul")),
    sage(3, graph, root_weight=False, add_self_loops=False, project=True, **FLIPPED),
    sage((3, 4), bipartite),
]
GIN = [
    gin(graph),
    gin(graph, eps=-0.25, train_eps=True, **FLIPPED),
    *(gin(graph, aggr=aggr) for aggr in ("max", "mean", "min", "mul")),
    gin(alike_bipartite, eps=0.5, train_eps=True),
]
GAT = [
    gat(3, graph),
    gat(3, graph, heads=3, **FLIPPED),
    gat(3, graph, heads=2, concat=False, negative_slope=0.0),
    gat(3, with_edge_attr, heads=2, edge_dim=2, residual=True, bias=False),
    *(gat(3, with_edge_attr, edge_dim=2, fill_value=fill) for fill in ("add", "max", "min", "mul", 0.3)),
    gat(3, with_edge_attr, edge_dim=2, add_self_loops=False),
    gat((3, 4), bipartite, heads=2, residual=True),
]
CASES = [*GCN, *GRAPH, *SAGE, *GIN, *GAT]
