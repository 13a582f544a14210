"""gcn_norm by the dense formula."""

import numpy as np


def gcn_norm(
    rowptr: np.ndarray,
    col: np.ndarray,
    like: np.ndarray,
    weight: np.ndarray | None,
    fill_value: float,
    add_self_loops: bool,
) -> tuple[np.ndarray, ...]:
    """D^-1/2 A D^-1/2 with A dense; the loops of A are then taken out into their own vector."""
    n = len(rowptr) - 1
    row = np.repeat(np.arange(n), np.diff(rowptr))
    w = np.ones(len(col)) if weight is None else weight.astype(np.float64)
    loop = np.zeros(n)
    ordinary = w.copy()
    if add_self_loops:
        loop[:] = fill_value
        for p in range(len(col)):  # in order: the last loop of a node stays
            if row[p] == col[p]:
                loop[row[p]], ordinary[p] = w[p], 0.0
    adjacency = np.zeros((n, n))
    np.add.at(adjacency, (row, col), ordinary)
    degree = (adjacency + np.diag(loop)).sum(axis=1)
    with np.errstate(divide="ignore"):
        scale = np.where(degree == 0, 0.0, degree**-0.5)
    return scale[row] * ordinary * scale[col], scale * loop * scale
