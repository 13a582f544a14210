"""csr_from_coo and batch_ptr, written out."""

import numpy as np


def csr_from_coo(index: np.ndarray, like: np.ndarray, other: np.ndarray | None) -> tuple[np.ndarray, ...]:
    rows = [[e for e in range(len(index)) if index[e] == row] for row in range(like.shape[0])]
    rowptr = np.array([0] + [sum(len(r) for r in rows[: i + 1]) for i in range(len(rows))], index.dtype)
    perm = np.array([e for row in rows for e in row], index.dtype)
    return rowptr, perm, index[:0] if other is None else other[perm]


def batch_ptr(batch: np.ndarray) -> tuple[np.ndarray, ...]:
    graphs = int(batch.max()) + 1 if len(batch) else 0
    return csr_from_coo(batch, np.empty(graphs), None)[:2]
