"""One case per layer and set of options: it feeds eager, script, export, gradient, training and PyG alike."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geocompile.layers import GCNConv, GraphConv

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


def without_target(num_nodes: int, num_edges: int) -> tuple[Any, ...]:
    x, edge_index, weight = weighted(num_nodes, num_edges)
    return (x, None), edge_index, weight, (num_nodes, num_nodes + 3)


def stacked(num_nodes: int, num_edges: int) -> tuple[Tensor, Tensor, Tensor]:
    x, edge_index, weight = weighted(num_nodes, num_edges)
    return torch.stack([x, -x]), edge_index, weight


def _cases() -> dict[str, Case]:
    cases = {
        "GCNConv several dimensions": Case(lambda: GCNConv(3, 5).double(), stacked),
        "GraphConv several dimensions": Case(lambda: GraphConv(3, 5).double(), stacked),
        "GraphConv bipartite": Case(lambda: GraphConv((3, 4), 5).double(), bipartite),
        "GraphConv bipartite max": Case(lambda: GraphConv((3, 4), 2, "max").double(), bipartite),
        "GraphConv without target": Case(lambda: GraphConv((3, 4), 2).double(), without_target),
    }
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


CASES = _cases()
SIZES = ((6, 14), (11, 40), (4, 0), (1, 2), (1, 0), (0, 0))
