"""Grouped products, row by row."""

import numpy as np


def grouped_matmul(x: np.ndarray, ptr: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, ...]:
    out = np.zeros((len(x), weight.shape[2]))
    with np.errstate(invalid="ignore", over="ignore"):
        for i, group in enumerate(_group_of_each(ptr)):
            out[i] = (x[i][:, None] * weight[group]).sum(axis=0)
    return (out,)


def grouped_outer(x: np.ndarray, grad: np.ndarray, ptr: np.ndarray) -> tuple[np.ndarray, ...]:
    out = np.zeros((len(ptr) - 1, x.shape[1], grad.shape[1]))
    for i, group in enumerate(_group_of_each(ptr)):
        out[group] += np.multiply.outer(x[i], grad[i])
    return (out,)


def _group_of_each(ptr: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(ptr) - 1), np.diff(ptr))
