"""spline_basis and gaussian_weights, and the gradient of the splines."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from tests.operators.cases.case import Case, values

KERNEL_SIZE = {1: [5], 2: [4, 3], 3: [3, 1, 4]}


def cases() -> Iterator[Case]:
    for degree, dims, num_edges in product((1, 2, 3), KERNEL_SIZE, (7, 0)):
        for is_open in ([1, 1, 1], [0, 0, 0], [1, 0, 1]):
            name = f"degree{degree}-{dims}-dims-{num_edges}-edges-{''.join(map(str, is_open[:dims]))}"
            yield Case("spline_basis", name, _spline(degree, dims, num_edges, is_open))
        yield from _special(degree, dims)
    for dims, kernels, num_edges in ((1, 1, 5), (3, 4, 19), (2, 25, 40), (2, 3, 0), (3, 0, 4), (0, 2, 3)):
        for dtype in (np.float64, np.float32):
            name = f"{dims}-dims-{kernels}-kernels-{num_edges}-edges-{np.dtype(dtype).name}"
            yield Case("gaussian_weights", name, _gaussian(dims, kernels, num_edges, dtype))
    yield Case("gaussian_weights", "wide", _gaussian(3, 8, 30_000, np.float32))
    pseudo = np.array([[np.nan, 0.5], [np.inf, 0.5], [-np.inf, 0.0], [1e30, 0.5], [0.25, 0.5]])
    special = {
        "pseudo": pseudo,
        "mu": np.array([[0.25, 0.5], [1.0, 1.0]]),
        "sigma": np.array([[0.0, 1.0], [2.0, 0.5]]),
    }
    yield Case("gaussian_weights", "special-values", special)


def gradient_cases() -> Iterator[Case]:
    for degree, dims in product((1, 2, 3), KERNEL_SIZE):
        spline = _spline(degree, dims, 7, [1, 0, 1])
        grad = values((7, (degree + 1) ** dims), np.float64, seed=8)
        yield Case("spline_basis_backward", f"degree{degree}-{dims}-dims", {"grad": grad, **spline})


def _spline(degree: int, dims: int, num_edges: int, is_open: list[int]) -> dict[str, Any]:
    pseudo = np.random.default_rng(degree).random((num_edges, dims))
    return _arguments(pseudo, dims, is_open, degree)


def _arguments(pseudo: np.ndarray, dims: int, is_open: list[int], degree: int) -> dict[str, Any]:
    sizes = {"kernel_size": np.array(KERNEL_SIZE[dims]), "is_open_spline": np.array(is_open[:dims])}
    return {"pseudo": pseudo, **sizes, "degree": degree}


def _special(degree: int, dims: int) -> Iterator[Case]:
    """The ends of the range, what lies outside of it, and what is no number; exact in every dtype."""
    places = np.array([0.0, 1.0, 0.5, -0.25, 1.5, -3.0, 64.0, np.nan, np.inf, -np.inf, 2.0**40])
    pseudo = np.stack([np.roll(places, d) for d in range(dims)], 1)
    for dtype in (np.float64, np.float32):
        name = f"degree{degree}-{dims}-dims-special-values-{np.dtype(dtype).name}"
        yield Case("spline_basis", name, _arguments(pseudo.astype(dtype), dims, [1, 0, 1], degree))


def _gaussian(dims: int, kernels: int, num_edges: int, dtype: type) -> dict[str, Any]:
    sigma = 0.5 + np.abs(values((kernels, dims), dtype, seed=6))
    return {
        "pseudo": values((num_edges, dims), dtype),
        "mu": values((kernels, dims), dtype, seed=5),
        "sigma": sigma.astype(dtype),
    }


def refused() -> Iterator[Case]:
    wrong = ValueError
    spline = _spline(1, 2, 7, [1, 1])
    gaussian = _gaussian(3, 4, 5, np.float64)

    def case(name: str, message: str, **changes: Any) -> Case:
        return Case("spline_basis", name, {**spline, **changes}, (wrong, message))

    yield case("vector", "'pseudo' must have shape [num_edges, dims]", pseudo=np.zeros(7))
    yield case("no-dims", "with 1 to 16 dims, got [7, 0]", pseudo=np.zeros((7, 0)))
    yield case("short-kernel-size", "'kernel_size' must have shape [2]", kernel_size=np.array([5]))
    yield case("short-open", "'is_open_spline' must have shape [2]", is_open_spline=np.array([1]))
    yield case("int32-kernel-size", "'kernel_size' must be int64", kernel_size=np.array([5, 5], np.int32))
    yield case("unknown-degree", "'degree' must be 1, 2 or 3, got 4", degree=4)
    message = "'kernel_size'[1] must be at least 1, got 0"
    yield case("empty-kernel-size", message, kernel_size=np.array([5, 0]))
    message = "which cannot fit into memory"
    yield case("absurd-kernel-size", message, kernel_size=np.array([2**40, 2**40]))

    def other(name: str, message: str, **changes: Any) -> Case:
        return Case("gaussian_weights", name, {**gaussian, **changes}, (wrong, message))

    yield other("vector", "'pseudo' must have shape [num_edges, dims]", pseudo=np.zeros(5))
    yield other("few-dims", "'mu' must have shape [kernels, 3]", mu=np.zeros((4, 2)))
    yield other("few-sigma", "'sigma' must have the shape of 'mu', [4, 3]", sigma=np.zeros((3, 3)))
