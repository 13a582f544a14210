"""Pooling functions as they are written: graph by graph, cluster by cluster, neighbours by sorting all points."""

import math
from typing import Any

import torch
from torch import Tensor

from tests.conformance.formulas import reduced, stacked

Optional = Tensor | None


def graphs_of(x: Tensor, batch: Optional) -> list[int]:
    return [0] * x.size(0) if batch is None else batch.tolist()  # type: ignore[no-any-return]


def global_pool(aggr: str, x: Tensor, batch: Optional = None, size: int | None = None) -> Tensor:
    graphs = graphs_of(x, batch)
    count = size or (max(graphs, default=-1) + 1 if batch is not None else 1)
    rows = [[x[i] for i, graph in enumerate(graphs) if graph == g] for g in range(count)]
    return stacked([reduced(row, aggr, torch.zeros_like(x[:1].sum(0))) for row in rows], x.size(1))


def sort_pool(pool: Any, x: Tensor, batch: Optional = None) -> Tensor:
    graphs = graphs_of(x, batch)
    rows = []
    for g in range(max(graphs, default=-1) + 1 if batch is not None else 1):
        nodes = [x[i].sort()[0] if pool.sort_channels else x[i] for i in range(x.size(0)) if graphs[i] == g]
        nodes = sorted(nodes, key=lambda node: -float(node[-1]))[: pool.k]
        nodes += [torch.zeros(x.size(1), dtype=x.dtype)] * (pool.k - len(nodes))
        rows.append(torch.cat(nodes))
    return stacked(rows, pool.k * x.size(1))


def coarsened(
    aggr: str,
    cluster: Tensor,
    x: Tensor,
    edge_index: Tensor,
    edge_attr: Optional = None,
    batch: Optional = None,
    pos: Optional = None,
) -> tuple[Any, ...]:
    names = sorted(set(cluster.tolist()))
    place = [names.index(c) for c in cluster.tolist()]
    edges: dict[tuple[int, int], list[int]] = {}
    for e, (i, j) in enumerate(edge_index.t().tolist()):
        if place[i] != place[j]:
            edges.setdefault((place[i], place[j]), []).append(e)
    order = sorted(edges)
    return (
        clusters(place, x, aggr, len(names)),
        torch.tensor(order, dtype=torch.long).view(-1, 2).t(),
        None
        if edge_attr is None
        else stacked([sum(edge_attr[e] for e in edges[ends]) for ends in order], edge_attr.size(1)),  # type: ignore[misc]
        None if batch is None else batch_of(place, batch, len(names)),
        None if pos is None else clusters(place, pos, "mean", len(names)),
    )


def clusters(place: list[int], x: Tensor, aggr: str, count: int) -> Tensor:
    members = [[x[i] for i, c in enumerate(place) if c == k] for k in range(count)]
    return stacked(
        [reduced(rows, aggr, torch.zeros(x.size(1), dtype=x.dtype)) for rows in members], x.size(1)
    )


def batch_of(place: list[int], batch: Tensor, count: int) -> Tensor:
    return torch.tensor([batch.tolist()[place.index(k)] for k in range(count)], dtype=torch.long)


def coarsened_x(aggr: str, pool: Any, cluster: Tensor, x: Tensor, batch: Tensor) -> Any:
    if pool.size is not None:
        return clusters(cluster.tolist(), x, aggr, (max(batch.tolist(), default=-1) + 1) * pool.size)
    names = sorted(set(cluster.tolist()))
    place = [names.index(c) for c in cluster.tolist()]
    return clusters(place, x, aggr, len(names)), batch_of(place, batch, len(names))


def graclus(
    around: Any, x: Tensor, edge_index: Tensor, edge_weight: Optional = None, order: Optional = None
) -> Tensor:
    heavy = torch.ones(edge_index.size(1)) if edge_weight is None else edge_weight
    pair: dict[int, int] = {}
    for node in range(x.size(0)) if order is None else order.tolist():
        free = [
            (-float(heavy[e]), e, j)
            for e, (i, j) in enumerate(edge_index.t().tolist())
            if i == node and j != node and j not in pair
        ]
        if node not in pair:
            other = min(free)[2] if free else node
            pair[node] = pair[other] = min(node, other)
    return torch.tensor([pair.get(node, node) for node in range(x.size(0))], dtype=torch.long)


