"""Numbers that stand in a model keep their digits in ONNX, however small or near to 1, optimised and plain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from onnxscript.rewriter.rules import common as rules
from torch import Tensor
from torch.nn import functional

from geocompile.errors import ExportError
from geocompile.exporters.onnx_optimiser import RULES
from tests.exporters.test_onnx_activations import LEVELS, engine

WEIGHT = torch.tensor([0.3, 0.7, -0.1, 1.1], dtype=torch.float64)
VARIANCE, SQUARE = WEIGHT.abs(), torch.outer(WEIGHT, WEIGHT)
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
    "new_full": lambda x: x + x.new_full((1,), 0.1),
    "fill": lambda x: x + torch.empty_like(x).fill_(0.3),
    "arange": lambda x: x[:, None] + torch.arange(0, 1.8, 0.3, dtype=x.dtype),
    "linspace": lambda x: x[:, None] + torch.linspace(0.1, 1.7, 6, dtype=x.dtype),
    "root_of_size": lambda x: x / x.size(0) ** 0.5,
    "fraction_of_size": lambda x: x * (x.size(0) * 0.1 - 0.3) + torch.sym_sqrt(x.size(0)),
    "addmm": lambda x: torch.addmm(WEIGHT, columns(x), SQUARE, beta=0.7, alpha=0.3)[:, 0],
    "factor_of_matmul": lambda x: ((columns(x) @ SQUARE) * 0.3)[:, 0],
    "factor_before_matmul": lambda x: ((columns(x) / 0.3) @ SQUARE)[:, 0],
    "factor_between": lambda x: (((columns(x) @ SQUARE) * 0.3) @ SQUARE)[:, 0],
    "layer_norm": lambda x: functional.layer_norm(columns(x), [4], WEIGHT, VARIANCE, eps=0.1),
    "group_norm": lambda x: functional.group_norm(columns(x), 2, WEIGHT, VARIANCE, eps=0.1),
    "instance_norm": lambda x: functional.instance_norm(columns(x)[:, None].expand(-1, 2, -1), eps=0.1),
    "batch_norm": lambda x: functional.batch_norm(columns(x), WEIGHT, VARIANCE, WEIGHT, VARIANCE, eps=0.1),
    "normalize": lambda x: functional.normalize(columns(x), p=3.0),
    "deg2rad": torch.deg2rad,
    "rad2deg": torch.rad2deg,
    "sinc": torch.sinc,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "prelu": lambda x: functional.prelu(columns(x), WEIGHT),
    "erf": lambda x: torch.erf(torch.cat([x, 9 * x, 1e-9 * x])),
    "erfc": lambda x: torch.erfc(torch.cat([x, 4 * x])),
    "ndtr": torch.special.ndtr,
    "atan": lambda x: torch.atan(torch.cat([x, 1e9 * x, 1e-9 * x])),
    "atan2": lambda x: torch.atan2(x, x.flip(0)),
    "asin": lambda x: torch.asin(x.tanh()),
    "acos": lambda x: torch.acos(x.tanh()),
    "tan": torch.tan,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "asinh": lambda x: torch.asinh(torch.cat([x, 1e200 * x])),
    "acosh": lambda x: torch.acosh(x.abs() + 1),
    "atanh": lambda x: torch.atanh(x.tanh()),
}
if torch.__version__ >= "2.13":  # 2.10 cannot capture it
    FLOAT64["power_of_size"] = lambda x: x.abs() ** (x.size(0) / 7)
NEUTRAL: dict[str, Callable[[Tensor], Tensor]] = {
    "add": lambda x: (x.abs() + 1e-100).log(),
    "add_float32": lambda x: (x.abs().float() + 1e-15).log().double(),
    "sub": lambda x: -(x.abs() - 1e-100).sign(),
    "mul": lambda x: -(x.abs() * (1 + 1e-9)),
    "mul_in_front": lambda x: -((1 - 1e-9) * x.abs()),
    "mul_float32": lambda x: -(x.abs().float() * (1 + 5e-6)).double(),
    "div": lambda x: -(x.abs() / (1 + 1e-9)),
}


def columns(x: Tensor) -> Tensor:
    return torch.stack([x, x * x, x + 1, x - 2], dim=1)


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


def test_operators_without_float64_in_onnx_runtime_are_named(tmp_path: Path) -> None:
    kernel = torch.ones(1, 1, 3, dtype=torch.float64)
    with pytest.raises(
        ExportError, match="ONNX Runtime has no Conv of float64; compile the model in float32"
    ):
        engine(
            lambda x: functional.conv1d(x[:, None, None].expand(-1, 1, 5), kernel),
            values(),
            tmp_path,
            "plain",
        )


def test_onnx_script_still_has_the_rewritings_that_are_asked_for() -> None:
    assert [name for name in RULES if not hasattr(rules, name)] == []
