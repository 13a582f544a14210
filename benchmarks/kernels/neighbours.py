"""k nearest neighbours of points in space, the search structure built in each call."""

import torch

from benchmarks.kernels.clouds import SPACE, batch_of, by_scipy, points, space_name
from benchmarks.kernels.section import Goal, Limit, Maker, with_peer
from benchmarks.kernels.work import counted

TITLE = "knn_graph, 3-D, k=16"
K = 16
SETTINGS = {space_name(size): size for size in SPACE}
OURS, PEER, SCIPY = "geocompile", "torch_cluster", "cKDTree, 2 workers"


def contenders(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import knn_graph

    num_points, graphs = SETTINGS[setting]
    x, batch = points(num_points, 3), batch_of(num_points, graphs)

    def peer() -> torch.Tensor:
        from torch_cluster import knn_graph as theirs

        return theirs(x, K, batch, num_workers=2)

    return {
        OURS: counted(lambda: knn_graph(x, K, batch), x, batch),
        **with_peer(PEER, lambda: peer),
        SCIPY: lambda: lambda: by_scipy(x, graphs, lambda tree, own: tree.query(own, K + 1, workers=2)),
    }


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(OURS, (PEER,), 2.0), Goal(OURS, (SCIPY,), 1.0)]
