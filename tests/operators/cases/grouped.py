"""grouped_matmul, and the operator of its weight's gradient."""

from collections.abc import Iterator

import numpy as np

from tests.operators.cases.case import Case, values

GROUPS = {
    "one": (7,),
    "some": (3, 0, 5, 1),
    "empty": (0, 0, 0),
    "none": (),
    "ends-empty": (0, 4, 0),
    "many": tuple(range(30)),
}
WIDTHS = ((1, 1), (0, 3), (3, 0), (5, 4), (8, 16), (17, 33), (70, 32), (16, 100))


def cases() -> Iterator[Case]:
    for name, rows in GROUPS.items():
        for index in (np.int64, np.int32):
            yield _case(f"{name}-{np.dtype(index).name}", rows, 5, 6, np.float64, index)
    for width_in, width_out in WIDTHS:
        yield _case(f"{width_in}-to-{width_out}", (13, 0, 40, 2), width_in, width_out, np.float32)
    for dtype in (np.float32, np.float64):
        name = f"heavy-{np.dtype(dtype).name}"
        yield _case(name, (1500, 0, 700, 3), 37, 41, dtype)
    x = np.array([[np.nan, 1.0], [np.inf, -np.inf], [1e300, 1e300], [2.0, 0.0]])
    weight = np.array([[[1.0, 0.0, -2.0], [1.0, 2.0, -1.0]], [[0.5, 1.0, -np.inf], [1.0, 1.0, 1.0]]])
    special = {"x": x, "ptr": np.array([0, 3, 4]), "weight": weight}
    yield Case("grouped_matmul", "special-values", special)


def _case(
    name: str, rows: tuple[int, ...], width_in: int, width_out: int, dtype: type, index: type = np.int64
) -> Case:
    arguments = {
        "x": values((sum(rows), width_in), dtype),
        "ptr": _ptr(rows, index),
        "weight": values((len(rows), width_in, width_out), dtype, seed=4),
    }
    return Case("grouped_matmul", name, arguments)


def _ptr(rows: tuple[int, ...], index: type = np.int64) -> np.ndarray:
    return np.cumsum([0, *rows]).astype(index)


def gradient_cases() -> Iterator[Case]:
    """Cases of the operators that only gradients use: they have no ONNX form."""
    for name, rows in GROUPS.items():
        yield _outer_case(name, rows, 5, 6, np.float64)
    for width_in, width_out in WIDTHS:
        yield _outer_case(f"{width_in}-to-{width_out}", (13, 0, 40, 2), width_in, width_out, np.float32)
    yield _outer_case("heavy", (1500, 0, 700, 3), 137, 41, np.float32)


def _outer_case(name: str, rows: tuple[int, ...], width_in: int, width_out: int, dtype: type) -> Case:
    arguments = {
        "x": values((sum(rows), width_in), dtype),
        "grad": values((sum(rows), width_out), dtype, seed=4),
        "ptr": _ptr(rows),
    }
    return Case("grouped_outer", name, arguments)


def refused() -> Iterator[Case]:
    """Inputs that every runtime must refuse, with what the message must say."""
    good = {
        "x": values((9, 4), np.float32),
        "ptr": np.array([0, 3, 3, 9]),
        "weight": values((3, 4, 5), np.float32),
    }
    wrong, outside = ValueError, IndexError
    must = "'ptr' must start at 0, never decrease, and end at the number of rows (9); it "
    for name, ptr in {
        "falling": [0, 5, 3, 9],
        "late": [1, 3, 3, 9],
        "short": [0, 3, 3, 8],
        "long": [0, 3, 3, 10],
        "negative": [0, -1, 3, 9],
    }.items():
        arguments = {**good, "ptr": np.array(ptr)}
        yield Case("grouped_matmul", f"{name}-ptr", arguments, (outside, must))
    shape = "'weight' must have shape [3, 4, out_channels]"
    for name, changes, message in (
        ("no-ptr", {"ptr": good["ptr"][:0]}, "'ptr' must have at least one element (number of groups + 1)"),
        ("float-index", {"ptr": np.zeros(4)}, "'ptr' must be int64 or int32, got float64"),
        ("flat-x", {"x": good["x"][:, 0]}, "'x' must have shape [rows, in_channels], got [9]"),
        ("integer-features", {"x": good["x"].astype(np.int64)}, "'x' must be float32, float64, float16"),
        ("mixed-types", {"weight": good["weight"].astype(np.float64)}, "'x' is float32 but 'weight' is"),
        ("few-weights", {"weight": good["weight"][1:]}, shape),
        ("narrow-weights", {"weight": good["weight"][:, 1:]}, shape),
        ("flat-weights", {"weight": good["weight"][0]}, shape),
    ):
        yield Case("grouped_matmul", name, {**good, **changes}, (wrong, message))
