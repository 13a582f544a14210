"""Histograms of errors in units of their bound, in fixed logarithmic bins: bounded memory for any number of elements.

A histogram is a tuple of `BINS` counts: the elements without any error; those below 10^LOWEST; `PER_DECADE` bins for
each power of ten from there to 10^HIGHEST; those beyond. An error equal to its bound stands at 10^0, the upper edge
of the last bin that passes.
"""

from collections.abc import Iterable

import numpy as np

from geocompile.verification.inputs import Array

LOWEST, HIGHEST, PER_DECADE = -6, 3, 4
BINS = (HIGHEST - LOWEST) * PER_DECADE + 3

Histogram = tuple[int, ...]


def of_errors(error: Array, allowed: Array) -> Histogram:
    """Count finite errors `>= 0` by their ratio to `allowed` (`> 0`, broadcast against them)."""
    exact = int((error == 0).sum())
    ratio = (error / allowed)[error > 0]
    with np.errstate(divide="ignore"):  # a ratio that underflows to 0 is below every bin
        position = np.ceil((np.log10(ratio) - LOWEST) * PER_DECADE)
    bins = np.clip(position, 0, BINS - 2).astype(np.int64)
    counts = np.bincount(bins, minlength=BINS - 1)
    return (exact, *counts.tolist())


def of_matches(wrong: Array) -> Histogram:
    """Integers are exact or beyond any bound."""
    differ = int(wrong.sum())
    return (wrong.size - differ, *([0] * (BINS - 2)), differ)


def total(histograms: Iterable[Histogram]) -> Histogram:
    """The sum of histograms; what is none (empty, of another version) is left out."""
    counts = [0] * BINS
    for histogram in histograms:
        if len(histogram) == BINS and min(histogram) >= 0:
            counts = [have + more for have, more in zip(counts, histogram, strict=True)]
    return tuple(counts)


def upper_edge(index: int) -> float:
    """The largest ratio to the bound that a bin holds; 0 for the exact ones, infinity for the last."""
    if index == 0:
        return 0.0
    return float("inf") if index == BINS - 1 else float(10.0 ** (LOWEST + (index - 1) / PER_DECADE))
