"""Two SplineConv layers, one after the other, beside PyG's."""

import torch
from torch import Tensor

from benchmarks.kernels.section import Goal, Limit, Maker, graph, size_name
from benchmarks.layers.beside_pyg import OURS, PYG, beside_pyg, pyg_spline_conv

SIZE, CHANNELS = (10_000, 60_000), 64
TITLE = f"Two SplineConv layers, 4 of 25 kernels, {CHANNELS} to {CHANNELS} channels"
MEASURES_MEMORY = True
MEASURES_SLOW_CALLS = True
SETTINGS = {size_name(SIZE): SIZE}


class TwoLayers(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = pyg_spline_conv(CHANNELS, CHANNELS, 2, 5)
        self.second = pyg_spline_conv(CHANNELS, CHANNELS, 2, 5)

    def forward(self, x: Tensor, edge_index: Tensor, pseudo: Tensor) -> Tensor:
        h = self.first(x, edge_index, pseudo).relu()
        return self.second(h, edge_index, pseudo)  # type: ignore[no-any-return]


def contenders(setting: str) -> dict[str, Maker]:
    torch.manual_seed(0)
    g = graph(*SETTINGS[setting])
    return beside_pyg(
        TwoLayers, (torch.randn(g.num_nodes, CHANNELS), g.edge_index, torch.rand(g.num_edges, 2))
    )


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(OURS, (PYG,), 20.0), Goal(OURS, (PYG,), 1.0, of="memory")]
