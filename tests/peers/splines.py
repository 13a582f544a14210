"""What is asked of torch_spline_conv: B-spline bases and their products with weights."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from tests.peers.case import Case, generator, positions, values

KERNEL_SIZE = {1: [5], 2: [5, 4], 3: [4, 5, 4]}
# the edges of the range in every dimension, where an open and a closed spline part
CORNERS = {dimension: np.array(list(product([0.0, 0.5, 1.0], repeat=dimension))) for dimension in (1, 2, 3)}


def cases() -> Iterator[Case]:
    for degree in (1, 2, 3):
        for dimension, kernel_size in KERNEL_SIZE.items():
            for is_open in sorted(
                {(True,) * dimension, (False,) * dimension, (True, False, True)[:dimension]}
            ):
                yield from _basis(degree, kernel_size, is_open)
        yield from _weighting(degree)


def _basis(degree: int, kernel_size: list[int], is_open: tuple[bool, ...]) -> Iterator[Case]:
    dimension = len(kernel_size)
    arguments = {
        "kernel_size": np.array(kernel_size),
        "is_open_spline": np.array(is_open, np.uint8),
        "degree": degree,
    }
    form = "".join("open-" if o else "closed-" for o in is_open)
    for dtype in (np.float64, np.float32):
        name = f"degree{degree}-{form}{np.dtype(dtype).name}"
        inside = {**arguments, "pseudo": positions((12, dimension), dtype, seed=70 + dimension)}
        yield Case("spline_basis", f"{name}-inside", inside, differentiate=("pseudo",))
        corners = {**arguments, "pseudo": CORNERS[dimension].astype(dtype)}
        yield Case("spline_basis", f"{name}-corners", corners)


def _weighting(degree: int) -> Iterator[Case]:
    terms = (degree + 1) ** 2
    for dtype in (np.float64, np.float32):
        arguments = {
            "x": values((12, 3), dtype, seed=80),
            "weight": values((20, 3, 2), dtype, seed=81),
            "basis": positions((12, terms), dtype, seed=82),
            "weight_index": generator(83).randint(0, 20, (12, terms)),
        }
        name = f"degree{degree}-{np.dtype(dtype).name}"
        yield Case("spline_weighting", name, arguments, differentiate=("x", "weight", "basis"))
