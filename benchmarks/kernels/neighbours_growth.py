"""Neighbour searches of growing clouds: what an edge costs may grow with the depth of the tree, not with the cloud."""

from benchmarks.kernels.clouds import points
from benchmarks.kernels.neighbours_radius import radius_of
from benchmarks.kernels.section import Goal, Limit, Maker

TITLE = "Growth of neighbour searches, 3-D, 16 neighbours"
SETTINGS = {f"{n} points": (n, 16 * n) for n in (4_000, 16_000, 64_000, 250_000, 1_000_000, 4_000_000)}
PER_EDGE = True


def contenders(setting: str) -> dict[str, Maker]:
    import torch

    from geocompile.custom_ops import knn_graph, nearest, radius_graph

    num_points, _ = SETTINGS[setting]
    x, r = points(num_points, 3), radius_of(num_points)
    lattice, equal = (x * 32).floor(), torch.ones_like(x)
    return {
        "knn_graph": lambda: lambda: knn_graph(x, 16),
        "radius_graph": lambda: lambda: radius_graph(x, r),
        "nearest": lambda: lambda: nearest(x, x.flip(0)),
        "knn_graph, lattice of 32^3 places": lambda: lambda: knn_graph(lattice, 16),
        "knn_graph, equal points": lambda: lambda: knn_graph(equal, 16),
    }


def goals(setting: str) -> list[Goal | Limit]:
    return []
