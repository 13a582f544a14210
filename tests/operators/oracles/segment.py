"""Reductions over rows, written out row by row."""

from collections.abc import Callable

import numpy as np

_REDUCE: dict[str, Callable[..., np.ndarray]] = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "mul": np.prod,
}


def segment_reduce(
    src: np.ndarray, rowptr: np.ndarray, perm: np.ndarray | None, reduce: str
) -> tuple[np.ndarray, ...]:
    terms = src if perm is None else src[perm]
    rows = [list(terms[rowptr[i] : rowptr[i + 1]]) for i in range(len(rowptr) - 1)]
    return (_reduce(rows, src.shape[1:], reduce),)


def gather_segment_reduce(
    x: np.ndarray,
    rowptr: np.ndarray,
    col: np.ndarray,
    weight: np.ndarray | None,
    self_weight: np.ndarray | None,
    reduce: str,
) -> tuple[np.ndarray, ...]:
    rows = []
    for i in range(len(rowptr) - 1):
        places = range(int(rowptr[i]), int(rowptr[i + 1]))
        terms = [_weighted(x[col[p]], weight, p) for p in places]
        if self_weight is not None:
            terms.append(_weighted(x[i], self_weight, i))
        rows.append(terms)
    return (_reduce(rows, x.shape[1:], reduce),)


def _weighted(term: np.ndarray, weight: np.ndarray | None, at: int) -> np.ndarray:
    """The term times its weight: a number, or one for each head, which is the term's first dimension."""
    if weight is None:
        return term
    return np.reshape(weight[at], np.shape(weight[at]) + (1,) * (term.ndim - np.ndim(weight[at]))) * term


def _reduce(rows: list[list[np.ndarray]], shape: tuple[int, ...], reduce: str) -> np.ndarray:
    out = np.full((len(rows), *shape), 1.0 if reduce == "mul" else 0.0)
    with np.errstate(invalid="ignore"):
        for i, terms in enumerate(rows):
            if terms:
                out[i] = _REDUCE[reduce](np.stack(terms), axis=0)
    return out


def gather_segment_arg(
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
        terms = [sign * _weighted(x[col[p]], weight, p) for p in places]
        if self_weight is not None:
            places, terms = [*places, len(col)], [*terms, sign * _weighted(x[i], self_weight, i)]
        if terms:
            arg[i] = np.array(places)[np.argmax(np.stack(terms), axis=0)]  # the first of equal ones
    return (arg,)


def edge_dot(
    a: np.ndarray, b: np.ndarray, rowptr: np.ndarray, col: np.ndarray, per_head: bool
) -> tuple[np.ndarray, ...]:
    row = np.repeat(np.arange(len(rowptr) - 1), np.diff(rowptr))
    out = np.zeros((len(col), a.shape[1]) if per_head else len(col))
    for p, (i, j) in enumerate(zip(row, col, strict=True)):
        products = a[i] * b[j]
        out[p] = products.reshape(len(products), -1).sum(axis=1) if per_head else products.sum()
    return (out,)
