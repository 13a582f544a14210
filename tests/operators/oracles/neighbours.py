"""knn, radius and nearest: all distances of one query after the other, sorted by distance and index.

Distances have the precision of the points (halves: float32) and are summed in the order of dimensions, as promised:
between points that are equally far but for rounding, that decides.
"""

import numpy as np

IN_OWN_PRECISION = ("knn", "radius", "nearest")


def knn(
    x: np.ndarray,
    y: np.ndarray,
    k: int,
    batch_x: np.ndarray | None,
    batch_y: np.ndarray | None,
    cosine: bool,
    skip_self: bool,
    neighbours_first: bool,
) -> tuple[np.ndarray, ...]:
    distance = _cosine(x, y) if cosine else _squared(x, y)
    found = _nearest_of(_of_graphs(distance, batch_x, batch_y, skip_self), k)
    return (_edges(found, neighbours_first),)


def radius(
    x: np.ndarray,
    y: np.ndarray,
    r: float,
    max_num_neighbors: int,
    batch_x: np.ndarray | None,
    batch_y: np.ndarray | None,
    skip_self: bool,
    neighbours_first: bool,
) -> tuple[np.ndarray, ...]:
    distance = _of_graphs(_squared(x, y), batch_x, batch_y, skip_self)
    found = _nearest_of(np.where(distance < distance.dtype.type(r) ** 2, distance, np.nan), max_num_neighbors)
    return (_edges(found, neighbours_first),)


def nearest(
    x: np.ndarray, y: np.ndarray, batch_x: np.ndarray | None, batch_y: np.ndarray | None
) -> tuple[np.ndarray, ...]:
    distance = _of_graphs(_squared(y, x), batch_y, batch_x, False)
    return (np.nanargmin(distance, axis=1),)


def _squared(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = x.reshape(len(x), -1) if x.ndim == 1 else x, y.reshape(len(y), -1) if y.ndim == 1 else y
    return _sum((y[:, None, :] - x[None, :, :]) ** 2)


def _cosine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    norms = np.sqrt(_sum(y * y))[:, None] * np.sqrt(_sum(x * x))
    return 1 - np.divide(_sum(y[:, None] * x), norms, out=np.zeros_like(norms), where=norms > 0)


def _sum(terms: np.ndarray) -> np.ndarray:
    """Along the last axis, from first to last."""
    result: np.ndarray = np.add.accumulate(np.insert(terms, 0, 0, axis=-1), axis=-1)[..., -1]
    return result


def _of_graphs(
    distance: np.ndarray, batch_x: np.ndarray | None, batch_y: np.ndarray | None, skip_self: bool
) -> np.ndarray:
    """NaN where a point is no candidate."""
    if batch_x is not None and batch_y is not None:
        distance = np.where(batch_y[:, None] == batch_x, distance, np.nan)
    if skip_self:
        np.fill_diagonal(distance, np.nan)
    return distance


def _nearest_of(distance: np.ndarray, most: int) -> list[tuple[int, int]]:
    found = []
    for query, row in enumerate(distance):
        order = sorted((d, point) for point, d in enumerate(row.tolist()) if not np.isnan(d))
        found += [(query, point) for _, point in order[:most]]
    return found


def _edges(found: list[tuple[int, int]], neighbours_first: bool) -> np.ndarray:
    edges = np.array(found, np.int64).reshape(-1, 2).T
    return edges[::-1].copy() if neighbours_first else edges
