"""Numbers that stand in a model keep their digits in ONNX, however small or near to 1, optimised and plain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.exporters.test_onnx_activations import LEVELS, engine

FLOAT64: dict[str, Callable[[Tensor], Tensor]] = {
    "add": lambda x: x + 0.1,
    "add_alpha": lambda x: torch.add(x, x.abs(), alpha=0.3),
    "sub": lambda x: 0.1 - x,
    "mul": lambda x: x * 0.6,
    "div": lambda x: x / 0.7,
    "reciprocal": lambda x: 0.7 / (x.abs() + 1),
    "pow": lambda x: x.abs() ** 0.3,
    "power_of_number": lambda x: 0.3**x,
    "clamp": lambda x: x.clamp(-0.1, 0.3),
    "clamp_min": lambda x: x.clamp(min=0.1),
    "where": lambda x: torch.where(x > 0.1, x, 0.3),
    "where_of_numbers": lambda x: torch.where(x > 0.1, 0.1, 0.3) * x,  # float32, as the default dtype is
    "masked_fill": lambda x: x.masked_fill(x > 0, 0.3),
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.2),
    "hardtanh": lambda x: functional.hardtanh(x, -0.1, 0.3),
    "hardsigmoid": functional.hardsigmoid,
    "hardswish": functional.hardswish,
    "threshold": lambda x: functional.threshold(x, 0.1, 0.3),
    "softshrink": lambda x: functional.softshrink(x, 0.3),
    "addcmul": lambda x: torch.addcmul(x, x, x, value=0.3),
    "addcdiv": lambda x: torch.addcdiv(x, x, x.abs() + 1, value=0.3),
    "lerp": lambda x: torch.lerp(x, x.abs(), 0.3),
    "log2": lambda x: torch.log2(x.abs() + 0.1),
    "log10": lambda x: torch.log10(x.abs() + 0.1),
    "full": lambda x: x + torch.full((1,), 0.1, dtype=x.dtype),
    "full_like": lambda x: torch.full_like(x, 0.1),
    "comparison": lambda x: (x >= 0.1).double(),
    "float32_beside": lambda x: (x.float() * 0.1).double() + x * 0.1,
    "int_beside": lambda x: x.long() * 0.6 + x,
}
NEUTRAL: dict[str, Callable[[Tensor], Tensor]] = {
    "add": lambda x: (x.abs() + 1e-100).log(),
    "add_float32": lambda x: (x.abs().float() + 1e-15).log().double(),
    "sub": lambda x: -(x.abs() - 1e-100).sign(),
    "mul": lambda x: -(x.abs() * (1 + 1e-9)),
    "mul_in_front": lambda x: -((1 - 1e-9) * x.abs()),
    "mul_float32": lambda x: -(x.abs().float() * (1 + 5e-6)).double(),
    "div": lambda x: -(x.abs() / (1 + 1e-9)),
}


def values() -> Tensor:
    torch.manual_seed(0)
    edges = torch.tensor([0.1, 0.3, -0.1, 0.0, 0.7, 1.0], dtype=torch.float64)
    return torch.cat([torch.randn(500, dtype=torch.float64), edges])


@pytest.mark.parametrize("name", FLOAT64)
def test_numbers_beside_float64_keep_their_digits(name: str, tmp_path: Path) -> None:
    got, want = engine(FLOAT64[name], values(), tmp_path, "optimised"), FLOAT64[name](values()).numpy()
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", NEUTRAL)
def test_numbers_near_to_neutral_are_not_dropped(name: str, level: str, tmp_path: Path) -> None:
    got, want = engine(NEUTRAL[name], values(), tmp_path, level), NEUTRAL[name](values()).numpy()
    np.testing.assert_allclose(got, want, rtol=2e-7 if "float32" in name else 1e-15, atol=0)
