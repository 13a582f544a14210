"""Sorting an edge list into compressed rows."""

import torch

from benchmarks.kernels.section import LARGE, SMALL, Goal, Limit, Maker, graph, size_name
from benchmarks.kernels.work import counted

TITLE = "CSR of an edge list"
SETTINGS = {size_name(size): size for size in (SMALL, LARGE)}
OURS, TORCH = "csr_from_coo with the sources", "torch: stable argsort, bincount, two gathers"


def contenders(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import csr_from_coo

    g = graph(*SETTINGS[setting])
    sources, targets = g.edge_index
    like = torch.empty(g.num_nodes, 0)

    def by_torch() -> tuple[torch.Tensor, ...]:
        perm = torch.argsort(targets, stable=True)
        rowptr = targets.new_zeros(g.num_nodes + 1)
        torch.cumsum(torch.bincount(targets, minlength=g.num_nodes), 0, out=rowptr[1:])
        return rowptr, perm, sources[perm]

    return {
        OURS: counted(lambda: csr_from_coo(targets, like, sources), g.edge_index),
        TORCH: lambda: by_torch,
    }


def goals(setting: str) -> list[Goal | Limit]:
    return [Limit(OURS, 0.010)] if SETTINGS[setting] == LARGE else []
