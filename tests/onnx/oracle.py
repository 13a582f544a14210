"""The operators written densely in NumPy float64: the meaning that every ONNX runtime must reproduce."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
_REDUCE = {"Sum": np.sum, "Mean": np.mean, "Max": np.max, "Min": np.min, "Mul": np.prod}


def csr_from_coo(index: Array, num_rows: int) -> tuple[Array, Array]:
    """Row by row, the positions that hold the row, in order."""
    rows = [[e for e, value in enumerate(index.tolist()) if value == row] for row in range(num_rows)]
    rowptr = np.array([sum(map(len, rows[:i])) for i in range(num_rows + 1)], index.dtype)
    return rowptr, np.array([e for row in rows for e in row], index.dtype)


def batch_ptr(batch: Array) -> tuple[Array, Array]:
    return csr_from_coo(batch, max(batch.tolist(), default=-1) + 1)


def reduce_rows(
    reduce: str,
    x: Array,
    rowptr: Array,
    col: Array | None = None,
    weight: Array | None = None,
    self_weight: Array | None = None,
) -> Array:
    """out[i] = reduce of weight[p] x[col[p]] over the row's p, and of self_weight[i] x[i]."""
    x = x.astype(np.float64)
    out = np.full((len(rowptr) - 1, *x.shape[1:]), 1.0 if reduce == "Mul" else 0.0)
    for row in range(len(out)):
        terms = [
            x[p if col is None else col[p]] * (1.0 if weight is None else float(weight[p]))
            for p in range(int(rowptr[row]), int(rowptr[row + 1]))
        ]
        if self_weight is not None:
            terms.append(x[row] * float(self_weight[row]))
        if terms:
            out[row] = _REDUCE[reduce](np.stack(terms), axis=0)
    return out


def gcn_norm(
    rowptr: Array, col: Array, weight: Array | None = None, fill_value: float = 1.0, add_self_loops: bool = True
) -> tuple[Array, Array]:
    """By the dense adjacency matrix: loops are taken out of it, put on its diagonal, and D^-1/2 A D^-1/2 is formed."""
    n = len(rowptr) - 1
    row = np.repeat(np.arange(n), np.diff(rowptr))
    w = np.ones(len(col)) if weight is None else weight.astype(np.float64)
    is_loop = (row == col) & add_self_loops
    loop = np.full(n, fill_value if add_self_loops else 0.0)
    for p in np.flatnonzero(is_loop):
        loop[row[p]] = w[p]
    degree = np.bincount(row, np.where(is_loop, 0.0, w), minlength=n)[:n] + loop
    with np.errstate(divide="ignore"):
        scale = np.where(degree == 0, 0.0, degree**-0.5)
    return np.where(is_loop, 0.0, scale[row] * w * scale[col]), scale * loop * scale
