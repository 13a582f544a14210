"""Softmax of segments and GAT's attention, written out row by row and term by term."""

from itertools import pairwise

import numpy as np


def segment_softmax(src: np.ndarray, rowptr: np.ndarray, perm: np.ndarray | None) -> tuple[np.ndarray, ...]:
    order = np.arange(len(src)) if perm is None else perm
    out = np.zeros_like(src)
    for begin, end in pairwise(rowptr):
        if end > begin:
            out[order[begin:end]] = _softmax(src[order[begin:end]])
    return (out,)


def _softmax(scores: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        exponentials = np.exp(scores - scores.max(axis=0))
        return exponentials / exponentials.sum(axis=0)


def gat_coefficients(
    rowptr: np.ndarray,
    col: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    edge: np.ndarray | None,
    self_edge: np.ndarray | None,
    negative_slope: float,
    self_loops: bool,
) -> tuple[np.ndarray, ...]:
    alpha, self_alpha = np.zeros((len(col), source.shape[1])), np.zeros((len(rowptr) - 1, source.shape[1]))
    for i in range(len(rowptr) - 1):
        places = [p for p in range(rowptr[i], rowptr[i + 1]) if not (self_loops and col[p] == i)]
        terms = [source[col[p]] + target[i] + (0 if edge is None else edge[p]) for p in places]
        if self_loops:
            terms.append(source[i] + target[i] + (0 if self_edge is None else self_edge[i]))
        if terms:
            scores = np.stack(terms)
            weights = _softmax(np.where(scores > 0, scores, negative_slope * scores))
            alpha[places] = weights[: len(places)]
            self_alpha[i] = weights[-1] if self_loops else 0
    return alpha, self_alpha


def gat_aggregate(
    x: np.ndarray,
    rowptr: np.ndarray,
    col: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    edge: np.ndarray | None,
    self_edge: np.ndarray | None,
    negative_slope: float,
    self_loops: bool,
) -> tuple[np.ndarray, ...]:
    alpha, self_alpha = gat_coefficients(
        rowptr, col, source, target, edge, self_edge, negative_slope, self_loops
    )
    out = np.zeros((len(rowptr) - 1, *x.shape[1:]))
    for i in range(len(out)):
        for p in range(rowptr[i], rowptr[i + 1]):
            out[i] += alpha[p][:, None] * x[col[p]]
        if self_loops:
            out[i] += self_alpha[i][:, None] * x[i]
    return (out,)
