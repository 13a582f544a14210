"""knn, radius and nearest.

Coordinates are multiples of 1/16 below 8, so that every squared distance is exact in every precision, and many are
equal. Those of `_rounded` are multiples of 1/10: many distances are equal but for rounding, which depends on the order
of the sum.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.operators.cases.case import Case, values

# Graphs of very different sizes, one without points, one without queries.
BATCH_X, BATCH_Y = np.repeat([0, 1, 4, 6], [17, 1, 9, 3]), np.repeat([0, 1, 3, 4], [5, 2, 1, 4])


def lattice(*shape: int, dtype: type = np.float32, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).integers(0, 128, shape) / 16).astype(dtype)


def cases() -> Iterator[Case]:
    for name, (x, y) in _clouds().items():
        yield _knn(name, x, y)
        yield _radius(name, x, y)
        if len(x) and len(y):
            yield _nearest(name, x, y)
    for index in (np.int64, np.int32):
        batches = {"batch_x": BATCH_X.astype(index), "batch_y": BATCH_Y.astype(index)}
        x, y = lattice(30, 3), lattice(12, 3, seed=1)
        name = f"sorted-batch-{np.dtype(index).name}"
        yield _knn(name, x, y, **batches)
        yield _knn(
            f"{name}-cosine",
            values((30, 5), np.float64),
            values((12, 5), np.float64, 5),
            **batches,
            cosine=True,
        )
        yield _radius(name, x, y, **batches)
        in_points = np.where(np.isin(BATCH_Y, BATCH_X), BATCH_Y, 4).astype(index)
        yield _nearest(name, y, x, batch_x=in_points, batch_y=batches["batch_x"])
    yield from _self()
    yield from _many_neighbours()
    yield from _rounded()
    zero = values((9, 4), np.float64)
    zero[[2, 5]] = 0
    yield _knn("random-cosine", values((30, 6), np.float32), values((7, 6), np.float32, 4), cosine=True)
    yield _knn("zero-vectors-cosine", zero, zero, cosine=True, k=9)
    yield from _heavy()


def _clouds() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    line, same = np.zeros((20, 3)), np.ones((40, 2))
    line[:, 1] = np.arange(20)[::-1]
    far, near = 2.0**20, 2.0**-20
    return {
        **{
            f"random-{d}d-{dtype.__name__}": (
                lattice(40, d, dtype=dtype),
                lattice(11, d, dtype=dtype, seed=1),
            )
            for d in (1, 2, 3, 5, 16, 64)
            for dtype in (np.float32, np.float64)
        },
        "vectors": (lattice(20), lattice(6, seed=1)),
        "line": (line, line[::3]),
        "equal-points": (same, same[:3]),
        "far-away": (lattice(30, 3, dtype=np.float64) + far, lattice(5, 3, dtype=np.float64, seed=1) + far),
        "tiny": (lattice(30, 3, dtype=np.float64) * near, lattice(5, 3, dtype=np.float64, seed=1) * near),
        "one-point": (lattice(1, 3), lattice(1, 3, seed=1)),
        "no-points": (lattice(0, 3), lattice(4, 3)),
        "no-queries": (lattice(4, 3), lattice(0, 3)),
        "nothing": (lattice(0, 3), lattice(0, 3)),
        "no-dimensions": (lattice(5, 0), lattice(2, 0)),
    }


def _self() -> Iterator[Case]:
    x, batch = lattice(30, 3), BATCH_X
    equal = np.ones((9, 2), np.float32)
    for turned in (False, True):
        form = {"skip_self": True, "neighbours_first": turned}
        name = f"self-{'turned' if turned else 'straight'}"
        for operator in (_knn, _radius):
            yield operator(name, x, x, **form)
            yield operator(f"{name}-batch", x, x, batch_x=batch, batch_y=batch, **form)
            yield operator(f"{name}-equal-points", equal, equal, **form)
            yield operator(f"{name}-one-point", x[:1], x[:1], **form)


def _many_neighbours() -> Iterator[Case]:
    x, y = lattice(150, 3), lattice(4, 3, seed=1)
    yield _knn("more-than-there-are", x[:9], y, k=50)
    yield _knn("many", x, y, k=100)
    yield _radius("all", x, y, r=100.0, max_num_neighbors=1000)
    yield _radius("infinite", x, y, r=np.inf, max_num_neighbors=100)
    yield _radius("none", x, x[:4], r=0.0)
    yield _radius("on-the-rim", np.arange(9.0)[:, None], np.zeros((1, 1)), r=3.0)
    yield _radius("capped", np.arange(9.0)[:, None], np.full((2, 1), 4.0), r=3.5, max_num_neighbors=4)


def _rounded() -> Iterator[Case]:
    for dims, r in ((3, 0.3), (16, 0.6), (64, 1.2)):
        for dtype in (np.float32, np.float64):
            generator = np.random.default_rng(dims)
            x, y = ((generator.integers(0, 4, (200, dims)) / 10).astype(dtype) for _ in range(2))
            name = f"tenths-{dims}d-{dtype.__name__}"
            yield _knn(name, x, y, k=20)
            yield _knn(f"{name}-cosine", x, y, k=20, cosine=True)
            yield _radius(name, x, y, r=r, max_num_neighbors=200)
            yield _nearest(name, x, y)


def _heavy() -> Iterator[Case]:
    """Enough points for a tree, in one and in several graphs; a lattice of few places, where most distances tie."""
    few = np.floor(lattice(700, 3, dtype=np.float64) / 2)
    other = lattice(300, 3, dtype=np.float64, seed=2)
    batch = np.repeat([0, 2, 3], [300, 50, 350])
    for name, (x, y) in {
        "few-places": (few, few),
        "lattice": (lattice(700, 2), lattice(250, 2, seed=2)),
    }.items():
        yield _knn(f"heavy-{name}", x, y)
        yield _radius(f"heavy-{name}", x, y, r=0.9)
    yield _nearest("heavy", other, few)
    form = {"batch_x": batch, "batch_y": batch, "skip_self": True, "neighbours_first": True}
    yield _knn("heavy-batch", few, few, **form)
    yield _radius("heavy-batch", few, few, r=1.5, **form)
    yield _knn("heavy-many-dimensions", lattice(400, 20), lattice(200, 20, seed=2), k=20)


def _knn(name: str, x: np.ndarray, y: np.ndarray, **changes: Any) -> Case:
    arguments = {"x": x, "y": y, "k": 4, "batch_x": None, "batch_y": None}
    arguments |= {"cosine": False, "skip_self": False, "neighbours_first": False}
    return Case("knn", name, {**arguments, **changes})


def _radius(name: str, x: np.ndarray, y: np.ndarray, **changes: Any) -> Case:
    arguments = {"x": x, "y": y, "r": 2.625, "max_num_neighbors": 6, "batch_x": None, "batch_y": None}
    arguments |= {"skip_self": False, "neighbours_first": False}
    return Case("radius", name, {**arguments, **changes})


def _nearest(name: str, x: np.ndarray, y: np.ndarray, **changes: Any) -> Case:
    return Case("nearest", name, {"x": x, "y": y, "batch_x": None, "batch_y": None, **changes})


def refused() -> Iterator[Case]:
    """Inputs that every runtime must refuse, with what the message must say."""
    x, y = lattice(30, 3), lattice(12, 3, seed=1)
    for make in (_knn, _radius, _nearest):
        yield from _refused_by_all(make, x, y)
    yield _with_error(_knn("no-neighbours", x, y, k=0), ValueError, "'k' must be at least 1, got 0")
    yield _with_error(
        _knn("two-clouds", x, y, skip_self=True), ValueError, "'skip_self' needs the same points"
    )
    unlike = {"batch_x": np.repeat([0, 1], [15, 15]), "batch_y": np.repeat([0, 1], [14, 16])}
    yield _with_error(
        _knn("self-in-two-graphs", x, x, **unlike, skip_self=True),
        ValueError,
        "'skip_self' needs the same 'batch_x' and 'batch_y', they differ at [14]: 0 and 1",
    )
    yield _with_error(
        _radius("negative-radius", x, y, r=-1.0), ValueError, "'r' must be a number and not negative"
    )
    yield _with_error(
        _radius("radius-nan", x, y, r=np.nan), ValueError, "'r' must be a number and not negative"
    )
    most = _radius("no-neighbours", x, y, max_num_neighbors=0)
    yield _with_error(most, ValueError, "'max_num_neighbors' must be at least 1, got 0")
    lonely = _nearest("lonely-graph", x, y, batch_x=BATCH_X, batch_y=BATCH_Y)
    yield _with_error(lonely, ValueError, "graph 6 has points in 'x' and none in 'y'")
    alone = _nearest("nobody", x, y[:0])
    yield _with_error(alone, ValueError, "points in 'x' and none in 'y'")


def _refused_by_all(make: Any, x: np.ndarray, y: np.ndarray) -> Iterator[Case]:
    batches = {"batch_x": BATCH_X, "batch_y": BATCH_Y}
    nan, infinite = x.copy(), y.copy()
    nan[7, 2], infinite[11, 0] = np.nan, -np.inf
    falling, negative = BATCH_Y.copy(), BATCH_X.copy()
    falling[9], negative[0] = 2, -3

    def case(name: str, error: type[Exception], message: str, **changes: Any) -> Case:
        x_, y_ = changes.pop("x", x), changes.pop("y", y)
        return _with_error(make(name, x_, y_, **changes), error, message)

    yield case("nan", ValueError, "'x'[7, 2] is nan, coordinates must be finite", x=nan)
    yield case("infinity", ValueError, "'y'[11, 0] is -inf, coordinates must be finite", y=infinite)
    unsorted = "'batch_y' must be sorted, but 'batch_y'[9] is 2 after 4"
    yield case("unsorted-batch", ValueError, unsorted, **{**batches, "batch_y": falling})
    below = "'batch_x'[0] is -3, it must not be negative"
    yield case("negative-graph", IndexError, below, **{**batches, "batch_x": negative})
    yield case("dimensions", ValueError, "'x' and 'y' must have the same dimensions", y=y[:, :2])
    yield case("three-axes", ValueError, "'x' must have shape [points, dimensions]", x=x[:, :, None])
    yield case("mixed-dtypes", ValueError, "'x' is float32 but 'y' is float64", y=y.astype(np.float64))
    integers = "'x' must be float32, float64, float16 or bfloat16, got int64"
    yield case("integer-features", ValueError, integers, x=x.astype(np.int64), y=y.astype(np.int64))
    short = {**batches, "batch_x": BATCH_X[1:]}
    yield case("short-batch", ValueError, "'batch_x' must have shape [30]", **short)
    mixed = {**batches, "batch_y": BATCH_Y.astype(np.int32)}
    yield case("mixed-batches", ValueError, "'batch_x' is int64 but 'batch_y' is int32", **mixed)
    floats = {"batch_x": BATCH_X.astype(np.float32), "batch_y": BATCH_Y.astype(np.float32)}
    yield case("float-batch", ValueError, "'batch_x' must be int64 or int32", **floats)


def _with_error(case: Case, error: type[Exception], message: str) -> Case:
    return Case(case.operator, case.name, case.arguments, (error, message))
