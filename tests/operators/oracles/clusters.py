"""graclus, grid_cluster, coalesce, consecutive and renumber_edges, written out."""

import numpy as np


def graclus(
    rowptr: np.ndarray, col: np.ndarray, weight: np.ndarray | None, order: np.ndarray | None
) -> tuple[np.ndarray, ...]:
    partner: dict[int, int] = {}
    for node in range(len(rowptr) - 1) if order is None else order:
        if node in partner:
            continue
        best, heaviest = node, -np.inf
        for p in range(rowptr[node], rowptr[node + 1]):
            value = 0.0 if weight is None else -np.inf if np.isnan(weight[p]) else weight[p]
            if col[p] not in partner and col[p] != node and (best == node or value > heaviest):
                best, heaviest = col[p], value
        partner[node], partner[best] = best, node
    return (np.array([min(n, partner.get(n, n)) for n in range(len(rowptr) - 1)], np.int64),)


def grid_cluster(
    pos: np.ndarray,
    size: np.ndarray,
    start: np.ndarray | None,
    end: np.ndarray | None,
    batch: np.ndarray | None,
) -> tuple[np.ndarray, ...]:
    out = np.zeros(len(pos), np.int64)
    if len(pos) == 0:
        return (out,)
    start, end = pos.min(0) if start is None else start, pos.max(0) if end is None else end
    counts = [int((b - a) / s) + 1 for a, b, s in zip(start, end, size, strict=True)]
    for p, point in enumerate(pos):
        number = 0 if batch is None else int(batch[p])
        for d in reversed(range(len(counts))):  # the last dimension is the most significant
            number = number * counts[d] + int((point[d] - start[d]) / size[d])
        out[p] = number
    return (out,)


def coalesce(edge_index: np.ndarray, like: np.ndarray) -> tuple[np.ndarray, ...]:
    groups: dict[tuple[int, int], list[int]] = {}
    for e, edge in enumerate(map(tuple, edge_index.T.tolist())):
        groups.setdefault(edge, []).append(e)
    edges = sorted(groups)
    ptr = np.cumsum([0] + [len(groups[edge]) for edge in edges])
    perm = [e for edge in edges for e in groups[edge]]
    dtype = edge_index.dtype
    return np.array(edges, dtype).reshape(-1, 2).T, ptr.astype(dtype), np.array(perm, dtype)


def consecutive(ids: np.ndarray) -> tuple[np.ndarray, ...]:
    unique = sorted(set(ids.tolist()))
    inverse = [unique.index(value) for value in ids.tolist()]
    first = [ids.tolist().index(value) for value in unique]
    return np.array(inverse, np.int64), np.array(unique, ids.dtype), np.array(first, np.int64)


def renumber_edges(edge_index: np.ndarray, number: np.ndarray) -> tuple[np.ndarray, ...]:
    named = dict(enumerate(number.tolist()))
    ends = [[named[node] for node in row] for row in edge_index.tolist()]
    return (np.array(ends, edge_index.dtype).reshape(edge_index.shape),)
