"""spline_basis by the definition of B-splines (Cox and de Boor's recursion), and gaussian_weights, edge by edge."""

from itertools import product

import numpy as np


def spline_basis(
    pseudo: np.ndarray, kernel_size: np.ndarray, is_open_spline: np.ndarray, degree: int
) -> tuple[np.ndarray, ...]:
    basis, weight_index = [], []
    for u in pseudo:
        fractions, first = _places(u, kernel_size, is_open_spline, degree)
        for term in _terms(len(u), degree):
            factors = [_bspline(degree, degree - k + v) for k, v in zip(term, fractions, strict=True)]
            basis.append(np.prod(factors))
            weight_index.append(_number(first, term, kernel_size))
    shape = (len(pseudo), (degree + 1) ** pseudo.shape[1])
    return np.array(basis, np.float64).reshape(shape), np.array(weight_index, np.int64).reshape(shape)


def spline_basis_backward(
    grad: np.ndarray, pseudo: np.ndarray, kernel_size: np.ndarray, is_open_spline: np.ndarray, degree: int
) -> tuple[np.ndarray, ...]:
    """The derivative of a B-spline of degree p is the difference of two of degree p - 1."""
    result = np.zeros_like(pseudo)
    for e, u in enumerate(pseudo):
        fractions, _ = _places(u, kernel_size, is_open_spline, degree)
        for s, term in enumerate(_terms(len(u), degree)):
            at = [degree - k + v for k, v in zip(term, fractions, strict=True)]
            for d in range(len(u)):
                factors = [_bspline(degree, x) for x in at]
                factors[d] = _bspline(degree - 1, at[d]) - _bspline(degree - 1, at[d] - 1)
                steps = kernel_size[d] - degree * is_open_spline[d]
                result[e, d] += grad[e, s] * np.prod(factors) * steps
    return (result,)


def gaussian_weights(pseudo: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> tuple[np.ndarray, ...]:
    out = np.zeros((len(pseudo), len(mu)))
    with np.errstate(over="ignore", invalid="ignore"):
        for e, k in np.ndindex(out.shape):
            out[e, k] = np.exp(-0.5 * np.sum((pseudo[e] - mu[k]) ** 2 / (1e-15 + sigma[k] ** 2)))
    return (out,)


def _places(
    u: np.ndarray, kernel_size: np.ndarray, is_open_spline: np.ndarray, degree: int
) -> tuple[list[float], list[int]]:
    fractions, first = [], []
    for d in range(len(u)):
        place = u[d] * (kernel_size[d] - degree * is_open_spline[d])
        finite = bool(np.isfinite(place))
        first.append(int(np.floor(place)) % int(kernel_size[d]) if finite else 0)
        fractions.append(place - np.floor(place) if finite else np.nan)
    return fractions, first


def _terms(dims: int, degree: int) -> list[tuple[int, ...]]:
    """Which of the active splines each term has in each dimension; dimension 0 changes fastest."""
    return [term[::-1] for term in product(range(degree + 1), repeat=dims)]


def _number(first: list[int], term: tuple[int, ...], kernel_size: np.ndarray) -> int:
    number, stride = 0, 1
    for d in range(len(term)):
        number += (first[d] + term[d]) % int(kernel_size[d]) * stride
        stride *= int(kernel_size[d])
    return number


def _bspline(degree: int, x: float) -> float:
    """The uniform B-spline with knots 0, 1, ..., degree + 1."""
    if np.isnan(x):
        return x
    if degree == 0:
        return float(0 <= x < 1)
    return (x * _bspline(degree - 1, x) + (degree + 1 - x) * _bspline(degree - 1, x - 1)) / degree
