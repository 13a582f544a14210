"""How far a computed value may be from the exact one: so many roundings of its dtype as the operator needs."""

import numpy as np

from tests.operators.cases.case import HALVES, Case


def bounds_of(case: Case, want: np.ndarray, dtype: np.dtype) -> tuple[float, float]:
    """The relative and the absolute error that roundings explain, for an output in `dtype`.

    Sums lose what is below a unit of their largest term, so the absolute one grows with the largest value. Halves are
    summed in float32 and rounded once.
    """
    if dtype in HALVES:
        smallest = np.finfo(np.float32).tiny if dtype.name == "bfloat16" else 2.0**-14
        unit = 2.0**-7 if dtype.name == "bfloat16" else 2.0**-10
        return unit, smallest * unit
    bound = float(np.finfo(dtype).eps) * roundings(case)
    return bound, bound * largest_of(want)


def roundings(case: Case) -> float:
    """Their number: a few, and as roundings are as often up as down, twice the root of the number of terms of a sum."""
    return 8 + 2 * np.sqrt(longest_row(case) + channels(case))


def longest_row(case: Case) -> int:
    """The most terms that are summed over edges, or over elements of one index."""
    given = case.arguments
    if given.get("rowptr") is not None:
        return int(np.diff(given["rowptr"]).max(initial=0))
    index = given.get("index")
    return 0 if index is None else int(np.unique(index, return_counts=True)[1].max(initial=0))


def channels(case: Case) -> int:
    """The most terms that are summed over channels, heads or dimensions."""
    arrays = [a for a in case.arguments.values() if isinstance(a, np.ndarray)]
    return sum(max((a.shape[d] for a in arrays if a.ndim > d), default=0) for d in (1, 2))


def largest_of(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0))
