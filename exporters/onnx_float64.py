"""Operators in ONNX whose float64 torch's exporter or ONNX Runtime lacks, or computes with float32 attributes."""

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


def float64_table() -> dict[Any, Callable[..., Any]]:
    """Torch overload -> traceable function, for ``torch.onnx.export(..., custom_translation_table=...)``."""
    aten = torch.ops.aten
    return {
        aten.leaky_relu.default: _leaky_relu,
        aten.hardtanh.default: _hardtanh,
        aten.hardsigmoid.default: _hardsigmoid,
        aten.hardswish.default: _hardswish,
        aten.addcmul.default: _addcmul,
        aten.addcdiv.default: _addcdiv,
        aten.log2.default: _log2,
        aten.log10.default: _log10,
    }


def _leaky_relu(self: TensorType, negative_slope: float = 0.01) -> Any:
    if self.dtype != ir.DataType.DOUBLE:  # ONNX Runtime has no LeakyRelu of float64
        return _op.LeakyRelu(self, alpha=negative_slope)
    below = _op.Mul(self, _number(negative_slope, self))
    return _op.Where(_op.Greater(self, _number(0.0, self)), self, below)


def _hardtanh(self: TensorType, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    return _op.Clip(self, _number(min_val, self), _number(max_val, self))


def _hardsigmoid(self: TensorType) -> Any:
    shifted = _op.Clip(_op.Add(self, _number(3.0, self)), _number(0.0, self), _number(6.0, self))
    return _op.Div(shifted, _number(6.0, self))


def _hardswish(self: TensorType) -> Any:
    return _op.Mul(self, _hardsigmoid(self))  # the product first would overflow in halves


def _addcmul(self: TensorType, tensor1: TensorType, tensor2: TensorType, value: float = 1.0) -> Any:
    return _op.Add(self, _op.Mul(_op.Mul(_number(value, tensor1), tensor1), tensor2))


def _addcdiv(self: TensorType, tensor1: TensorType, tensor2: TensorType, value: float = 1.0) -> Any:
    return _op.Add(self, _op.Div(_op.Mul(_number(value, tensor1), tensor1), tensor2))


def _log2(self: TensorType) -> Any:
    return _op.Div(_op.Log(self), _number(math.log(2.0), self))


def _log10(self: TensorType) -> Any:
    return _op.Div(_op.Log(self), _number(math.log(10.0), self))


def _number(value: float, beside: Any) -> Any:
    return ir.tensor(value, dtype=beside.dtype)
