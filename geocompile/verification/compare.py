"""Compares one output of an engine with the truth: shape, dtype, NaN and inf in place, then every number."""

from dataclasses import replace

import numpy as np

from geocompile.verification import histogram
from geocompile.verification.bounds import Bound, as_columns
from geocompile.verification.inputs import Array
from geocompile.verification.reference import Truth
from geocompile.verification.report import OutputCheck


def compare(
    name: str, engine: Array, truth: Truth, output: int, bound: Bound, by_column: bool
) -> OutputCheck:
    """Compare an engine's output with eager's.

    Floats are compared with the float64 truth within the bound; where float32 eager is NaN or infinite the
    engine must be so too. Integers and booleans must be exact. Where rounding alone moves eager's result
    (`Bound.stable` is False) the engine is compared with float32 eager, and a difference is no failure: it
    leaves the output unproven.

    Args:
        name: The output's name.
        engine: What the engine says.
        truth: What eager says about the graph.
        output: Which of the flat outputs.
        bound: The measured bound.
        by_column: As given to `bounds.measure`.
    """
    eager = truth.eager[output]
    if engine.dtype != eager.dtype:
        return OutputCheck(name, False, f"has dtype {engine.dtype}, eager gives {eager.dtype}")
    if engine.shape != eager.shape:
        problem = f"has shape {list(engine.shape)}, eager gives {list(eager.shape)}"
        undecided = not truth.sizes_agree and engine.ndim == eager.ndim
        return OutputCheck(name, undecided, problem, proven=not undecided, size=eager.size)
    if engine.size == 0:
        return OutputCheck(name, True)
    if eager.dtype.kind != "f":
        check = _compare_exactly(name, engine, eager)
    else:
        check = _compare_floats(name, engine, truth, output, bound, by_column)
    check = replace(check, size=engine.size)
    return check if check.ok or bound.stable else replace(check, ok=True, proven=False)


def _compare_exactly(name: str, engine: Array, eager: Array) -> OutputCheck:
    wrong = engine != eager
    counts = histogram.of_matches(wrong)
    if not wrong.any():
        return OutputCheck(name, True, histogram=counts)
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    got, expected = engine[index].item(), eager[index].item()
    count = f"{int(wrong.sum())} of {wrong.size} elements differ"
    problem = f"{count}, first {list(index)}: got {got}, expected exactly {expected}"
    distance = abs(float(got) - float(expected))
    check = OutputCheck(name, False, problem, index=index, value=got, expected=expected, histogram=counts)
    return replace(check, max_error=distance, error=distance)


def _compare_floats(
    name: str, engine: Array, truth: Truth, output: int, bound: Bound, by_column: bool
) -> OutputCheck:
    eager = truth.eager[output].astype(np.float64)
    exact = truth.exact[output].astype(np.float64)
    values = engine.astype(np.float64)
    expected = np.where(np.isfinite(eager) & np.isfinite(exact) & bound.stable, exact, eager)
    misplaced = _misplaced(values, expected)
    if misplaced.any():
        index = tuple(int(i) for i in np.argwhere(misplaced)[0])
        problem = (
            f"NaN or infinity out of place at {int(misplaced.sum())} of {misplaced.size} elements, "
            f"first {list(index)}: got {values[index]:.9g}, expected {expected[index]:.9g}"
        )
        return OutputCheck(
            name, False, problem, index=index, value=values[index].item(), expected=expected[index].item()
        )
    finite = np.isfinite(expected)
    error = _distance(values, expected, finite)
    allowed = np.broadcast_to(bound.columns, as_columns(error, by_column).shape).reshape(error.shape)
    worst = np.unravel_index(int(np.argmax(error / allowed)), error.shape)
    noise = np.broadcast_to(bound.noise, as_columns(error, by_column).shape).reshape(error.shape)[worst]
    excess = error[worst] - (allowed[worst] - bound.multiple * noise)
    return OutputCheck(
        output=name,
        ok=bool((error <= allowed).all()),
        max_error=float(error.max()),
        mean_error=float(error.mean()),
        relative_error=float(error.max() / bound.scale) if bound.scale else float(error.max()),
        scale=bound.scale,
        cosine=_cosine(np.where(finite, values, 0.0), np.where(finite, expected, 0.0)),
        index=tuple(int(i) for i in worst),
        value=float(values[worst]),
        expected=float(expected[worst]),
        error=float(error[worst]),
        bound=float(allowed[worst]),
        multiple=float(max(excess, 0.0) / noise) if noise else (float("inf") if excess > 0 else 0.0),
        eager_error=bound.eager_error,
        histogram=histogram.of_errors(error[finite], allowed[finite]),
        eager_histogram=histogram.of_errors(_distance(eager, expected, finite)[finite], allowed[finite]),
    )


def _distance(values: Array, expected: Array, finite: Array) -> Array:
    distance: Array = np.abs(np.where(finite, values, 0.0) - np.where(finite, expected, 0.0))
    return distance


def _misplaced(values: Array, expected: Array) -> Array:
    both_nan = np.isnan(values) & np.isnan(expected)
    misplaced: Array = (~np.isfinite(values) | ~np.isfinite(expected)) & (values != expected) & ~both_nan
    return misplaced


def _cosine(left: Array, right: Array) -> float:
    """Cosine of the angle between two arrays; scaled first, so that squares neither overflow nor vanish."""
    left_size, right_size = np.abs(left).max(), np.abs(right).max()
    if left_size == 0 or right_size == 0:
        return 1.0 if left_size == right_size else 0.0
    left, right = (left / left_size).ravel(), (right / right_size).ravel()
    return float(np.clip(left @ right / np.sqrt((left @ left) * (right @ right)), -1.0, 1.0))
