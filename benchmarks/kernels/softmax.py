"""Softmax over each node's edges, 8 heads, beside PyG's."""

import torch

from benchmarks.kernels.section import LARGE, SMALL, Goal, Limit, Maker, features, graph, size_name
from benchmarks.kernels.work import counted

TITLE = "Segment softmax, 8 heads"
SETTINGS = {size_name(size): size for size in (SMALL, LARGE)}
SORTED, PERMUTED = "geocompile, scores in CSR order", "geocompile, scores in the order of the edges"
ALL, PYG = "geocompile, CSR included", "PyG softmax"


def contenders(setting: str) -> dict[str, Maker]:
    from torch_geometric.utils import softmax

    from geocompile.custom_ops import csr_from_coo, segment_softmax

    g = graph(*SETTINGS[setting])
    scores, targets = features(g.num_edges, 8), g.edge_index[1]
    like = torch.empty(g.num_nodes, 0)

    def from_edges() -> torch.Tensor:
        rowptr, perm, _ = csr_from_coo(targets, like)
        return segment_softmax(scores, rowptr, perm)

    return {
        SORTED: counted(lambda: segment_softmax(scores, g.rowptr), scores, g.rowptr),
        PERMUTED: counted(lambda: segment_softmax(scores, g.rowptr, g.perm), scores, g.rowptr, g.perm),
        ALL: counted(from_edges, scores, targets),
        PYG: lambda: lambda: softmax(scores, targets, num_nodes=g.num_nodes),
    }


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(name, (PYG,), 5.0) for name in (SORTED, PERMUTED, ALL)]
