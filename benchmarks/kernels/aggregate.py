"""Aggregation from an edge list, sorting included, beside PyG's gather, multiply, scatter and torch-scatter's max."""

import torch

from benchmarks.kernels.section import LARGE, SMALL, Goal, Limit, Maker, features, graph, size_name, with_peer
from benchmarks.kernels.work import counted

TITLE = "Weighted aggregation from an edge list, CSR included"
SETTINGS = {
    f"{size_name(size)}, F={channels}": (size, channels)
    for size in (SMALL, LARGE)
    for channels in (64, 128, 256)
}
SUM, MAX = "geocompile sum", "geocompile max"
PYG, TORCH_SCATTER = "PyG gather, multiply, scatter", "torch_scatter"
FASTER = {64: 1.5, 128: 2.0, 256: 2.0}


def contenders(setting: str) -> dict[str, Maker]:
    from torch_geometric.utils import scatter

    from geocompile.custom_ops import csr_from_coo, gather_segment_reduce

    size, channels = SETTINGS[setting]
    g, x = graph(*size), features(size[0], channels)
    sources, targets = g.edge_index

    def ours(reduce: str) -> Maker:
        def call() -> torch.Tensor:
            rowptr, perm, col = csr_from_coo(targets, x, sources)
            return gather_segment_reduce(x, rowptr, col, g.weight.index_select(0, perm), None, reduce)

        return counted(call, x, g.edge_index, g.weight, multiply_adds=size[1] * channels)

    def messages() -> torch.Tensor:
        return x.index_select(0, sources) * g.weight.view(-1, 1)

    def scatter_max() -> object:
        from torch_scatter import scatter_max

        return lambda: scatter_max(messages(), targets, 0, dim_size=g.num_nodes)

    return {
        SUM: ours("sum"),
        MAX: ours("max"),
        PYG: lambda: lambda: scatter(messages(), targets, 0, g.num_nodes, "sum"),
        **with_peer(TORCH_SCATTER, scatter_max),
    }


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(SUM, (PYG,), FASTER[SETTINGS[setting][1]]), Goal(MAX, (TORCH_SCATTER,), 10.0)]
