"""How near two answers must be: the rounding of a sum of as many terms, and exactly where they are integers."""

import numpy as np
import torch

from tests.peers.case import Case

# The peer lists pairs as its tree meets them: they are compared in one order. (Ours come by distance.)
IN_ANY_ORDER = {"radius"}


def assert_same(ours: np.ndarray, theirs: np.ndarray, case: Case) -> None:
    """Equal shapes and kinds; integers equal, floats within the bound of `tolerance`."""
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    if case.function in IN_ANY_ORDER:
        ours, theirs = (pairs[:, np.lexsort(pairs[::-1])] for pairs in (ours, theirs))
    if np.issubdtype(theirs.dtype, np.integer):
        np.testing.assert_array_equal(ours, theirs)
    else:
        relative, absolute = tolerance(case)
        np.testing.assert_allclose(ours, theirs, rtol=relative, atol=absolute)


def tolerance(case: Case) -> tuple[float, float]:
    """Of n terms each of two orders of summation is off by at most n·eps·Σ|terms|; the rest is one more factor 4."""
    floats = [
        v
        for v in case.arguments.values()
        if isinstance(v, np.ndarray) and np.issubdtype(v.dtype, np.floating)
    ]
    dtype = case.dtype or np.result_type(*floats).name
    relative = 4 * _most_terms(case) * torch.finfo(getattr(torch, dtype)).eps
    largest = [np.abs(v[np.isfinite(v)]).max(initial=1) for v in floats]
    return relative, relative * float(np.prod(largest))


def _most_terms(case: Case) -> int:
    """The terms of the largest row."""
    arguments = case.arguments
    if "indptr" in arguments:
        return int(np.diff(arguments["indptr"]).max(initial=1))
    if "index" in arguments:
        index = arguments["index"]
        rows = index[0] if "matrix" in arguments else index
        return int(np.bincount(rows.flatten(), minlength=1).max(initial=1))
    return 1
