"""What a reader needs to see of a graph: the edges of a small one, the density of the adjacency of a large one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """The first edge list of a graph, small enough to be kept.

    Attributes:
        sources: The number of nodes that edges start from.
        targets: The number of nodes that they point at: the same nodes, unless `bipartite`.
        bipartite: Whether sources and targets are different nodes.
        edges: Every edge as (source, target), where the graph is small.
        density: Otherwise the number of edges by blocks of sources (rows) and blocks of targets (columns).
    """

    sources: int
    targets: int
    bipartite: bool = False
    edges: tuple[tuple[int, int], ...] = ()
    density: tuple[tuple[int, ...], ...] = ()
