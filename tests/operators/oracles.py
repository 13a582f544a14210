"""What each operator must give, written out row by row in float64 numpy; independent of the tested code."""

from collections.abc import Callable
from typing import Any

import numpy as np

_REDUCE: dict[str, Callable[..., np.ndarray]] = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "mul": np.prod,
}


def expected(operator: str, arguments: dict[str, Any]) -> tuple[np.ndarray, ...]:
    """The outputs of `operator`, floats in float64."""
    result: tuple[np.ndarray, ...] = globals()["_" + operator](**arguments)
    return result


def _csr_from_coo(index: np.ndarray, like: np.ndarray, other: np.ndarray | None) -> tuple[np.ndarray, ...]:
    rows = [[e for e in range(len(index)) if index[e] == row] for row in range(like.shape[0])]
    rowptr = np.array([0] + [sum(len(r) for r in rows[: i + 1]) for i in range(len(rows))], index.dtype)
    perm = np.array([e for row in rows for e in row], index.dtype)
    return rowptr, perm, index[:0] if other is None else other[perm]


def _batch_ptr(batch: np.ndarray) -> tuple[np.ndarray, ...]:
    graphs = int(batch.max()) + 1 if len(batch) else 0
    return _csr_from_coo(batch, np.empty(graphs), None)[:2]


def _segment_reduce(
    src: np.ndarray, rowptr: np.ndarray, perm: np.ndarray | None, reduce: str
) -> tuple[np.ndarray, ...]:
    terms = src.astype(np.float64) if perm is None else src.astype(np.float64)[perm]
    rows = [list(terms[rowptr[i] : rowptr[i + 1]]) for i in range(len(rowptr) - 1)]
    return (_reduce(rows, src.shape[1:], reduce),)


def _gather_segment_reduce(
    x: np.ndarray,
    rowptr: np.ndarray,
    col: np.ndarray,
    weight: np.ndarray | None,
    self_weight: np.ndarray | None,
    reduce: str,
) -> tuple[np.ndarray, ...]:
    x = x.astype(np.float64)
    rows = []
    for i in range(len(rowptr) - 1):
        places = range(int(rowptr[i]), int(rowptr[i + 1]))
        terms = [x[col[p]] * (1.0 if weight is None else float(weight[p])) for p in places]
        if self_weight is not None:
            terms.append(x[i] * float(self_weight[i]))
        rows.append(terms)
    return (_reduce(rows, x.shape[1:], reduce),)


def _reduce(rows: list[list[np.ndarray]], shape: tuple[int, ...], reduce: str) -> np.ndarray:
    out = np.full((len(rows), *shape), 1.0 if reduce == "mul" else 0.0)
    with np.errstate(invalid="ignore"):
        for i, terms in enumerate(rows):
            if terms:
                out[i] = _REDUCE[reduce](np.stack(terms), axis=0)
    return out


def _gather_segment_arg(
    x: np.ndarray,
    rowptr: np.ndarray,
    col: np.ndarray,
    weight: np.ndarray | None,
    self_weight: np.ndarray | None,
    reduce: str,
) -> tuple[np.ndarray, ...]:
    sign = 1.0 if reduce == "max" else -1.0
    arg = np.full((len(rowptr) - 1, *x.shape[1:]), -1, rowptr.dtype)
    for i in range(len(arg)):
        places = list(range(int(rowptr[i]), int(rowptr[i + 1])))
        terms = [sign * x[col[p]] * (1.0 if weight is None else weight[p]) for p in places]
        if self_weight is not None:
            places, terms = [*places, len(col)], [*terms, sign * x[i] * self_weight[i]]
        if terms:
            arg[i] = np.array(places)[np.argmax(np.stack(terms), axis=0)]  # the first of equal ones
    return (arg,)


def _edge_dot(a: np.ndarray, b: np.ndarray, rowptr: np.ndarray, col: np.ndarray) -> tuple[np.ndarray, ...]:
    row = np.repeat(np.arange(len(rowptr) - 1), np.diff(rowptr))
    return (np.array([a[i] @ b[j] for i, j in zip(row, col, strict=True)]),)


def _gcn_norm(
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
