"""Layers whose edges choose or mix matrices, 64 to 64 channels, beside PyG's."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.kernels.section import SMALL, Goal, Limit, Maker, graph, size_name
from benchmarks.layers.beside_pyg import OURS, PYG, beside_pyg, pyg_spline_conv

CHANNELS = 64
TITLE = f"Layers that weigh matrices for each edge, {size_name(SMALL)}, {CHANNELS} to {CHANNELS} channels"
MEASURES_MEMORY = True
MEASURES_SLOW_CALLS = True
NN, GMM = "NNConv, edge network 4 - 32 - 4096", "GMMConv, 10 Gaussians"
SPLINE, RGCN = "SplineConv, 4 of 25 kernels", "RGCNConv, 8 relations"
SETTINGS = {name: name for name in (NN, GMM, SPLINE, RGCN)}


def contenders(setting: str) -> dict[str, Maker]:
    import torch_geometric.nn as pyg

    layers: dict[str, tuple[Callable[[], torch.nn.Module], Callable[[int], Tensor]]] = {
        NN: (lambda: pyg.NNConv(CHANNELS, CHANNELS, _network()), lambda edges: torch.randn(edges, 4)),
        GMM: (lambda: pyg.GMMConv(CHANNELS, CHANNELS, 2, 10), lambda edges: torch.randn(edges, 2)),
        SPLINE: (lambda: pyg_spline_conv(CHANNELS, CHANNELS, 2, 5), lambda edges: torch.rand(edges, 2)),
        RGCN: (lambda: pyg.RGCNConv(CHANNELS, CHANNELS, 8), lambda edges: torch.randint(0, 8, (edges,))),
    }
    make, draw = layers[setting]
    torch.manual_seed(0)
    g = graph(*SMALL)
    return beside_pyg(make, (torch.randn(g.num_nodes, CHANNELS), g.edge_index, draw(g.num_edges)))


def goals(setting: str) -> list[Goal | Limit]:
    less_memory = 5.0 if setting in (NN, GMM) else 1.0
    return [Goal(OURS, (PYG,), 2.0), Goal(OURS, (PYG,), less_memory, of="memory")]


def _network() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Linear(4, 32), torch.nn.ReLU(), torch.nn.Linear(32, CHANNELS * CHANNELS)
    )
