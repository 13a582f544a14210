"""Activations in ONNX are as accurate as eager where ONNX Runtime's own are not, with and without optimisations."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from geocompile.capture import capture
from geocompile.examples import normalize_examples
from geocompile.exporters import get_exporter
from geocompile.passes import run_passes

ort = pytest.importorskip("onnxruntime")
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "log_sigmoid": functional.logsigmoid,
    "softplus": functional.softplus,
    "softplus_beta": lambda x: functional.softplus(x, beta=2.0),
    "elu": functional.elu,
    "elu_alpha": lambda x: functional.elu(x, alpha=0.3),
    "celu": lambda x: functional.celu(x, alpha=2.0),
    "selu": functional.selu,
    "expm1": torch.expm1,
    "log1p": lambda x: torch.log1p(x.abs()),
    "log1p_negative": lambda x: torch.log1p(-x.abs().clamp(max=1 - 2**-10)),
    "mish": functional.mish,
    "glu": lambda x: functional.glu(torch.stack([torch.ones_like(x), x], dim=1), dim=1).squeeze(1),
    "logaddexp": lambda x: torch.logaddexp(x, -2 * x),
}
ULPS = 8
LEVELS = {"optimised": "ORT_ENABLE_ALL", "plain": "ORT_DISABLE_ALL"}


class Apply(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def values(dtype: torch.dtype) -> Tensor:
    """Both signs, from where rounding to 1 hides everything to where exp overflows."""
    limit = 87.0 if dtype == torch.float32 else 700.0
    sizes = torch.logspace(-9, math.log10(limit), 4000, dtype=torch.float64)
    return torch.cat([-sizes, torch.zeros(1, dtype=torch.float64), sizes]).to(dtype)


def engine(function: Callable[[Tensor], Tensor], x: Tensor, folder: Path, level: str) -> np.ndarray:
    model = Apply(function)
    program, _ = run_passes(capture(model, normalize_examples(model, (x,))))
    files = get_exporter("onnx")(program, folder)
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, LEVELS[level])
    session = ort.InferenceSession(str(folder / files.file), options, providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(None, {"x": x.numpy()})[0]
    return result


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_stays_within_a_few_units_in_the_last_place(name: str, level: str, tmp_path: Path) -> None:
    x = values(torch.float32)
    exact = FUNCTIONS[name](x.double()).numpy()
    actual = engine(FUNCTIONS[name], x, tmp_path, level)
    unit = np.spacing(np.maximum(np.abs(exact), np.finfo(np.float32).tiny).astype(np.float32))
    assert (np.abs(actual - exact) / unit).max() <= ULPS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64_agrees_with_eager(name: str, tmp_path: Path) -> None:
    x = values(torch.float64)
    actual = engine(FUNCTIONS[name], x, tmp_path, "optimised")
    np.testing.assert_allclose(actual, FUNCTIONS[name](x).numpy(), rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nan_and_infinity_are_as_in_eager(name: str, tmp_path: Path) -> None:
    x = torch.tensor([math.nan, math.inf, -math.inf, 100.0, -100.0, -0.0])
    actual = engine(FUNCTIONS[name], x, tmp_path, "optimised")
    np.testing.assert_allclose(actual, FUNCTIONS[name](x).numpy(), rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize("name", ["sigmoid", "silu", "elu", "expm1"])
def test_halves_do_not_overflow_on_the_way(name: str, tmp_path: Path) -> None:
    x = torch.linspace(-14, 9, 500).half()
    actual = engine(FUNCTIONS[name], x, tmp_path, "optimised")
    np.testing.assert_allclose(actual, FUNCTIONS[name](x).numpy(), rtol=2e-3, atol=1e-7)


def test_elu_before_a_normalisation_of_small_numbers(tmp_path: Path) -> None:
    """The normalisation makes the lost digits of exp(x) - 1 the result."""
    norm = nn.LayerNorm(16, elementwise_affine=False, eps=0.0)
    x = torch.randn(50, 16) * 1e-3
    actual = engine(lambda x: norm(functional.elu(x)), x, tmp_path, "optimised")
    exact = norm(functional.elu(x.double())).numpy()
    assert np.abs(actual - exact).max() < 2e-6
