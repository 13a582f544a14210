"""What works node by node, from sixteen thousand nodes to four million in one graph, the hardest to select from."""

import torch

from benchmarks.kernels.section import Goal, Limit, Maker, features
from benchmarks.kernels.work import counted

TITLE = "Growth of selection and grouped products, one graph, 16 channels, 5 edges a node"
SETTINGS = {f"{nodes:,} nodes": (nodes, nodes) for nodes in (16_384, 65_536, 262_144, 1_048_576, 4_194_304)}
PER, MEASURES_MEMORY = "a node", True


def contenders(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import filter_edges, grouped_matmul, to_dense_batch, topk
    from geocompile.layers import global_sort_pool

    nodes, _ = SETTINGS[setting]
    x, batch = features(nodes, 16), torch.zeros(nodes, dtype=torch.long)
    score, weight, ptr = x[:, 0].contiguous(), features(8, 16, 16), torch.arange(9) * nodes // 8
    edge_index = torch.randint(0, nodes, (2, 5 * nodes), generator=torch.Generator().manual_seed(0))
    perm = topk(score, 0.5, batch)
    return {
        "topk, half": counted(lambda: topk(score, 0.5, batch), score, batch),
        "filter_edges": counted(lambda: filter_edges(edge_index, perm, x), edge_index, perm),
        "to_dense_batch": counted(lambda: to_dense_batch(x, batch), x, batch),
        "global_sort_pool, k=30": counted(
            lambda: global_sort_pool(x, batch, 30, sort_channels=False), x, batch
        ),
        "grouped_matmul, 8 groups": counted(
            lambda: grouped_matmul(x, ptr, weight), x, ptr, weight, multiply_adds=x.numel() * 16
        ),
    }


def goals(setting: str) -> list[Goal | Limit]:
    return []
