"""Cases of scatter and scatter_arg."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.operators.cases.case import REDUCTIONS, Case, values

# shape of src, the dimension reduced, the number of rows
SHAPES: dict[str, tuple[tuple[int, ...], int, int]] = {
    "vector": ((40,), 0, 9),
    "random": ((40, 5), 0, 9),
    "columns": ((3, 40), 1, 9),
    "middle": ((2, 20, 3), 1, 7),
    "last-of-three": ((2, 2, 20), 2, 7),
    "wide": ((40, 70), 0, 9),
    "no-elements": ((0, 3), 0, 4),
    "no-channels": ((12, 0), 0, 4),
    "no-rows": ((0, 3), 0, 0),
    "one": ((1, 1), 0, 1),
}


def cases() -> Iterator[Case]:
    for reduce in REDUCTIONS:
        for name in SHAPES:
            for full in (False, True):
                arguments = _arguments(name, full, reduce)
                form = f"{reduce}-{name}-{'full' if full else 'vector'}-index"
                yield Case("scatter", form, arguments)
                if reduce in ("max", "min"):
                    ties = {**arguments, "src": np.round(arguments["src"] * 2)}
                    yield Case("scatter_arg", f"{form}-ties", ties)
                    yield from (
                        [Case("scatter_arg", form, arguments)] if name in ("middle", "no-elements") else []
                    )
        yield from _special(reduce)
        yield _heavy(reduce)


def _special(reduce: str) -> Iterator[Case]:
    narrow = _arguments("random", False, reduce, np.int32)
    single = {**narrow, "src": narrow["src"].astype(np.float32)}
    yield Case("scatter", f"{reduce}-int32-index-float32", single)
    nan, inf = np.nan, np.inf
    src = np.array([[nan, 1.0], [1.0, -inf], [nan, inf], [-inf, inf], [2.0, nan], [-inf, 0.0]])
    arguments = {"src": src, "index": np.array([0, 0, 0, 2, 1, 2]), "like": np.zeros((5, 2)), "dim": 0}
    yield Case("scatter", f"{reduce}-special-values", {**arguments, "reduce": reduce})
    if reduce in ("max", "min"):
        yield Case("scatter_arg", f"{reduce}-special-values", {**arguments, "reduce": reduce})
        yield Case("scatter_arg", f"{reduce}-int32-index-float32", single)


def _heavy(reduce: str) -> Case:
    """Rows wide enough to be sorted, one long enough to be cut; of factors near 1, so that a product stays finite."""
    src = 1 + values((20_000, 17), np.float64) * 1e-3
    index = np.where(np.random.default_rng(5).random(20_000) < 0.8, 2, 0)
    arguments = {"src": src, "index": index, "like": np.zeros((4, 1), np.float32), "dim": 0, "reduce": reduce}
    return Case("scatter", f"{reduce}-heavy", arguments)


def _arguments(name: str, full: bool, reduce: str, index_dtype: type = np.int64) -> dict[str, Any]:
    shape, dim, rows = SHAPES[name]
    random = np.random.default_rng(9)
    below = max(rows - 1, 1)  # the last row stays empty where there are several
    index = random.integers(0, below, shape if full else shape[dim]).astype(index_dtype)
    src = values(shape, np.float64)
    return {"src": src, "index": index, "like": np.zeros((rows, 2), np.float32), "dim": dim, "reduce": reduce}


def integer_cases() -> Iterator[Case]:
    """Integers reduce exactly; torch only: ONNX has the operators for floats."""
    random = np.random.default_rng(3)
    for dtype in (np.int32, np.int64):
        for reduce in REDUCTIONS:
            for full in (False, True):
                base = _arguments("middle", full, reduce)
                src = random.integers(-5, 6, base["src"].shape).astype(dtype)
                name = f"{reduce}-{np.dtype(dtype).name}-{'full' if full else 'vector'}-index"
                yield Case("scatter", name, {**base, "src": src})
                if reduce in ("max", "min"):
                    yield Case("scatter_arg", name, {**base, "src": src})


def refused() -> Iterator[Case]:
    rows, full = _arguments("random", False, "sum"), _arguments("random", True, "sum")
    src, index = rows["src"], rows["index"]
    negative, large, large_in_full = index.copy(), index.copy(), full["index"].copy()
    negative[5], large[7], large_in_full[1, 2] = -1, 9, 9

    def case(name: str, error: type[Exception], message: str, **changes: Any) -> Case:
        return Case("scatter", name, {**rows, **changes}, (error, message))

    wrong, outside = ValueError, IndexError
    yield case("negative-index", outside, "'index'[5] is -1, it must not be negative", index=negative)
    yield case("large-index", outside, "'index'[7] is 9, the valid range is 0 to 8", index=large)
    yield case("large-full-index", outside, "'index'[7] is 9, the valid range is 0 to 8", index=large_in_full)
    yield case("no-rows", outside, "nothing to refer to (0 rows)", like=np.zeros((0, 2), np.float32))
    yield case("bool-src", wrong, "'src' must be float32, float64, float16", src=src > 0)
    yield case("scalar-src", wrong, "'src' must have at least one dimension", src=np.array(1.0))
    yield case(
        "float-index", wrong, "'index' must be int64 or int32, got float64", index=index.astype(np.float64)
    )
    yield case("short-index", wrong, "'index' must have shape [40]", index=index[:-1])
    yield case(
        "other-shape", wrong, "or the shape of 'src', [40, 5], got [40, 4]", index=full["index"][:, :4]
    )
    yield case("large-dim", wrong, "'dim' must be between -2 and 1", dim=2)
    yield case("small-dim", wrong, "'dim' must be between -2 and 1", dim=-3)
    yield case("unknown-reduction", wrong, "reduce must be 'sum'", reduce="median")
    arg = {**rows, "reduce": "max"}
    yield Case("scatter_arg", "unknown-reduction", rows, (wrong, "'max' or 'min', got 'sum'"))
    yield Case("scatter_arg", "large-index", {**arg, "index": large}, (outside, "'index'[7] is 9"))
    message = "'index'[7] is 9, the valid range is 0 to 8"
    yield Case("scatter_arg", "large-full-index", {**arg, "index": large_in_full}, (outside, message))
