"""k nearest neighbours where coordinates are 9 to 16: of points everywhere, and of points near a surface."""

import torch

from benchmarks.kernels.clouds import by_scipy, points
from benchmarks.kernels.section import Goal, Limit, Maker, with_peer
from benchmarks.kernels.work import counted

TITLE = "knn_graph, 9-D to 16-D, k=16"
K = 16
SETTINGS = {
    f"{num_points} points, {kind}, {dimensions}-D": (num_points, dimensions, kind)
    for num_points, kind in ((16_384, "uniform"), (65_536, "of a 3-D space"))
    for dimensions in (9, 12, 16)
}
OURS, PEER, SCIPY = "geocompile", "torch_cluster", "cKDTree, 2 workers"


def contenders(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import knn_graph

    num_points, dimensions, kind = SETTINGS[setting]
    x = points(num_points, dimensions if kind == "uniform" else 3)
    if kind != "uniform":
        x = x @ torch.rand(3, dimensions, generator=torch.Generator().manual_seed(0))

    def peer() -> torch.Tensor:
        from torch_cluster import knn_graph as theirs

        return theirs(x, K, None, num_workers=2)

    return {
        OURS: counted(lambda: knn_graph(x, K), x),
        **with_peer(PEER, lambda: peer),
        SCIPY: lambda: lambda: by_scipy(x, 1, lambda tree, own: tree.query(own, K + 1, workers=2)),
    }


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(OURS, (PEER,), 1.0), Goal(OURS, (SCIPY,), 1.0)]