def voxels(pos: Tensor, batch: Optional, size: list[float], start: Any, end: Any) -> Tensor:
    if pos.size(0) == 0:
        return torch.zeros(0, dtype=torch.long)
    dims = range(pos.size(1))
    low = [min(pos[:, d].tolist()) if start is None else start for d in dims]
    high = [max(pos[:, d].tolist()) if end is None else end for d in dims]
    counts = [math.floor((high[d] - low[d]) / size[d]) + 1 for d in dims]
    numbers = []
    for point, graph in zip(pos.tolist(), graphs_of(pos, batch), strict=True):
        cell = [math.floor((point[d] - low[d]) / size[d]) for d in dims]
        inside = sum(cell[d] * math.prod(counts[:d]) for d in dims)
        numbers.append(inside + graph * math.prod(counts))
    return torch.tensor(numbers, dtype=torch.long)


def voxel_grid(pool: Any, pos: Tensor, batch: Optional = None) -> Tensor:
    return voxels(pos, batch, [pool.size] * pos.size(1), None, None)


def voxels_within(pool: Any, pos: Tensor, batch: Optional = None) -> Tensor:
    return voxels(pos, batch, pool.size, pool.start, pool.end)


def squared(a: Tensor, b: Tensor) -> float:
    return sum((float(p) - float(q)) ** 2 for p, q in zip(a, b, strict=True))


def farthest(pool: Any, pos: Tensor, batch: Optional = None) -> Tensor:
    graphs, taken = graphs_of(pos, batch), []
    for g in sorted(set(graphs)):
        points = [i for i, graph in enumerate(graphs) if graph == g]
        found = points[:1]
        while len(found) < math.ceil(pool.ratio * len(points)):
            found.append(max(points, key=lambda i: (min(squared(pos[i], pos[j]) for j in found), -i)))
        taken += found
    return torch.tensor(taken, dtype=torch.long)


def near(
    x: Tensor, y: Tensor, batch_x: Optional, batch_y: Optional, most: int, within: float = math.inf
) -> list[list[int]]:
    """For each point of y the nearest of x in its graph, closer than ``within``, nearest first."""
    of_x, of_y = graphs_of(x, batch_x), graphs_of(y, batch_y)
    found = []
    for q in range(y.size(0)):
        ranked = sorted((squared(x[p], y[q]), p) for p in range(x.size(0)) if of_x[p] == of_y[q])
        found.append([p for distance, p in ranked if distance < within**2][:most])
    return found


def pairs(found: list[list[int]]) -> Tensor:
    listed = [(q, p) for q, points in enumerate(found) for p in points]
    return torch.tensor(listed, dtype=torch.long).view(-1, 2).t()


def knn(pool: Any, x: Tensor, y: Tensor, batch_x: Optional = None, batch_y: Optional = None) -> Tensor:
    return pairs(near(x, y, batch_x, batch_y, pool.k))


def radius(pool: Any, x: Tensor, y: Tensor, batch_x: Optional = None, batch_y: Optional = None) -> Tensor:
    return pairs(near(x, y, batch_x, batch_y, pool.max_num_neighbors, pool.r))


def as_edges(found: list[list[int]], pool: Any, most: int) -> Tensor:
    """Rows neighbour and centre; without `loop` a point is none of its own neighbours."""
    own = [[p for p in points if pool.loop or p != centre][:most] for centre, points in enumerate(found)]
    edges = pairs(own)
    return edges.flip(0) if pool.flow == "source_to_target" else edges


def knn_graph(pool: Any, pos: Tensor, batch: Optional = None) -> Tensor:
    return as_edges(near(pos, pos, batch, batch, pos.size(0)), pool, pool.k)


def radius_graph(pool: Any, pos: Tensor, batch: Optional = None) -> Tensor:
    return as_edges(near(pos, pos, batch, batch, pos.size(0), pool.r), pool, pool.max_num_neighbors)


def nearest(around: Any, x: Tensor, y: Tensor, batch_x: Optional = None, batch_y: Optional = None) -> Tensor:
    return torch.tensor([found[0] for found in near(y, x, batch_y, batch_x, 1)], dtype=torch.long)
