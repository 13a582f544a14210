"""Time for each edge, point or number, up to sixteen million: it may not grow faster than the input."""

from benchmarks.kernels.section import Goal, Limit, Maker, features, graph, size_name
from benchmarks.kernels.work import counted

TITLE = "Growth of clusters, 14 edges a node"
SETTINGS = {
    size_name(size): size
    for size in ((edges // 14, edges) for edges in (250_000, 1_000_000, 4_000_000, 16_000_000))
}
PER, MEASURES_MEMORY = "an edge", True


def contenders(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import coalesce, consecutive, graclus, voxel_grid

    g = graph(*SETTINGS[setting])
    pos = features(g.num_edges, 3)
    voxels = voxel_grid(pos, None, 0.1)
    return {
        "graclus": counted(lambda: graclus(g.edge_index, g.weight, g.num_nodes), g.edge_index, g.weight),
        "voxel_grid": counted(lambda: voxel_grid(pos, None, 0.1), pos),
        "coalesce": counted(lambda: coalesce(g.edge_index, None, g.num_nodes), g.edge_index),
        "consecutive": counted(lambda: consecutive(voxels), voxels),
    }


def goals(setting: str) -> list[Goal | Limit]:
    return []
