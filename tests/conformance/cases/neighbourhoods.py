"""GCNConv, GraphConv, SAGEConv, GINConv, GATConv."""

from collections.abc import Callable
from dataclasses import replace
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


def stacked(s: Sample) -> dict[str, Any]:
    """Two graphs' features on the same edges, in a dimension in front of the nodes."""
    return {"x": torch.stack([s.x(), s.x()]), "edge_index": s.edge_index}


def sized(s: Sample) -> dict[str, Any]:
    """Without receiving features, which ``size`` stands in for."""
    return {"x": (s.x(), None), "edge_index": s.edge_index, "size": (s.num_nodes, s.num_nodes + 3)}


def fewer_targets(s: Sample) -> dict[str, Any]:
    """A pair whose second side is smaller, with edge features."""
    target = torch.randn(s.num_nodes, 4, dtype=torch.float64)
    return {"x": (s.x(more_nodes=3), target), "edge_index": s.edge_index, "edge_attr": s.edge_attr()}


def pyg_layer(name: str, *arguments: Any, **options: Any) -> Callable[[], torch.nn.Module]:
    def make() -> torch.nn.Module:
        import torch_geometric.nn

        layer: torch.nn.Module = getattr(torch_geometric.nn, name)(*arguments, **options)
        return layer.double()

    return make


def by_inputs(case: LayerCase) -> LayerCase:
    """The formula for inputs of another form, and the columns that these have not."""
    if case.inputs is stacked:
        sizes = {"x": [2, "num_nodes", 3]}
        return replace(case, formula=formulas.of_each(case.formula), dynamic=sizes)
    if case.inputs is sized:
        return without_engines(replace(case, formula=formulas.with_zeros(case.formula)))
    return case


def without_engines(case: LayerCase) -> LayerCase:
    """A case that says by ``size`` how many nodes receive."""
    reason = "engines take tensors, and no tensor has the number of nodes that size says"
    engines = ("TorchScript", "ONNX", "ONNX without our library", "AOTInductor", "C++ TorchScript")
    return replace(case, without={**case.without, **dict.fromkeys(engines, reason)})


def not_in_pyg(case: LayerCase, reason: str) -> LayerCase:
    return replace(case, pyg=None, without={**case.without, "PyG": reason})


def gcn(out_channels: int, inputs: Inputs, **options: Any) -> LayerCase:
    theirs = {name: value for name, value in options.items() if name != "improved_needs_edge_weight"}
    case = LayerCase(
        "GCNConv",
        f"{inputs.__name__}, 3 -> {out_channels}, {options}",
        lambda: GCNConv(3, out_channels, **options).double(),
        inputs,
        formulas.gcn,
        pyg_layer("GCNConv", 3, out_channels, **theirs),
    )
    if inputs is graph and "improved" in options and theirs == options:
        case = not_in_pyg(case, "PyG ignores improved=True where there are no edge weights")
    return by_inputs(case)


def graph_conv(in_channels: Any, inputs: Inputs, out_channels: int = 5, **options: Any) -> LayerCase:
    theirs = {name: value for name, value in options.items() if name != "weight_after"}
    case = LayerCase(
        "GraphConv",
        f"{inputs.__name__}, {in_channels} -> {out_channels}, {options}",
        lambda: GraphConv(in_channels, out_channels, **options).double(),
        inputs,
        formulas.graph,
        pyg_layer("GraphConv", in_channels, out_channels, **theirs),
    )
    if options.get("aggr") in ("max", "min") and theirs == options:
        case = not_in_pyg(case, "PyG applies the weight after the aggregation")
    return by_inputs(case)


def sage(in_channels: Any, inputs: Inputs, out_channels: int = 5, **options: Any) -> LayerCase:
    """PyG's has a weight for the node itself unless `root_weight=False`, and takes no node as its own neighbour."""
    ours = {"root_weight": True, "normalize": False, **options}
    theirs = {name: value for name, value in ours.items() if name != "add_self_loops"}
    case = LayerCase(
        "SAGEConv",
        f"{inputs.__name__}, {in_channels} -> {out_channels}, {options}",
        lambda: SAGEConv(in_channels, out_channels, **ours).double(),
        inputs,
        formulas.sage,
        pyg_layer("SAGEConv", in_channels, out_channels, **{"aggr": "mean", **theirs}),
    )
    if ours.get("add_self_loops", not ours["root_weight"]):
        case = not_in_pyg(case, "in PyG no node is its own neighbour")
    return by_inputs(case)


def gin(inputs: Inputs, **options: Any) -> LayerCase:
    def network() -> torch.nn.Sequential:
        return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Softplus(), torch.nn.Linear(4, 5))

    case = LayerCase(
        "GINConv",
        f"{inputs.__name__}, {options}",
        lambda: GINConv(network(), **options).double(),
        inputs,
        formulas.gin,
        lambda: pyg_layer("GINConv", network(), **options)(),
    )
    return by_inputs(case)


