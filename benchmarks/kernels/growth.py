"""Time for each edge from a million edges to a hundred million: it may grow while caches run out, not after."""

import torch

from benchmarks.kernels.section import Goal, Limit, Maker, features, graph, size_name
from benchmarks.kernels.work import counted

TITLE = "Growth, F=16, 14 edges a node"
SETTINGS = {
    size_name(size): size
    for size in (
        (edges // 14, edges) for edges in (1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000)
    )
}
CSR, SUM, SOFTMAX = "csr_from_coo", "gather_segment_reduce", "segment_softmax, 1 head"
PER = "an edge"


def contenders(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import csr_from_coo, gather_segment_reduce, segment_softmax

    g = graph(*SETTINGS[setting])
    x, weight = features(g.num_nodes, 16), g.sorted_weight
    sources, targets = g.edge_index
    like = torch.empty(g.num_nodes, 0)
    return {
        CSR: counted(lambda: csr_from_coo(targets, like, sources), g.edge_index),
        SUM: counted(lambda: gather_segment_reduce(x, g.rowptr, g.col, weight), x, g.rowptr, g.col, weight),
        SOFTMAX: counted(lambda: segment_softmax(weight, g.rowptr), weight, g.rowptr),
    }


def goals(setting: str) -> list[Goal | Limit]:
    return []
