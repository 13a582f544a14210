"""Choosing nodes graph by graph beside PyG: the best half of each graph, the edges among them, dense batches."""

import torch

from benchmarks.kernels.section import Goal, Limit, Maker, features
from benchmarks.kernels.work import counted

TITLE = "Selection: 16 channels, 5 edges a node"
# graphs, nodes of each
SETTINGS = {
    f"{graphs} graphs of {nodes}": (graphs, nodes)
    for graphs, nodes in ((2_000, 30), (100, 2_000), (1, 65_536), (1, 1_000_000))
}
NAMES = ("topk", "filter_edges", "to_dense_batch", "global_sort_pool, k=30")
OURS, PYG = ({name: f"{who} {name}" for name in NAMES} for who in ("geocompile", "PyG"))


def contenders(setting: str) -> dict[str, Maker]:
    from torch_geometric.nn.aggr import SortAggregation
    from torch_geometric.nn.pool.connect.filter_edges import filter_adj
    from torch_geometric.nn.pool.select.topk import topk as pyg_topk
    from torch_geometric.utils import to_dense_batch as pyg_to_dense_batch

    from geocompile.custom_ops import filter_edges, to_dense_batch, topk
    from geocompile.layers import global_sort_pool

    graphs, nodes = SETTINGS[setting]
    num_nodes = graphs * nodes
    x, batch = features(num_nodes, 16), torch.arange(graphs).repeat_interleave(nodes)
    score = x[:, 0].contiguous()
    generator = torch.Generator().manual_seed(0)
    first = batch.repeat_interleave(5) * nodes
    edge_index = first + torch.randint(0, nodes, (2, 5 * num_nodes), generator=generator)
    perm = topk(score, 0.5, batch)
    sort_pool = SortAggregation(30)
    ours = (
        lambda: topk(score, 0.5, batch),
        lambda: filter_edges(edge_index, perm, x),
        lambda: to_dense_batch(x, batch),
        lambda: global_sort_pool(x, batch, 30, sort_channels=False),
    )
    theirs = (
        lambda: pyg_topk(score, 0.5, batch),
        lambda: filter_adj(edge_index, None, perm, num_nodes=num_nodes),
        lambda: pyg_to_dense_batch(x, batch),
        lambda: sort_pool(x, batch),
    )
    reads = dict(zip(NAMES, ((score, batch), (edge_index, perm), (x, batch), (x, batch)), strict=True))
    found: dict[str, Maker] = {}
    for name, our, their in zip(NAMES, ours, theirs, strict=True):
        found[OURS[name]] = counted(our, *reads[name])
        found[PYG[name]] = lambda their=their: their
    return found


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(OURS[name], (PYG[name],), 1.0) for name in NAMES]
