"""Attention over edges, written out densely: scores of all pairs of an edge's ends, row by row."""

from itertools import pairwise

import numpy as np


def dot_coefficients(
    query: np.ndarray,
    key: np.ndarray,
    rowptr: np.ndarray,
    col: np.ndarray,
    scale: float,
    edge_query: np.ndarray | None,
    edge: np.ndarray | None,
) -> tuple[np.ndarray, ...]:
    alpha = np.zeros((len(col), query.shape[1]))
    for i, (begin, end) in enumerate(pairwise(rowptr)):
        if end == begin:
            continue
        scores = np.einsum("hc,khc->kh", query[i], key[col[begin:end]])
        if edge is not None and edge_query is not None:
            scores = scores + edge[begin:end] @ edge_query[i].T
        alpha[begin:end] = softmax(scale * scores)
    return (alpha,)


def dot_attention(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    rowptr: np.ndarray,
    col: np.ndarray,
    scale: float,
    edge_query: np.ndarray | None,
    edge: np.ndarray | None,
) -> tuple[np.ndarray, ...]:
    (alpha,) = dot_coefficients(query, key, rowptr, col, scale, edge_query, edge)
    features = np.zeros((len(col), 0)) if edge is None else edge
    out = np.zeros((len(query), *value.shape[1:]))
    edge_out = np.zeros((*query.shape[:2], features.shape[1]))
    with np.errstate(invalid="ignore"):
        for i, (begin, end) in enumerate(pairwise(rowptr)):
            out[i] = (alpha[begin:end, :, None] * value[col[begin:end]]).sum(axis=0)
            edge_out[i] = (alpha[begin:end, :, None] * features[begin:end, None]).sum(axis=0)
    return out, edge_out


def additive_coefficients(
    target: np.ndarray,
    source: np.ndarray,
    att: np.ndarray,
    rowptr: np.ndarray,
    col: np.ndarray,
    negative_slope: float,
    edge: np.ndarray | None,
    edge_weight: np.ndarray | None,
) -> tuple[np.ndarray, ...]:
    alpha = np.zeros((len(col), target.shape[1]))
    for i, (begin, end) in enumerate(pairwise(rowptr)):
        if end == begin:
            continue
        z = arguments(target[i], source[col[begin:end]], begin, end, edge, edge_weight)
        scores = (att * np.where(z > 0, z, negative_slope * z)).sum(axis=2)
        alpha[begin:end] = softmax(scores)
    return (alpha,)


def additive_attention(
    target: np.ndarray,
    source: np.ndarray,
    att: np.ndarray,
    rowptr: np.ndarray,
    col: np.ndarray,
    negative_slope: float,
    edge: np.ndarray | None,
    edge_weight: np.ndarray | None,
) -> tuple[np.ndarray, ...]:
    (alpha,) = additive_coefficients(target, source, att, rowptr, col, negative_slope, edge, edge_weight)
    out = np.zeros(target.shape)
    with np.errstate(invalid="ignore"):
        for i, (begin, end) in enumerate(pairwise(rowptr)):
            out[i] = (alpha[begin:end, :, None] * source[col[begin:end]]).sum(axis=0)
    return (out,)


def additive_sums(
    weight: np.ndarray,
    target: np.ndarray,
    source: np.ndarray,
    rowptr: np.ndarray,
    col: np.ndarray,
    negative_slope: float,
    edge: np.ndarray | None,
    edge_weight: np.ndarray | None,
) -> tuple[np.ndarray, ...]:
    slopes, sums = np.zeros(target.shape), np.zeros(target.shape)
    for i, (begin, end) in enumerate(pairwise(rowptr)):
        z = arguments(target[i], source[col[begin:end]], begin, end, edge, edge_weight)
        slope = weight[begin:end, :, None] * np.where(z > 0, 1, negative_slope)
        slopes[i], sums[i] = slope.sum(axis=0), (slope * z).sum(axis=0)
    return slopes, sums


def additive_edge_gradients(
    weight: np.ndarray,
    target: np.ndarray,
    source: np.ndarray,
    att: np.ndarray,
    row: np.ndarray,
    col: np.ndarray,
    negative_slope: float,
    edge: np.ndarray,
    edge_weight: np.ndarray,
) -> tuple[np.ndarray, ...]:
    grad_edge, grad_weight = np.zeros(edge.shape), np.zeros(edge_weight.shape)
    for p in range(len(col)):
        z = target[row[p]] + source[col[p]] + edge_weight @ edge[p]
        grad = weight[p][:, None] * att * np.where(z > 0, 1, negative_slope)
        grad_edge[p] = np.einsum("hc,hcq->q", grad, edge_weight)
        grad_weight += grad[:, :, None] * edge[p]
    return grad_edge, grad_weight


def arguments(
    target: np.ndarray,
    sources: np.ndarray,
    begin: int,
    end: int,
    edge: np.ndarray | None,
    edge_weight: np.ndarray | None,
) -> np.ndarray:
    """What the leaky ReLU is taken of, for the edges [begin, end) of one row."""
    z = target + sources
    return z if edge is None else z + np.einsum("hcq,kq->khc", edge_weight, edge[begin:end])


def softmax(scores: np.ndarray) -> np.ndarray:
    """Over the first axis."""
    with np.errstate(invalid="ignore"):
        exponentials = np.exp(scores - scores.max(axis=0))
        return exponentials / exponentials.sum(axis=0)
