"""Neighbour searches of growing clouds: what an edge costs may grow with the depth of the tree, not with the cloud."""

from benchmarks.kernels.clouds import points
from benchmarks.kernels.neighbours_radius import radius_of
from benchmarks.kernels.section import Goal, Limit, Maker
from benchmarks.kernels.work import counted

TITLE = "Growth of neighbour searches, 3-D, 16 neighbours"
SETTINGS = {f"{n} points": (n, 16 * n) for n in (4_000, 16_000, 64_000, 250_000, 1_000_000, 4_000_000)}
PER, MEASURES_MEMORY = "an edge", True


def contenders(setting: str) -> dict[str, Maker]:
    import torch

    from geocompile.custom_ops import knn_graph, nearest, radius_graph

    num_points, _ = SETTINGS[setting]
    x, r = points(num_points, 3), radius_of(num_points)
    y = x.flip(0)
    lattice, equal = (x * 32).floor(), torch.ones_like(x)
    return {
        "knn_graph": counted(lambda: knn_graph(x, 16), x),
        "radius_graph": counted(lambda: radius_graph(x, r), x),
        "nearest": counted(lambda: nearest(x, y), x, y),
        "knn_graph, lattice of 32^3 places": counted(lambda: knn_graph(lattice, 16), lattice),
        "knn_graph, equal points": counted(lambda: knn_graph(equal, 16), equal),
    }


def goals(setting: str) -> list[Goal | Limit]:
    return []
