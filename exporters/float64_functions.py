"""Special functions to the last digits of float64, by operators that ONNX Runtime has for float64."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from numpy.polynomial import chebyshev
from torch import Tensor

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cosh",
    "erf",
    "erfc",
    "sinh",
    "special_ndtr",
    "tan",
]

_SMALL = 0.5  # up to here erf is a series, and 1 - erfc above
_SERIES = [2 / math.sqrt(math.pi) * (-1) ** n / (math.factorial(n) * (2 * n + 1)) for n in range(14)]
_BEND, _DEGREE, _LARGEST = 3.0, 18, 26.0
_HUGE = 2.0**28  # x^2 + 1 is x^2


def erf(x: Tensor) -> Tensor:
    """x P(x^2) near zero, else 1 - erfc, of the sign of x."""
    far = torch.sign(x) * (1 - _erfc_far(x.abs()))
    return torch.where(x.abs() < _SMALL, _erf_near(x), far)


def erfc(x: Tensor) -> Tensor:
    far = _erfc_far(x.abs())
    return torch.where(x.abs() < _SMALL, 1 - _erf_near(x), torch.where(x > 0, far, 2 - far))


def special_ndtr(x: Tensor) -> Tensor:
    return 0.5 * erfc(x * -math.sqrt(0.5))


def _erf_near(x: Tensor) -> Tensor:
    return x * _polynomial(torch.where(x.abs() < _SMALL, x * x, 0.0), _SERIES)


def _erfc_far(x: Tensor) -> Tensor:
    """exp(-x^2) Q(s) for x at least `_SMALL`, where s runs from 1 to -1 while x runs to infinity."""
    high, low = _BEND / (_BEND + _SMALL), _BEND / (_BEND + _LARGEST)
    s = (_BEND / (_BEND + x) - (high + low) / 2) * (2 / (high - low))
    return torch.exp(-(x * x)) * _polynomial(s, _scaled_erfc())


@functools.cache
def _scaled_erfc() -> list[float]:
    """Coefficients of exp(x^2) erfc(x) in s, interpolated at Chebyshev's points."""
    high, low = _BEND / (_BEND + _SMALL), _BEND / (_BEND + _LARGEST)
    points = chebyshev.chebpts1(_DEGREE + 1)
    places = _BEND / ((high + low) / 2 + (high - low) / 2 * points) - _BEND
    values = [_scaled_erfc_of(float(x)) for x in places]
    coefficients: list[float] = chebyshev.cheb2poly(chebyshev.chebfit(points, values, _DEGREE)).tolist()
    return coefficients


def _scaled_erfc_of(x: float) -> float:
    """exp(x^2) in two factors, since the rounding of x^2 would be multiplied by it."""
    rounded = float(np.float32(x))
    return math.erfc(x) * math.exp(rounded * rounded) * math.exp((x - rounded) * (x + rounded))


def _polynomial(x: Tensor, coefficients: list[float]) -> Tensor:
    value = x * coefficients[-1] + coefficients[-2]
    for coefficient in coefficients[-3::-1]:
        value = value * x + coefficient
    return value


def atan(x: Tensor) -> Tensor:
    """One step from float32's atan y: atan(x) = y + tan(atan(x) - y), the rest being below 1e-21."""
    is_large = x.abs() > 1
    x, sign = torch.where(is_large, 1 / x, x), torch.sign(x)
    guess = torch.atan(x.float()).double()
    sine, cosine = torch.sin(guess), torch.cos(guess)
    angle = guess + (x * cosine - sine) / (cosine + x * sine)
    return torch.where(is_large, sign * (math.pi / 2) - angle, angle)


def atan2(y: Tensor, x: Tensor) -> Tensor:
    """Zeros have signs, which their reciprocals show."""
    is_left, is_below = (x < 0) | (1 / x < 0), (y < 0) | (1 / y < 0)
    angle = atan(torch.where(y == 0, y, y / x))
    return torch.where(is_left, torch.where(is_below, angle - math.pi, angle + math.pi), angle)


def asin(x: Tensor) -> Tensor:
    return atan(x / torch.sqrt((1 - x) * (1 + x)))


def acos(x: Tensor) -> Tensor:
    return 2 * atan(torch.sqrt((1 - x) / (1 + x)))


def tan(x: Tensor) -> Tensor:
    return torch.sin(x) / torch.cos(x)


def sinh(x: Tensor) -> Tensor:
    return 0.5 * (torch.expm1(x) - torch.expm1(-x))


def cosh(x: Tensor) -> Tensor:
    return 0.5 * (torch.exp(x) + torch.exp(-x))


def asinh(x: Tensor) -> Tensor:
    size = x.abs()
    near = torch.log1p(size + size * size / (1 + torch.sqrt(size * size + 1)))
    return torch.sign(x) * torch.where(size > _HUGE, torch.log(size) + math.log(2), near)


def acosh(x: Tensor) -> Tensor:
    above = x - 1
    near = torch.log1p(above + torch.sqrt(above * (above + 2)))
    return torch.where(x > _HUGE, torch.log(x) + math.log(2), near)


def atanh(x: Tensor) -> Tensor:
    size = x.abs()
    return torch.sign(x) * 0.5 * torch.log1p(2 * size / (1 - size))
