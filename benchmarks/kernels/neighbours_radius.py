"""All neighbours within a radius that holds about 16 points, the search structure built in each call."""

import torch

from benchmarks.kernels.clouds import SPACE, batch_of, by_scipy, points, space_name
from benchmarks.kernels.section import Goal, Limit, Maker, with_peer
from benchmarks.kernels.work import counted

TITLE = "radius_graph, 3-D, about 16 neighbours"
SETTINGS = {space_name(size): size for size in SPACE}
OURS, PEER, SCIPY = "geocompile", "torch_cluster", "cKDTree, 2 workers"


def radius_of(num_points: int) -> float:
    """Of a ball with 16 of the points that are spread over the unit cube."""
    return float((16 / num_points * 3 / 4 / torch.pi) ** (1 / 3))


def contenders(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import radius_graph

    num_points, graphs = SETTINGS[setting]
    x, batch, r = points(num_points, 3), batch_of(num_points, graphs), radius_of(num_points // graphs)

    def peer() -> torch.Tensor:
        from torch_cluster import radius_graph as theirs

        return theirs(x, r, batch, num_workers=2)

    return {
        OURS: counted(lambda: radius_graph(x, r, batch), x, batch),
        **with_peer(PEER, lambda: peer),
        SCIPY: lambda: (
            lambda: by_scipy(x, graphs, lambda tree, own: tree.query_ball_point(own, r, workers=2))
        ),
    }


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(OURS, (PEER,), 2.0), Goal(OURS, (SCIPY,), 1.0)]
