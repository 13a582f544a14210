"""graph_ptr, topk, filter_edges and the dense form of a batch, written out graph by graph."""

import math
from itertools import pairwise

import numpy as np


def graph_ptr(batch: np.ndarray, like: np.ndarray | None) -> tuple[np.ndarray, ...]:
    num_graphs = like.shape[0] if like is not None else int(batch.max(initial=-1)) + 1
    return (np.array([np.count_nonzero(batch < g) for g in range(num_graphs + 1)], batch.dtype),)


def topk(score: np.ndarray, ptr: np.ndarray, ratio: float) -> tuple[np.ndarray, ...]:
    perm: list[int] = []
    for begin, end in _graphs(ptr):
        kept = int(ratio) if ratio >= 1 else math.ceil(np.float32(ratio) * np.float32(end - begin))
        best = sorted(
            range(begin, end),
            key=lambda i: (not math.isnan(score[i]), -score[i] if score[i] == score[i] else 0, i),
        )
        perm += best[:kept]
    return (np.array(perm, np.int64),)


def filter_edges(edge_index: np.ndarray, perm: np.ndarray, like: np.ndarray) -> tuple[np.ndarray, ...]:
    place: dict[int, int] = {}
    for i, node in enumerate(perm.tolist()):
        place.setdefault(node, i)
    edges = [e for e, (i, j) in enumerate(edge_index.T.tolist()) if i in place and j in place]
    ends = [[place[node] for node in row[edges].tolist()] for row in edge_index]
    return np.array(ends, edge_index.dtype).reshape(2, -1), np.array(edges, np.int64)


def slots(ptr: np.ndarray, like: np.ndarray) -> tuple[np.ndarray, ...]:
    return (np.arange(max((end - begin for begin, end in _graphs(ptr)), default=0), dtype=np.int64),)


def to_dense(x: np.ndarray, ptr: np.ndarray, slots: np.ndarray, fill_value: float) -> tuple[np.ndarray, ...]:
    dense = np.full((len(ptr) - 1, slots.shape[0], *x.shape[1:]), fill_value, x.dtype)
    for graph, (begin, end) in enumerate(_graphs(ptr)):
        nodes = x[begin:end][: slots.shape[0]]
        dense[graph, : len(nodes)] = nodes
    return (dense,)


def from_dense(dense: np.ndarray, ptr: np.ndarray, like: np.ndarray) -> tuple[np.ndarray, ...]:
    x = np.zeros((like.shape[0], *dense.shape[2:]), dense.dtype)
    for graph, (begin, end) in enumerate(_graphs(ptr)):
        fits = min(end - begin, dense.shape[1])
        x[begin : begin + fits] = dense[graph, :fits]
    return (x,)


def _graphs(ptr: np.ndarray) -> list[tuple[int, int]]:
    return [(int(begin), int(end)) for begin, end in pairwise(ptr)]
