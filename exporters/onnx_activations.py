"""Activation functions in ONNX as accurate as eager's: ONNX Runtime's own are not, or lack float64.

Measured on ONNX Runtime 1.31, float32, in units in the last place: Sigmoid(-10) is off by 50,000, Elu(-1e-6) by
millions, and both are the whole value in the end. What is written here stays within 8.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import onnxscript
import torch
from onnxscript.onnx_types import TensorType

from geocompile.custom_ops.onnx import OPSET

_op = onnxscript.values.Opset("", OPSET)
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al. 2017, as torch has them
_HALVES = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16)


def activation_table() -> dict[Any, Callable[..., Any]]:
    """Torch overload -> traceable function, for ``torch.onnx.export(..., custom_translation_table=...)``."""
    aten = torch.ops.aten
    return {
        aten.sigmoid.default: _translated(_sigmoid),
        aten.silu.default: _translated(_silu),
        aten.log_sigmoid.default: _translated(_log_sigmoid),
        aten.expm1.default: _translated(_expm1),
        aten.special_expm1.default: _translated(_expm1),
        aten.log1p.default: _translated(_log1p),
        aten.mish.default: _translated(_mish),
        aten.selu.default: _selu,
        aten.elu.default: _elu,
        aten.celu.default: _celu,
        aten.softplus.default: _softplus,
        aten.glu.default: _glu,
        aten.logaddexp.default: _logaddexp,
    }


_Number = Callable[[float], Any]
"""A number as a constant of the dtype in which a formula is computed."""


def _sigmoid(x: Any, number: _Number) -> Any:
    return _op.Div(number(1), _op.Add(_op.Exp(_op.Neg(x)), number(1)))


def _silu(x: Any, number: _Number) -> Any:
    return _op.Div(x, _op.Add(_op.Exp(_op.Neg(x)), number(1)))


def _log_sigmoid(x: Any, number: _Number) -> Any:
    return _op.Neg(_log_of_one_plus_exp(_op.Neg(x), number))


def _mish(x: Any, number: _Number) -> Any:
    return _op.Mul(x, _op.Tanh(_log_of_one_plus_exp(x, number)))


def _expm1(x: Any, number: _Number) -> Any:
    """Nothing cancels in the first form below 1; above it exp(x) - 1 is as good."""
    return _op.Where(_op.Less(x, number(1)), _expm1_below_one(x, number), _op.Sub(_op.Exp(x), number(1)))


def _expm1_below_one(x: Any, number: _Number) -> Any:
    """exp(x) - 1 = 2t / (1 - t) with t = tanh(x / 2)."""
    t = _op.Tanh(_op.Mul(x, number(0.5)))
    return _op.Div(_op.Mul(t, number(2)), _op.Sub(number(1), t))


def _log1p(x: Any, number: _Number) -> Any:
    """log(u) x / (u - 1) with u = 1 + x as rounded: the error of u cancels (Kahan 1982)."""
    u = _op.Add(x, number(1))
    rounded = _op.Sub(u, number(1))
    corrected = _op.Where(_op.Equal(rounded, number(0)), x, _op.Mul(_op.Log(u), _op.Div(x, rounded)))
    return _op.Where(_op.Less(_op.Abs(x), number(1)), corrected, _op.Log(u))


def _log_of_one_plus_exp(x: Any, number: _Number) -> Any:
    """max(x, 0) + log1p(exp(-|x|)), which cannot overflow; the maximum is written so that NaN stays NaN."""
    positive = _op.Where(_op.Greater(x, number(0)), x, number(0))
    return _op.Add(positive, _log1p(_op.Exp(_op.Neg(_op.Abs(x))), number))


def _softplus(self: TensorType, beta: float = 1.0, threshold: float = 20.0) -> Any:
    def formula(x: Any, number: _Number) -> Any:
        scaled = _op.Mul(x, number(beta))
        smooth = _op.Div(_log_of_one_plus_exp(scaled, number), number(beta))
        return _op.Where(_op.Greater(scaled, number(threshold)), x, smooth)

    return _translated(formula)(self)


def _selu(self: TensorType) -> Any:
    return _elu(self, _SELU_ALPHA, _SELU_SCALE)


def _celu(self: TensorType, alpha: float = 1.0) -> Any:
    return _elu(self, alpha, input_scale=1.0 / alpha)


def _elu(self: TensorType, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    """scale x where x > 0, else scale alpha (exp(input_scale x) - 1)."""

    def formula(x: Any, number: _Number) -> Any:
        curve = _expm1_below_one(_op.Mul(x, number(input_scale)) if input_scale != 1 else x, number)
        below = _op.Mul(curve, number(alpha * scale)) if alpha * scale != 1 else curve
        return _op.Where(_op.Greater(x, number(0)), _op.Mul(x, number(scale)) if scale != 1 else x, below)

    return _translated(formula)(self)


def _glu(self: TensorType, dim: int = -1) -> Any:
    value, gate = _op.Split(self, axis=dim, num_outputs=2)
    gate.dtype = self.dtype
    return _op.Mul(value, _translated(_sigmoid)(gate))


def _logaddexp(self: TensorType, other: TensorType) -> Any:
    """max + log(1 + exp(-|difference|)): exp alone overflows; equal infinities would differ by NaN."""
    number = _numbers(self.dtype)
    closeness = _op.Exp(_op.Neg(_op.Abs(_op.Sub(self, other))))
    apart = _op.Add(_op.Max(self, other), _log1p(closeness, number))
    return _op.Where(_op.Equal(self, other), _op.Add(self, number(math.log(2.0))), apart)


def _translated(formula: Callable[[Any, _Number], Any]) -> Callable[..., Any]:
    """Halves are computed in float32, as eager does: they overflow on the way where the result does not."""

    def translated(self: TensorType) -> Any:
        if self.dtype not in _HALVES:
            return formula(self, _numbers(self.dtype))
        wide = _op.Cast(self, to=ir.DataType.FLOAT)
        return _op.Cast(formula(wide, _numbers(ir.DataType.FLOAT)), to=self.dtype)

    return translated


def _numbers(dtype: Any) -> _Number:
    return lambda value: ir.tensor(value, dtype=dtype)
