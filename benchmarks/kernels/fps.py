"""Farthest point sampling beside torch-cluster's."""

import torch

from benchmarks.kernels.section import Goal, Limit, Maker, features, with_peer
from benchmarks.kernels.work import counted

TITLE = "Farthest point sampling, 3-D, ratio 0.25"
SETTINGS = {"1,024 x 8": (1024, 8), "16k": (16384, 1), "65k": (65536, 1)}
OURS, PEER = "geocompile", "torch_cluster"


def contenders(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import fps

    num_points, num_graphs = SETTINGS[setting]
    x = features(num_points * num_graphs, 3)
    batch = torch.repeat_interleave(torch.arange(num_graphs), num_points)

    def peer() -> torch.Tensor:
        from torch_cluster import fps as theirs

        return theirs(x, batch, 0.25, random_start=False)

    return {
        OURS: counted(lambda: fps(x, batch, 0.25, random_start=False), x, batch),
        **with_peer(PEER, lambda: peer),
    }


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(OURS, (PEER,), 2.0)]
