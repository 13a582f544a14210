"""Kernel-weighted aggregation, by the dense formula: sparse weights are written out over all kernels."""

import numpy as np


def gather_kernel_reduce(
    x: np.ndarray, rowptr: np.ndarray, col: np.ndarray, weight: np.ndarray, reduce: str
) -> tuple[np.ndarray, ...]:
    out = np.zeros((len(rowptr) - 1, weight.shape[1], *x.shape[1:]))
    with np.errstate(invalid="ignore", over="ignore"):
        for i, places in enumerate(_rows(rowptr)):
            for p in places:
                out[i] += np.multiply.outer(weight[p], x[col[p]])
            if reduce == "mean" and len(places):
                out[i] /= len(places)
    return (out,)


def gather_sparse_kernel_reduce(
    x: np.ndarray,
    rowptr: np.ndarray,
    col: np.ndarray,
    weight: np.ndarray | None,
    kernel: np.ndarray,
    like: np.ndarray,
    reduce: str,
) -> tuple[np.ndarray, ...]:
    dense = _dense(np.ones(kernel.shape) if weight is None else weight, kernel, len(like))
    (out,) = gather_kernel_reduce(x, rowptr, col, dense, "mean" if reduce == "mean" else "sum")
    if reduce == "mean_per_kernel":
        counts = _dense(np.ones(kernel.shape), kernel, len(like))
        of_rows = np.array([counts[places].sum(axis=0) for places in _rows(rowptr)]).reshape(out.shape[:2])
        out /= np.maximum(of_rows, 1).reshape(of_rows.shape + (1,) * (out.ndim - 2))
    return (out,)


def kernel_contract(
    x: np.ndarray,
    rowptr: np.ndarray,
    col: np.ndarray,
    weight: np.ndarray | None,
    kernel: np.ndarray | None,
) -> tuple[np.ndarray, ...]:
    if kernel is not None:
        weight = _dense(np.ones(kernel.shape) if weight is None else weight, kernel, x.shape[1])
    assert weight is not None
    out = np.zeros((len(rowptr) - 1, *x.shape[2:]))
    for i, places in enumerate(_rows(rowptr)):
        for p in places:
            out[i] += np.tensordot(weight[p], x[col[p]], axes=1)
    return (out,)


def kernel_dot(
    a: np.ndarray, b: np.ndarray, rowptr: np.ndarray, col: np.ndarray, kernel: np.ndarray | None
) -> tuple[np.ndarray, ...]:
    row = np.repeat(np.arange(len(rowptr) - 1), np.diff(rowptr))
    products = a[row] * b[col][:, None]
    dense = products.reshape(*products.shape[:2], int(np.prod(products.shape[2:]))).sum(axis=2)
    if kernel is None:
        return (dense,)
    named = kernel.reshape(len(kernel), int(np.prod(kernel.shape[1:])))
    return (np.take_along_axis(dense, named.astype(np.int64), axis=1).reshape(kernel.shape),)


def _rows(rowptr: np.ndarray) -> list[np.ndarray]:
    return [np.arange(rowptr[i], rowptr[i + 1]) for i in range(len(rowptr) - 1)]


def _dense(weight: np.ndarray, kernel: np.ndarray, num_kernels: int) -> np.ndarray:
    """``[edges, num_kernels]``; an edge may name a kernel twice."""
    dense = np.zeros((len(kernel), num_kernels))
    for p in range(len(kernel)):
        np.add.at(dense[p], kernel[p], weight[p])
    return dense
