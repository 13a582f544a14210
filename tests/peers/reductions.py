"""What is asked of torch_scatter: scatter, segments in compressed rows, and what is composed of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.peers.case import Case, Difference, generator, values

REDUCTIONS = ("sum", "mean", "max", "min", "mul")
COMPOSITES = ("scatter_softmax", "scatter_log_softmax", "scatter_logsumexp", "scatter_std")
ROWS = 9
# shape of src, the dimension reduced over
SHAPES: dict[str, tuple[tuple[int, ...], int]] = {
    "vector": ((40,), 0),
    "rows": ((40, 3), 0),
    "columns": ((3, 40), 1),
    "middle": ((2, 20, 3), 1),
    "last": ((2, 2, 20), -1),
    "no-edges": ((0, 3), 0),
    "no-channels": ((40, 0), 0),
    "one": ((1, 1), 0),
}


def cases() -> Iterator[Case]:
    for reduce in REDUCTIONS:
        yield from _scatter(reduce)
        if reduce != "mul":  # segment_csr has no product
            yield from _segment_csr(reduce)
    yield from _gather_csr()
    yield from _composites()
    yield from _special_values()


def rows_with_gaps(size: int | tuple[int, ...], seed: int = 1) -> np.ndarray:
    """Rows 0 to 8 without 4 and 8: one is empty in the middle, one at the end."""
    return np.array([0, 1, 2, 3, 5, 6, 7])[generator(seed).randint(0, 7, size)]


def row_starts(rows: np.ndarray, num_rows: int = ROWS) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=num_rows))]).astype(np.int64)


def _scatter(reduce: str) -> Iterator[Case]:
    for name, (shape, dim) in SHAPES.items():
        for form in ("vector", "full"):
            if name == "no-edges" and reduce == "mul":
                continue  # among the special values
            index = rows_with_gaps(shape if form == "full" else shape[dim])
            arguments = _arguments(shape, index, dim, reduce)
            yield Case("scatter", f"{reduce}-{name}-{form}-index", arguments, differentiate=("src",))
    index = rows_with_gaps(40)
    smallest = {**_arguments((40, 3), index, 0, reduce), "dim_size": None}
    yield Case("scatter", f"{reduce}-smallest-size", smallest)
    single = _arguments((40, 3), index, 0, reduce, np.float32)
    yield Case("scatter", f"{reduce}-float32", single, differentiate=("src",))
    for half in ("float16", "bfloat16"):
        yield Case("scatter", f"{reduce}-{half}", single, dtype=half)
    whole = {**single, "src": generator(2).randint(-3, 4, (40, 3))}
    yield Case("scatter", f"{reduce}-int64", whole)
    from_left = _arguments((2, 20, 3), rows_with_gaps((2, 20)), 1, reduce)
    yield Case("scatter", f"{reduce}-index-of-the-first-dimensions", from_left, differentiate=("src",))
    one_for_all = _arguments((2, 20, 3), rows_with_gaps((1, 20)), 1, reduce)
    yield Case("scatter", f"{reduce}-index-of-size-one", one_for_all)
    for name, arguments in (("float64", _arguments((40, 3), index, 0, reduce)), ("int64", whole)):
        out = values((ROWS, 3), arguments["src"].dtype.type, seed=4)
        yield Case("scatter", f"{reduce}-into-out-{name}", {**arguments, "dim_size": None, "out": out})


def _arguments(
    shape: tuple[int, ...], index: np.ndarray, dim: int, reduce: str, dtype: type = np.float64
) -> dict[str, Any]:
    src = values(shape, dtype)
    src[src == 0] = 1.0  # the peer's gradient of a product that holds a zero is not the product's
    return {"src": src, "index": index, "dim": dim, "dim_size": ROWS, "reduce": reduce}


def _segment_csr(reduce: str) -> Iterator[Case]:
    rowptr = row_starts(rows_with_gaps(40))
    for shape in ((40,), (40, 3), (40, 2, 2), (40, 0)):
        for dtype in (np.float64, np.float32):
            src = _arguments(shape, rowptr, 0, reduce, dtype)["src"]
            name = f"{reduce}-{'x'.join(map(str, shape))}-{np.dtype(dtype).name}"
            arguments = {"src": src, "indptr": rowptr, "reduce": reduce}
            yield Case("segment_csr", name, arguments, differentiate=("src",))
    src = _arguments((40, 3), rowptr, 0, reduce, np.float32)["src"]
    for half in ("float16", "bfloat16"):
        yield Case("segment_csr", f"{reduce}-{half}", {**arguments, "src": src}, dtype=half)
    batch = np.stack([row_starts(rows_with_gaps(20, seed)) for seed in (2, 3)])
    arguments = {"src": values((2, 20, 3), seed=3) + 8, "indptr": batch, "reduce": reduce}
    yield Case("segment_csr", f"{reduce}-batch-of-rows", arguments, differentiate=("src",))


def _gather_csr() -> Iterator[Case]:
    rowptr = row_starts(rows_with_gaps(40))
    for shape in ((ROWS,), (ROWS, 3), (ROWS, 2, 2)):
        for dtype in (np.float64, np.float32):
            arguments = {"src": values(shape, dtype), "indptr": rowptr}
            name = f"{'x'.join(map(str, shape))}-{np.dtype(dtype).name}"
            yield Case("gather_csr", name, arguments, differentiate=("src",))


def _composites() -> Iterator[Case]:
    for function in COMPOSITES:
        for name in ("vector", "rows", "columns", "middle", "last", "one"):
            shape, dim = SHAPES[name]
            for form in ("vector", "full"):
                index = rows_with_gaps(shape if form == "full" else shape[dim])
                arguments = {"src": values(shape), "index": index, "dim": dim, "dim_size": ROWS}
                # the root in std has no derivative in a segment of one
                differentiate = () if function == "scatter_std" else ("src",)
                yield Case(function, f"{name}-{form}-index", arguments, differentiate=differentiate)
        arguments = {"src": values((40, 3)) * 200, "index": rows_with_gaps(40), "dim": 0, "dim_size": ROWS}
        yield Case(function, "large-values", arguments)
    infinite = {"src": np.array([-np.inf, -np.inf, 1, -np.inf]), "index": np.array([0, 0, 1, 1])}
    yield Case("scatter_softmax", "of-infinities", {**infinite, "dim": 0, "dim_size": 3})


def _special_values() -> Iterator[Case]:
    """Where we settled what the peer leaves to its loop."""
    nan, inf = np.nan, np.inf
    index = np.array([0, 0, 1])

    def scatter(name: str, src: list[float], reduce: str, reason: str, **ours: list[float]) -> Case:
        rows = index[: len(src)]
        arguments = {"src": np.array(src), "index": rows, "dim": 0, "dim_size": 3, "reduce": reduce}
        return Case("scatter", name, arguments, difference=Difference(reason, _arrays(ours)))

    nan_reason = "NaN travels; the peer's comparison with NaN is false, so that it drops it"
    yield scatter("max-nan", [1, nan, 2], "max", nan_reason, out=[nan, 2, 0], arg=[1, 2, 3])
    yield scatter("min-nan", [nan, 1, 2], "min", nan_reason, out=[nan, 2, 0], arg=[0, 2, 3])
    infinity = "a segment of infinities keeps them; the peer takes what equals its start value for empty"
    yield scatter("max-all-infinite", [-inf, -inf, 2], "max", infinity, out=[-inf, 2, 0], arg=[0, 2, 3])
    yield scatter("min-all-infinite", [inf, inf, 2], "min", infinity, out=[inf, 2, 0], arg=[0, 2, 3])
    yield scatter("mul-no-edges", [], "mul", "the empty product is 1, without any edge too", out=[1, 1, 1])

    reason = "a segment of infinities keeps them; the peer gives the largest finite number and a stale arg"
    arguments = {"src": np.array([-inf, -inf, 2]), "indptr": np.array([0, 2, 3, 3]), "reduce": "max"}
    ours: dict[str, list[float]] = {"out": [-inf, 2, 0], "arg": [0, 2, 3]}
    yield Case("segment_csr", "max-all-infinite", arguments, difference=Difference(reason, _arrays(ours)))


def _arrays(ours: dict[str, list[float]]) -> dict[str, np.ndarray]:
    return {name: np.array(v, np.int64 if name == "arg" else np.float64) for name, v in ours.items()}
