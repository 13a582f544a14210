"""What works edge by edge, from sixty thousand edges to four million: kernel weights, their sums, attention."""

import torch

from benchmarks.kernels.section import Goal, Limit, Maker, features, graph, size_name
from benchmarks.kernels.work import counted

TITLE = "Growth of kernels and attention, 16 channels, 10 edges a node"
SETTINGS = {
    size_name(size): size
    for size in ((edges // 10, edges) for edges in (60_000, 250_000, 1_000_000, 4_000_000))
}
PER, MEASURES_MEMORY = "an edge", True
CHANNELS, KERNELS, HEADS = 16, 25, 4


def contenders(setting: str) -> dict[str, Maker]:
    return {**_weights(setting), **_sums(setting), **_attention(setting)}


def _weights(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import gaussian_weights, spline_basis

    pseudo = torch.rand(SETTINGS[setting][1], 2, generator=torch.Generator().manual_seed(0))
    mu, sigma = features(KERNELS, 2), features(KERNELS, 2, seed=3).abs() + 0.5
    sizes, is_open = torch.full((2,), 5), torch.ones(2, dtype=torch.uint8)
    return {
        "spline_basis, 2-D, degree 1": counted(lambda: spline_basis(pseudo, sizes, is_open, 1), pseudo),
        "gaussian_weights, 25 kernels": counted(lambda: gaussian_weights(pseudo, mu, sigma), pseudo),
    }


def _sums(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import gather_kernel_reduce, gather_sparse_kernel_reduce

    g = graph(*SETTINGS[setting])
    x, gauss, basis = features(g.num_nodes, CHANNELS), features(g.num_edges, 3), features(g.num_edges, 4)
    index = torch.randint(0, KERNELS, (g.num_edges, 4), generator=torch.Generator().manual_seed(0))
    like = features(KERNELS, 1)
    dense, sparse = (x, g.rowptr, g.col, gauss), (x, g.rowptr, g.col, basis, index)
    return {
        "gather_kernel_reduce, 3 kernels": counted(lambda: gather_kernel_reduce(*dense), *dense),
        "gather_sparse_kernel_reduce, 4 of 25": counted(
            lambda: gather_sparse_kernel_reduce(*sparse, like), *sparse
        ),
    }


def _attention(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import additive_attention, dot_attention

    g, att = graph(*SETTINGS[setting]), features(HEADS, CHANNELS // HEADS)
    query, key, value = (features(g.num_nodes, HEADS, CHANNELS // HEADS, seed=seed) for seed in (2, 3, 4))
    rows = g.rowptr, g.col
    return {
        "dot_attention, 4 heads": counted(
            lambda: dot_attention(query, key, value, *rows), query, key, value, *rows
        ),
        "additive_attention, 4 heads": counted(
            lambda: additive_attention(query, key, att, *rows), query, key, *rows
        ),
    }


def goals(setting: str) -> list[Goal | Limit]:
    return []
