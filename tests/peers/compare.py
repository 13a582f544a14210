"""How near two answers must be: the rounding of a sum of as many terms, and exactly where they are integers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from tests.peers.case import Case
from tests.peers.tensors import Outputs, answer

# The peer lists pairs as its tree meets them: they are compared in one order. (Ours come by distance.)
IN_ANY_ORDER = {"radius"}
# Where the reduction is a sum, outputs and gradients are sums of products of at most 3 factors.
SUMS_OF_PRODUCTS = {"scatter", "segment_csr", "gather_csr", "coalesce", "spmm", "matmul", "spline_weighting"}
SUMS = {"sum", "add", "mean", None}


def assert_same(
    ours: np.ndarray, theirs: np.ndarray, case: Case, magnitudes: np.ndarray | None = None
) -> None:
    """Equal shapes and kinds; integers equal, floats within the bound of their sum, or else of `tolerance`."""
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    if case.function in IN_ANY_ORDER:
        ours, theirs = (pairs[:, np.lexsort(pairs[::-1])] for pairs in (ours, theirs))
    if np.issubdtype(theirs.dtype, np.integer):
        np.testing.assert_array_equal(ours, theirs)
    elif magnitudes is None:
        relative, absolute = tolerance(case)
        np.testing.assert_allclose(ours, theirs, rtol=relative, atol=absolute)
    else:
        _assert_same_sums(ours, theirs, case, magnitudes)


def magnitudes_of(function: Callable[..., Outputs], case: Case) -> dict[str, np.ndarray]:
    """The sum of the magnitudes of the terms of each output; empty where outputs are not sums of products."""
    reduce = case.arguments.get("reduce", case.arguments.get("op"))
    if case.function not in SUMS_OF_PRODUCTS or reduce not in SUMS:
        return {}
    arguments = {name: np.abs(value) if _is_float(value) else value for name, value in case.arguments.items()}
    return answer(function, replace(case, arguments=arguments), signed=False)


def _assert_same_sums(ours: np.ndarray, theirs: np.ndarray, case: Case, magnitudes: np.ndarray) -> None:
    """A sum of n terms, rounded 3 times each, is off by (n + 3) eps / 2 of their magnitudes in any order.

    So is each of the two, and the sum of the magnitudes itself, which another term makes up for.
    (Higham, "Accuracy and stability of numerical algorithms", 2002, section 4.2.)
    """
    finite = np.isfinite(magnitudes)
    np.testing.assert_array_equal(ours[~finite], theirs[~finite])
    off = np.abs(ours.astype(np.float64) - theirs)[finite]
    bound = (_most_terms(case) + 4) * _epsilon(case) * magnitudes[finite].astype(np.float64)
    worst = np.argmax(off - bound) if off.size else 0
    assert (off <= bound).all(), f"off by {off[worst]}, and {bound[worst]} are allowed"


def tolerance(case: Case) -> tuple[float, float]:
    """Of functions that are not linear: a rounding for each term, and one more factor 4."""
    floats = [value for value in case.arguments.values() if _is_float(value)]
    relative = 4 * _most_terms(case) * _epsilon(case)
    largest = [np.abs(v[np.isfinite(v)]).max(initial=1) for v in floats]
    return relative, relative * float(np.prod(largest))


def _epsilon(case: Case) -> float:
    floats = [value for value in case.arguments.values() if _is_float(value)]
    return torch.finfo(getattr(torch, case.dtype or np.result_type(*floats).name)).eps


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating)


def _most_terms(case: Case) -> int:
    """The terms of the largest sum, those of gradients included."""
    arguments = case.arguments
    if "indptr" in arguments:
        return int(np.diff(arguments["indptr"]).max(initial=1))
    if "weight_index" in arguments:
        (_, inputs, outputs), terms = arguments["weight"].shape, arguments["basis"].shape[1]
        of_a_kernel = int(np.bincount(arguments["weight_index"].flatten(), minlength=1).max())
        return max(terms * inputs, terms * outputs, inputs * outputs, of_a_kernel)
    if "matrix" in arguments:
        ends = (int(np.bincount(end, minlength=1).max()) for end in arguments["index"])
        return max(*ends, arguments["matrix"].shape[1])
    if "index" in arguments:
        return int(np.bincount(arguments["index"].flatten(), minlength=1).max(initial=1))
    return 1
