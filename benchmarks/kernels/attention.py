"""A GAT layer's attention, from node scores to weighted sums, beside PyG's steps; and the whole layer beside PyG's."""

import torch
from torch import Tensor

from benchmarks.kernels.section import LARGE, SMALL, Goal, Limit, Maker, features, graph, size_name
from benchmarks.kernels.work import counted

TITLE = "GAT attention, 8 heads"
SETTINGS = {
    f"{size_name(size)}, C={channels}": (size, channels) for size in (SMALL, LARGE) for channels in (8, 16)
}
HEADS = 8
OURS, ALL, PYG = "gat_aggregate, CSR at hand", "gat_aggregate, CSR included", "PyG's steps"
OUR_LAYER, PYG_LAYER = "geocompile GATConv", "PyG GATConv"
MEASURES_MEMORY = True


def contenders(setting: str) -> dict[str, Maker]:
    from torch_geometric import nn
    from torch_geometric.utils import scatter, softmax

    from geocompile import layers
    from geocompile.custom_ops import csr_from_coo, gat_aggregate

    size, channels = SETTINGS[setting]
    g, x = graph(*size), features(size[0], HEADS, channels)
    source, target = features(size[0], HEADS, seed=3), features(size[0], HEADS, seed=4)
    sources, targets = g.edge_index

    def from_edges() -> Tensor:
        rowptr, _, col = csr_from_coo(targets, x, sources)
        return gat_aggregate(x, rowptr, col, source, target)

    def pyg() -> Tensor:
        score = source.index_select(0, sources) + target.index_select(0, targets)
        alpha = softmax(torch.nn.functional.leaky_relu(score, 0.2), targets, num_nodes=g.num_nodes)
        return scatter(x.index_select(0, sources) * alpha.unsqueeze(-1), targets, 0, g.num_nodes, "sum")

    def layer(module: type[torch.nn.Module]) -> Maker:
        def make() -> object:
            conv, inputs = module(HEADS * channels, channels, heads=HEADS), x.flatten(1)
            return torch.inference_mode()(lambda: conv(inputs, g.edge_index))

        return make

    return {
        OURS: counted(
            lambda: gat_aggregate(x, g.rowptr, g.col, source, target),
            *(x, g.rowptr, g.col, source, target),
            multiply_adds=size[1] * HEADS * channels,
        ),
        ALL: counted(from_edges, x, g.edge_index, source, target, multiply_adds=size[1] * HEADS * channels),
        PYG: lambda: pyg,
        OUR_LAYER: layer(layers.GATConv),
        PYG_LAYER: layer(nn.GATConv),
    }


def goals(setting: str) -> list[Goal | Limit]:
    return [
        Goal(OURS, (PYG,), 3.0),
        Goal(ALL, (PYG,), 3.0),
        Goal(ALL, (PYG,), 4.0, of="memory"),
        Goal(OUR_LAYER, (PYG_LAYER,), 3.0),
        Goal(OUR_LAYER, (PYG_LAYER,), 4.0, of="memory"),
    ]
