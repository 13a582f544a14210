"""fps."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.operators.cases.case import Case, values


def clouds(dtype: type = np.float64) -> dict[str, tuple[np.ndarray, list[int]]]:
    """Points and the graph of each, of every kind that has ever broken a search."""
    lattice = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    points = {
        "random": (values((150, 3), dtype), [0] * 150),
        "several": (values((60, 3), dtype, 4), [0] * 33 + [1] + [2] * 26),
        "empty-graph": (values((20, 2), dtype, 5), [1] * 7 + [4] * 13),
        "lattice": (lattice.astype(dtype), [0] * 40 + [1] * 24),
        "duplicates": (values((3, 3), dtype, 6)[[0, 1, 0, 2, 2, 1, 0, 0, 1]], [0] * 9),
        "line": (values((70, 1), dtype, 7), [0] * 70),
        "many-dimensions": (values((40, 17), dtype, 8), [0] * 25 + [1] * 15),
        "far": (values((50, 3), dtype, 9) + 1e6, [0] * 50),
        "tiny": (values((50, 3), dtype, 10) * 1e-6, [0] * 50),
        "huge": (values((40, 3), dtype, 11) * (1e15 if dtype == np.float32 else 1e200), [0] * 40),
        "one-point": (values((1, 3), dtype), [0]),
        "no-points": (np.zeros((0, 3), dtype), []),
        "no-dimensions": (np.zeros((5, 0), dtype), [0] * 5),
    }
    return {name: (src, batch) for name, (src, batch) in points.items()}


def cases() -> Iterator[Case]:
    for dtype in (np.float64, np.float32):
        index = np.int64 if dtype == np.float64 else np.int32
        for name, (src, batch) in clouds(dtype).items():
            graphs = np.array(batch, index)
            alone = {"src": src, "ratio": 0.4, "batch": None, "start": None}
            start = np.bincount(graphs) - 1 if batch else np.zeros(1, np.int64)
            name = f"{name}-{np.dtype(dtype).name}"
            yield Case("fps", f"{name}-sorted", {**alone, "batch": graphs})
            yield Case("fps", f"{name}-all", {**alone, "ratio": 1.0})
            yield Case(
                "fps", f"{name}-sorted-from", {**alone, "batch": graphs, "start": np.maximum(start, 0)}
            )
        first = {"src": src, "ratio": 0.25, "batch": None}
        yield Case("fps", f"random-from-{np.dtype(dtype).name}", {**first, "start": np.array([4])})
    large = values((5000, 3), np.float32, 12)
    graphs = np.repeat([0, 1, 2], [3000, 10, 1990])
    yield Case("fps", "heavy", {"src": large, "ratio": 0.05, "batch": graphs, "start": None})
    yield Case("fps", "heavy-alone", {"src": large, "ratio": 0.05, "batch": None, "start": None})


def refused() -> Iterator[Case]:
    """Inputs that every runtime must refuse, with what the message must say."""
    src, graphs = clouds()["several"]
    batch = np.array(graphs)
    infinite, not_a_number, negative, absurd, unsorted = (
        src.copy(),
        src.copy(),
        batch.copy(),
        batch.copy(),
        batch.copy(),
    )
    infinite[7, 1], not_a_number[59, 2] = -np.inf, np.nan
    negative[0], absurd[59], unsorted[33] = -3, 2**40, 3

    def case(name: str, error: type[Exception], message: str, **changes: Any) -> Case:
        return Case(
            "fps", name, {"src": src, "ratio": 0.5, "batch": batch, "start": None} | changes, (error, message)
        )

    wrong, outside = ValueError, IndexError
    finite = "coordinates must be finite"
    yield case("infinite", wrong, f"'src'[7, 1] is -inf, {finite}", src=infinite)
    yield case("not-a-number", wrong, f"'src'[59, 2] is nan, {finite}", src=not_a_number)
    yield case("integer-src", wrong, "'src' must be float32, float64", src=np.ones((60, 3), np.int64))
    yield case("vector-src", wrong, "'src' must have shape [points, dimensions], got [60]", src=src[:, 0])
    for ratio in (0.0, -1.0, 1.5, float("nan")):
        yield case(f"ratio-{ratio}", wrong, "'ratio' must be above 0 and at most 1", ratio=ratio)
    yield case("short-batch", wrong, "'batch' must have shape [60] (one per point)", batch=batch[:-1])
    yield case("float-batch", wrong, "'batch' must be int64 or int32", batch=batch.astype(np.float32))
    yield case(
        "unsorted-batch", wrong, "'batch' must be sorted, but 'batch'[34] is 2 after 3", batch=unsorted
    )
    yield case("negative-graph", outside, "'batch'[0] is -3, it must not be negative", batch=negative)
    yield case("absurd-graph", outside, "'batch' holds the graph number 1099511627776", batch=absurd)
    many = np.where(batch == batch.max(), 2_000_000_000, batch)
    yield case("many-graphs", outside, "'batch' holds the graph number 2000000000", batch=many)
    yield case("narrow-start", wrong, "'start' must be int64, got int32", start=np.zeros(3, np.int32))
    yield case(
        "short-start",
        wrong,
        "'start' must have a place for each graph, 3 or more, got 2",
        start=np.zeros(2, int),
    )
    place = "the valid range is 0 to 0 (the points of graph 1)"
    yield case("large-start", outside, f"'start'[1] is 1, {place}", start=np.array([0, 1, 0]))
    yield case("negative-start", outside, f"'start'[1] is -1, {place}", start=np.array([0, -1, 0]))
