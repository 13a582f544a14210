"""k nearest neighbours in a space of features, as DGCNN recomputes them for each layer."""

import torch

from benchmarks.kernels.clouds import batch_of
from benchmarks.kernels.section import Goal, Limit, Maker, features, with_peer
from benchmarks.kernels.work import counted

TITLE = "knn_graph, 8 clouds of 1,024 points, k=20"
K, GRAPHS, POINTS = 20, 8, 1_024
SETTINGS = {f"{dimensions}-D": dimensions for dimensions in (16, 64, 128)}
OURS, PEER, MATMUL = "geocompile", "torch_cluster", "matrix product and topk"


def contenders(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import knn_graph

    x, batch = features(GRAPHS * POINTS, SETTINGS[setting]), batch_of(GRAPHS * POINTS, GRAPHS)
    clouds = x.view(GRAPHS, POINTS, -1)

    def peer() -> torch.Tensor:
        from torch_cluster import knn_graph as theirs

        return theirs(x, K, batch, num_workers=2)

    def by_product() -> torch.Tensor:
        squares = clouds.square().sum(2)
        distances = torch.baddbmm(squares[:, None, :], clouds, clouds.transpose(1, 2), alpha=-2)
        return distances.topk(K + 1, largest=False).indices

    return {
        OURS: counted(lambda: knn_graph(x, K, batch), x, batch, multiply_adds=POINTS * x.numel()),
        **with_peer(PEER, lambda: peer),
        MATMUL: lambda: by_product,
    }


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(OURS, (PEER,), 3.0), Goal(OURS, (MATMUL,), 1 / 1.2)]
