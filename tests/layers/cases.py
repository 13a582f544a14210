"""One case per layer and set of options: it feeds eager, script, export, gradient, training and PyG alike."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geocompile.layers import GATConv, GCNConv, GINConv, GraphConv, SAGEConv

GCN_OPTIONS: list[dict[str, Any]] = [
    {},
    {"improved": True},
    {"add_self_loops": False},
    {"normalize": False},
    {"bias": False, "flow": "target_to_source"},
    {"improved": True, "improved_needs_edge_weight": True},
    {"aggr": "mean"},
    {"aggr": "max"},
    {"aggr": "min", "improved": True},
    {"aggr": "mean", "add_self_loops": False},
    {"aggr": "max", "normalize": False},
]
GRAPH_OPTIONS: list[dict[str, Any]] = [
    {},
    {"aggr": "mean", "bias": False},
    {"aggr": "max"},
    {"aggr": "max", "weight_after": True, "flow": "target_to_source"},
    {"aggr": "min"},
    {"aggr": "mul", "weight_after": True},
]
SAGE_OPTIONS: list[dict[str, Any]] = [
    {},
    {"normalize": False, "bias": False},
    {"aggr": "add", "normalize": False},
    {"aggr": "max", "flow": "target_to_source"},
    {"aggr": "min"},
    {"root_weight": True, "normalize": False},
    {"root_weight": True, "aggr": "max", "project": True},
    {"root_weight": True, "aggr": "mul", "normalize": False},
    {"root_weight": True, "add_self_loops": True, "flow": "target_to_source"},
    {"add_self_loops": False, "project": True},
]
GIN_OPTIONS: list[dict[str, Any]] = [
    {},
    {"eps": 0.5},
    {"eps": -0.25, "train_eps": True, "flow": "target_to_source"},
    {"aggr": "max", "eps": 1.0, "train_eps": True},
    {"aggr": "mean"},
    {"aggr": "min"},
    {"aggr": "mul"},
]
GAT_OPTIONS: list[dict[str, Any]] = [
    {},
    {"heads": 3, "flow": "target_to_source"},
    {"heads": 2, "concat": False, "negative_slope": 0.0},
    {"heads": 2, "residual": True, "bias": False},
    {"heads": 2, "add_self_loops": False},
]
FILL_VALUES: list[Any] = ["mean", "add", "max", "min", "mul", 0.3, torch.tensor([0.5, -1.0])]


class Case(NamedTuple):
    """A layer with fresh weights and, for any graph size, its inputs."""

    make: Callable[[], torch.nn.Module]
    inputs: Callable[[int, int], tuple[Any, ...]]


def graph(num_nodes: int, num_edges: int) -> tuple[Tensor, Tensor]:
    """Random features and edges; loops and duplicates come by themselves, the last node stays isolated if it can."""
    return (
        torch.randn(num_nodes, 3, dtype=torch.float64),
        torch.randint(0, max(num_nodes - 1, 1), (2, num_edges)),
    )


def weighted(num_nodes: int, num_edges: int) -> tuple[Tensor, Tensor, Tensor]:
    return (*graph(num_nodes, num_edges), torch.rand(num_edges, dtype=torch.float64) + 0.1)


def bipartite(num_nodes: int, num_edges: int) -> tuple[Any, ...]:
    x, edge_index, weight = weighted(num_nodes, num_edges)
    return (x, torch.randn(num_nodes + 3, 4, dtype=torch.float64)), edge_index, weight


def alike_bipartite(num_nodes: int, num_edges: int) -> tuple[Any, ...]:
    """As many channels on both sides, and no weight."""
    x, edge_index = graph(num_nodes, num_edges)
    return (x, torch.randn(num_nodes + 3, 3, dtype=torch.float64)), edge_index


def with_edge_attr(num_nodes: int, num_edges: int) -> tuple[Any, ...]:
    return (*graph(num_nodes, num_edges), torch.randn(num_edges, 2, dtype=torch.float64))


def fewer_targets(num_nodes: int, num_edges: int) -> tuple[Any, ...]:
    """A pair whose second side is smaller, with edge features."""
    x, edge_index, edge_attr = with_edge_attr(num_nodes + 3, num_edges)
    edge_index[1] = edge_index[1] % max(num_nodes, 1)
    if num_nodes == 0:
        edge_index, edge_attr = edge_index[:, :0], edge_attr[:0]
    return (x, torch.randn(num_nodes, 4, dtype=torch.float64)), edge_index, edge_attr


def without_target(num_nodes: int, num_edges: int) -> tuple[Any, ...]:
    x, edge_index, weight = weighted(num_nodes, num_edges)
    return (x, None), edge_index, weight, (num_nodes, num_nodes + 3)


def stacked(num_nodes: int, num_edges: int) -> tuple[Tensor, Tensor, Tensor]:
    x, edge_index, weight = weighted(num_nodes, num_edges)
    return torch.stack([x, -x]), edge_index, weight


def sized(num_nodes: int, num_edges: int) -> tuple[Any, ...]:
    """Without target features, which ``size`` stands in for."""
    x, edge_index = graph(num_nodes, num_edges)
    return (x, None), edge_index, (num_nodes, num_nodes + 3)


def gin(out_channels: int, **options: Any) -> GINConv:
    mlp = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Softplus(), torch.nn.Linear(4, out_channels))
    return GINConv(mlp, **options)


def _cases() -> dict[str, Case]:
    cases = {
        "GCNConv several dimensions": Case(lambda: GCNConv(3, 5).double(), stacked),
        "GraphConv several dimensions": Case(lambda: GraphConv(3, 5).double(), stacked),
        "GraphConv bipartite": Case(lambda: GraphConv((3, 4), 5).double(), bipartite),
        "GraphConv bipartite max": Case(lambda: GraphConv((3, 4), 2, "max").double(), bipartite),
        "GATConv bipartite": Case(
            lambda: GATConv((3, 4), 2, heads=2, residual=True).double(), lambda n, e: bipartite(n, e)[:2]
        ),
        "GATConv bipartite with edge features": Case(
            lambda: GATConv((3, 4), 2, heads=2, edge_dim=2).double(), fewer_targets
        ),
        "GATConv bipartite without loops": Case(
            lambda: GATConv((3, 4), 2, add_self_loops=False, edge_dim=2).double(), fewer_targets
        ),
        "GATConv bipartite with one weight": Case(lambda: GATConv(3, 2).double(), alike_bipartite),
        "GATConv without target": Case(
            lambda: GATConv((3, 4), 2).double(), lambda n, e: (*sized(n, e)[:2], None, (n, n + 3))
        ),
        "SAGEConv several dimensions": Case(lambda: SAGEConv(3, 5).double(), lambda n, e: stacked(n, e)[:2]),
        "SAGEConv bipartite": Case(
            lambda: SAGEConv((3, 4), 5, root_weight=True).double(), lambda n, e: bipartite(n, e)[:2]
        ),
        "SAGEConv without target": Case(
            lambda: SAGEConv((3, 4), 2, aggr="max", root_weight=True).double(), sized
        ),
        "GINConv several dimensions": Case(lambda: gin(5).double(), lambda n, e: stacked(n, e)[:2]),
        "GINConv bipartite": Case(lambda: gin(5, eps=0.5, train_eps=True).double(), alike_bipartite),
        "GINConv without target": Case(lambda: gin(2, aggr="mean").double(), sized),
        "GraphConv without target": Case(lambda: GraphConv((3, 4), 2).double(), without_target),
    }
    for options in GAT_OPTIONS:
        for inputs in (graph, with_edge_attr):
            edge_dim = None if inputs is graph else 2
            name = f"GATConv {inputs.__name__} {options}"
            cases[name] = Case(_maker(GATConv, 4, {"edge_dim": edge_dim, **options}), inputs)
    for fill in FILL_VALUES:
        options = {"edge_dim": 2, "heads": 2, "fill_value": fill}
        cases[f"GATConv fill_value {fill}"] = Case(_maker(GATConv, 2, options), with_edge_attr)
    for options in SAGE_OPTIONS:
        for out_channels in (2, 5):
            cases[f"SAGEConv {out_channels} {options}"] = Case(_maker(SAGEConv, out_channels, options), graph)
    for options in GIN_OPTIONS:
        cases[f"GINConv {options}"] = Case(_gin_maker(options), graph)
    for layer, all_options in ((GCNConv, GCN_OPTIONS), (GraphConv, GRAPH_OPTIONS)):
        for options in all_options:
            for out_channels, inputs in ((2, graph), (5, weighted)):
                name = f"{layer.__name__} {out_channels} {inputs.__name__} {options}"
                cases[name] = Case(_maker(layer, out_channels, options), inputs)
    return cases


def _maker(
    layer: Callable[..., torch.nn.Module], out_channels: int, options: dict[str, Any]
) -> Callable[[], Any]:
    return lambda: layer(3, out_channels, **options).double()


def _gin_maker(options: dict[str, Any]) -> Callable[[], Any]:
    return lambda: gin(5, **options).double()


CASES = _cases()