def gat(in_channels: Any, inputs: Inputs, **options: Any) -> LayerCase:
    case = LayerCase(
        "GATConv",
        f"{inputs.__name__}, {in_channels} -> 4, {options}",
        lambda: GATConv(in_channels, 4, **options).double(),
        inputs,
        formulas.gat,
        pyg_layer("GATConv", in_channels, 4, **options),
    )
    if {"edge_dim", "flow"} <= options.keys() and isinstance(options.get("fill_value", "mean"), str):
        case = not_in_pyg(case, "PyG's self-loops take their features from the edges that a node sends")
    return by_inputs(case)


GCN = [
    *(gcn(out, inputs) for out in (2, 5) for inputs in (graph, weighted)),
    gcn(5, weighted, add_self_loops=False),
    gcn(5, weighted, normalize=False),
    gcn(2, graph, bias=False, **FLIPPED),
    gcn(2, weighted, improved=True),
    gcn(2, graph, improved=True),
    gcn(2, graph, improved=True, improved_needs_edge_weight=True),
    *(gcn(5, weighted, aggr=aggr) for aggr in ("mean", "max", "min")),
    gcn(2, graph, aggr="mean", add_self_loops=False),
    gcn(2, weighted, aggr="max", normalize=False),
    gcn(2, graph, aggr="min", improved=True),
    *(gcn(out, stacked) for out in (2, 5)),
]
GRAPH = [
    graph_conv(3, graph),
    graph_conv(3, weighted, aggr="mean", bias=False),
    *(graph_conv(3, weighted, aggr=aggr, weight_after=True) for aggr in ("max", "min", "mul")),
    *(graph_conv(3, weighted, aggr=aggr) for aggr in ("max", "min")),
    graph_conv(3, graph, 2, aggr="max"),
    graph_conv(3, stacked, 2),
    graph_conv((3, 4), sized, 2),
    graph_conv((3, 4), weighted_bipartite),
    graph_conv((3, 4), weighted_bipartite, 2, aggr="max"),
    graph_conv(3, weighted, **FLIPPED),
]
SAGE = [
    sage(3, graph),
    sage(3, graph, normalize=True, bias=False),
    *(sage(3, graph, aggr=aggr) for aggr in ("add", "max", "min", "mul")),
    sage(3, graph, root_weight=False, add_self_loops=False, project=True, **FLIPPED),
    sage((3, 4), bipartite),
    sage(3, graph, 2, aggr="max", project=True),
    *(sage(3, stacked, out) for out in (2, 5)),
    sage((3, 4), sized, 2, aggr="max"),
    *(sage(3, graph, out, root_weight=False, normalize=True) for out in (2, 5)),
    sage(3, graph, 2, root_weight=False, bias=False),
    sage(3, graph, root_weight=False, aggr="add", normalize=True, **FLIPPED),
    *(sage(3, graph, 2, root_weight=False, aggr=aggr) for aggr in ("max", "min")),
    sage(3, graph, 2, add_self_loops=True, normalize=True, **FLIPPED),
]
GIN = [
    gin(graph),
    gin(graph, eps=-0.25, train_eps=True, **FLIPPED),
    *(gin(graph, aggr=aggr) for aggr in ("max", "mean", "min", "mul")),
    gin(alike_bipartite, eps=0.5, train_eps=True),
    gin(stacked, eps=1.0),
    gin(sized, aggr="mean"),
]
GAT = [
    gat(3, graph),
    gat(3, graph, heads=3, **FLIPPED),
    gat(3, graph, heads=2, concat=False, negative_slope=0.0),
    gat(3, with_edge_attr, heads=2, edge_dim=2, residual=True, bias=False),
    *(gat(3, with_edge_attr, edge_dim=2, fill_value=fill) for fill in ("add", "max", "min", "mul", 0.3)),
    gat(3, with_edge_attr, edge_dim=2, add_self_loops=False),
    gat(3, with_edge_attr, edge_dim=2, heads=2, fill_value=torch.tensor([0.5, -1.0])),
    gat(3, with_edge_attr, edge_dim=2, heads=3, **FLIPPED),
    gat(3, with_edge_attr, edge_dim=2, heads=3, concat=False, fill_value=0.5, **FLIPPED),
    gat(3, graph, heads=2, add_self_loops=False, dropout=0.2),
    gat((3, 4), bipartite, heads=2, residual=True),
    gat((3, 4), fewer_targets, heads=2, edge_dim=2),
    gat((3, 4), fewer_targets, add_self_loops=False, edge_dim=2),
    gat(3, alike_bipartite),
    gat((3, 4), sized),
]
CASES = [*GCN, *GRAPH, *SAGE, *GIN, *GAT]
