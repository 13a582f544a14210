"""Matching, voxels, unique edges and numbering beside torch-cluster's and PyG's."""

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.kernels.section import LARGE, SMALL, Goal, Limit, Maker, features, graph, size_name, with_peer
from benchmarks.kernels.work import counted

TITLE = "Clusters: matching, voxels, unique edges, numbering"
SIZES = {size_name(size): size for size in (SMALL, LARGE)}
WHATS = (
    "graclus",
    "graclus, weighted",
    "voxel_grid",
    "coalesce",
    "coalesce, 16 values",
    "consecutive",
    "max_pool",
)
SETTINGS = {f"{what}, {size}": (what, size) for what in WHATS for size in SIZES}
OURS, CLUSTER, PYG = "geocompile", "torch_cluster", "PyG"


def contenders(setting: str) -> dict[str, Maker]:
    what, size = SETTINGS[setting]
    g = graph(*SIZES[size])
    ours, peer, call = _pair(what, g)
    rival = with_peer(CLUSTER, lambda: call) if peer == CLUSTER else {PYG: lambda: call}
    return {OURS: ours, **rival}


Pair = tuple[Maker, str, Callable[[], Any]]  # ours, whose the peer is, the peer


def _pair(what: str, g: Any) -> Pair:
    if what.startswith("graclus"):
        return _matching(g, what.endswith("weighted"))
    if what == "voxel_grid":
        return _voxels(g)
    if what.startswith("coalesce"):
        return _unique(g, what.endswith("values"))
    return _numbering(g) if what == "consecutive" else _pooling(g)


def _matching(g: Any, weighted: bool) -> Pair:
    from geocompile.custom_ops import graclus

    weight = g.weight if weighted else None

    def theirs() -> torch.Tensor:
        from torch_cluster import graclus_cluster

        return graclus_cluster(*g.edge_index, weight, g.num_nodes)

    ours = counted(lambda: graclus(g.edge_index, weight, g.num_nodes), g.edge_index, weight)
    return ours, CLUSTER, theirs


def _points(g: Any) -> tuple[torch.Tensor, torch.Tensor]:
    return features(g.num_edges, 3), torch.arange(g.num_edges) * 8 // g.num_edges


def _voxels(g: Any) -> Pair:
    from geocompile.custom_ops import voxel_grid

    pos, batch = _points(g)
    with_batch = torch.cat([pos, batch[:, None].float()], 1)
    size = torch.tensor([0.1, 0.1, 0.1, 1.0])

    def theirs() -> torch.Tensor:
        from torch_cluster import grid_cluster

        return grid_cluster(with_batch, size)

    return counted(lambda: voxel_grid(pos, batch, 0.1), pos, batch), CLUSTER, theirs


def _unique(g: Any, with_values: bool) -> Pair:
    from torch_geometric.utils import coalesce as theirs

    from geocompile.custom_ops import coalesce

    values = features(g.num_edges, 16) if with_values else None
    return (
        counted(lambda: coalesce(g.edge_index, values, g.num_nodes), g.edge_index, values),
        PYG,
        lambda: theirs(g.edge_index, values, g.num_nodes),
    )


def _numbering(g: Any) -> Pair:
    from torch_geometric.nn.pool.consecutive import consecutive_cluster

    from geocompile.custom_ops import consecutive, voxel_grid

    voxels = voxel_grid(*_points(g), 0.1)
    return counted(lambda: consecutive(voxels), voxels), PYG, lambda: consecutive_cluster(voxels)


def _pooling(g: Any) -> Pair:
    from torch_geometric.data import Batch
    from torch_geometric.nn.pool import max_pool as theirs

    from geocompile.custom_ops import graclus
    from geocompile.layers import max_pool

    cluster = graclus(g.edge_index, None, g.num_nodes)
    x, batch = features(g.num_nodes, 64), torch.zeros(g.num_nodes, dtype=torch.long)
    data = Batch(x=x, edge_index=g.edge_index, edge_attr=g.weight, batch=batch)
    return (
        counted(
            lambda: max_pool(cluster, x, g.edge_index, g.weight, batch),
            *(cluster, x, g.edge_index, g.weight, batch),
        ),
        PYG,
        lambda: theirs(cluster, data),
    )


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(OURS, (CLUSTER, PYG), 1.0)]
