"""How far an engine may be from the float64 truth: measured on eager itself, never typed in.

For graph g and output column c, with T the float64 output,

    bound[g, c] = MULTIPLE * max(noise[g, c], scale[g] * median_g(noise[g, c] / scale[g]))
                  + units(n) * eps * scale[g] * weight[c] + tiny

- noise: the largest distance from T, over the rows, of float32 eager and of float64 eager with inputs and
  weights moved by half a rounding unit. The median over the suite stands in where a graph got its numbers
  right by luck.
- scale[g]: the largest |T| of the graph. weight[c]: the largest share of it that column c has on any graph,
  so that a column in small units is held to small errors, and a column that is near zero on one graph only
  is not.
- units(n) = UNITS + sqrt(n): rounding units that a sum of n terms may lose when added in another order. A
  random walk of n roundings is sqrt(n) / 6 units wide; layers stack, so six widths are allowed. n is the largest
  number of terms of the graph's sums.

Where noise[g] is more than 1/1024 of scale[g], or rounding changes an integer or a size, there is no truth: rounding
decides (a top-k with a tie, sin(1e8 x)), and a bound wide enough for eager would let any engine pass. Such an
output is compared with float32 eager itself, within

    bound[g, c] = 2 * (MULTIPLE * scale[g] * median_g(noise / scale) + units(n) * eps * scale[g] * weight[c]) + tiny

with the median over the graphs that do have a truth; integers must be equal. An engine that keeps it made the same
choices and is right; one that does not is neither right nor wrong: the graph proves nothing about it, is counted as
such, and an engine with such results on more than half of the graphs is not verified (`report.MIN_PROVEN`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geocompile.verification.inputs import Array, InputSpec
from geocompile.verification.reference import Truth

MULTIPLE = 4.0
UNITS = 8.0


@dataclass(frozen=True)
class Bound:
    """The bound of one output on one graph.

    Attributes:
        columns: `[num_columns]`, the largest allowed distance from the truth.
        noise: `[num_columns]`, what eager itself was measured to be off (the part that `MULTIPLE`
            multiplies).
        scale: The largest finite magnitude of the output.
        eager_error: The distance of plain eager from the truth.
        multiple: How much of `noise` is in `columns`.
        stable: False where rounding decides; then `columns` counts from float32 eager, not from the truth.
    """

    columns: Array
    noise: Array
    scale: float
    eager_error: float
    multiple: float = MULTIPLE
    stable: bool = True


def units(terms: int) -> float:
    """Rounding units allowed for sums of `terms` terms."""
    return UNITS + float(np.sqrt(terms))


def as_columns(array: Array, by_column: bool) -> Array:
    """View an output as `[rows, columns]`; outputs whose last size is not fixed are one column."""
    if not by_column or array.ndim < 2:
        return array.reshape(-1, 1)
    return array.reshape(math.prod(array.shape[:-1]), array.shape[-1])  # -1 means nothing beside 0 columns


def measure(
    truths: Sequence[Truth], output: int, by_column: bool, terms: Sequence[int], multiple: float = MULTIPLE
) -> list[Bound]:
    """Measure the bounds of one output on every graph of the suite.

    Args:
        truths: What eager says, one per graph.
        output: Which of the flat outputs.
        by_column: Whether the last dimension counts channels (its size is fixed).
        terms: Per graph, the longest sum (`longest_sum`).
        multiple: `MULTIPLE`, or twice that where the reference is float32 and carries an error of its own.
    """
    eps = _eps(truths, output)
    noises, scales, errors = [], [], []
    for truth in truths:
        exact = as_columns(np.abs(truth.exact[output].astype(np.float64)), by_column)
        noises.append(_largest(as_columns(truth.noise(output), by_column)))
        scales.append(_largest(exact))
        errors.append(_eager_error(truth, output))
    totals = [float(scale.max(initial=0.0)) for scale in scales]
    stable = [truth.is_stable(output) for truth in truths]
    live = [k for k, total in enumerate(totals) if total > 0]
    sound = [k for k in live if stable[k]]
    weight = np.max([scales[k] / totals[k] for k in live], axis=0) if live else np.ones_like(scales[0])
    usual = np.median([noises[k] / totals[k] for k in sound], axis=0) if sound else np.zeros_like(scales[0])
    bounds = []
    for k, total in enumerate(totals):
        lifted = np.maximum(noises[k], usual * total) if stable[k] else usual * total
        times = 1.0 if stable[k] else 2.0  # float32 eager is as far from the truth as the engine may be
        rounding = units(terms[k]) * eps * total * weight + float(np.finfo(np.float32).tiny)
        columns = times * (multiple * lifted + rounding)
        bounds.append(Bound(columns, lifted, total, errors[k], times * multiple, stable[k]))
    return bounds


def longest_sum(specs: Sequence[InputSpec], inputs: Mapping[str, Array], reduced: bool) -> int:
    """The largest number of terms that one sum over the graph can have.

    Args:
        specs: The model's inputs.
        inputs: The graph.
        reduced: Whether no output keeps a dimension of the graph, so that whole dimensions are summed.
    """
    longest = 1
    for spec in specs:
        array = inputs[spec.name]
        if reduced:
            longest = max(longest, *array.shape, 1)
        elif (
            array.size
            and array.ndim
            and array.dtype.kind == "i"
            and (spec.index_of is not None or array.ndim == 1 or array.shape[0] == 2)
        ):
            rows = array.reshape(-1, array.shape[-1])
            longest = max(longest, *(int(np.unique(row, return_counts=True)[1].max()) for row in rows))
    return longest


def _largest(values: Array) -> Array:
    """Per column, the largest finite value; 0 where there is none."""
    largest: Array = np.where(np.isfinite(values), values, 0.0).max(axis=0, initial=0.0)
    return largest


def _eager_error(truth: Truth, output: int) -> float:
    with np.errstate(invalid="ignore"):
        distance = np.abs(truth.eager[output].astype(np.float64) - truth.exact[output].astype(np.float64))
    return float(_largest(distance.reshape(-1, 1))[0])


def _eps(truths: Sequence[Truth], output: int) -> float:
    dtype = truths[0].eager[output].dtype
    return float(np.finfo(dtype).eps) if dtype.kind == "f" else 0.0
