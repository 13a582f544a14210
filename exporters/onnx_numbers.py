"""Numbers in ONNX models as they stand in PyTorch models: torch's exporter writes them as float32, and casts then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import onnxscript
import torch
from onnxscript.onnx_types import TensorType

from geocompile.custom_ops.onnx import OPSET

_op = onnxscript.values.Opset("", OPSET)
_UNSET = -1  # what torch.onnx hands on for `dtype=None`
_EMPTY = ir.tensor([], ir.DataType.INT64)


def number_table() -> dict[Any, Callable[..., Any]]:
    """Torch overload -> traceable function, for ``torch.onnx.export(..., custom_translation_table=...)``.

    torch.onnx makes a `scalar_tensor` of most numbers that stand beside tensors, so that few operators are left. The
    exporter of torch 2.10 takes a function only if it names all that the operator takes, `device` included.
    """
    aten = torch.ops.aten
    return {
        aten.scalar_tensor.default: _scalar_tensor,
        aten.full.default: _full,
        aten.full_like.default: _full_like,
        aten.new_full.default: _new_full,
        aten.arange.default: _arange,
        aten.arange.start: _arange_from,
        aten.arange.start_step: _arange_from,
        aten.linspace.default: _linspace,
        aten.pow.Tensor_Scalar: _pow,
        aten.pow.Scalar: _power_of_number,
        aten.masked_fill.Scalar: _masked_fill,
        aten.add.Tensor: _add,
        aten.sub.Tensor: _sub,
    }


def _scalar_tensor(
    s: Any, dtype: int = _UNSET, layout: str = "", device: str = "", pin_memory: bool = False
) -> Any:
    return _typed(s, _dtype_of(dtype, s))


def _full(
    size: Any,
    fill_value: Any,
    dtype: int = _UNSET,
    layout: str = "",
    device: str = "",
    pin_memory: bool = False,
) -> Any:
    return _op.Expand(_typed(fill_value, _dtype_of(dtype, fill_value)), size or _EMPTY)


def _full_like(
    self: TensorType,
    fill_value: Any,
    dtype: int = _UNSET,
    layout: str = "",
    device: str = "",
    pin_memory: bool = False,
    memory_format: str = "",
) -> Any:
    return _op.Expand(_typed(fill_value, _dtype_like(dtype, self)), _op.Shape(self))


def _new_full(
    self: TensorType,
    size: Any,
    fill_value: Any,
    dtype: int = _UNSET,
    layout: str = "",
    device: str = "",
    pin_memory: bool = False,
) -> Any:
    return _op.Expand(_typed(fill_value, _dtype_like(dtype, self)), size or _EMPTY)


def _arange(
    end: Any, dtype: int = _UNSET, layout: str = "", device: str = "", pin_memory: bool = False
) -> Any:
    return _arange_from(0, end, dtype=dtype)


def _arange_from(
    start: Any,
    end: Any,
    step: Any = 1,
    dtype: int = _UNSET,
    layout: str = "",
    device: str = "",
    pin_memory: bool = False,
) -> Any:
    """Floats are counted in float64, as eager does: in float32 there may be one more of them."""
    result = _dtype_of(dtype, start, end, step)
    counted = ir.DataType.DOUBLE if result.is_floating_point() else ir.DataType.INT64
    values = _op.Range(*(_typed(value, counted) for value in (start, end, step)))
    return values if result == counted else _op.Cast(values, to=result)


def _linspace(
    start: Any,
    end: Any,
    steps: int,
    dtype: int = _UNSET,
    layout: str = "",
    device: str = "",
    pin_memory: bool = False,
) -> Any:
    """From both ends to the middle, as eager does."""
    result, double = _dtype_of(dtype, 0.0), ir.DataType.DOUBLE
    first, last, count = (_typed(value, double) for value in (start, end, steps))
    intervals = _op.Sub(count, _typed(1, double))
    places = _op.Cast(_op.Range(*(_typed(value, ir.DataType.INT64) for value in (0, steps, 1))), to=double)
    step = _op.Div(_op.Sub(last, first), intervals)
    forward = _op.Add(first, _op.Mul(step, places))
    backward = _op.Sub(last, _op.Mul(step, _op.Sub(intervals, places)))
    values = _op.Where(_op.Less(places, _op.Div(count, _typed(2, double))), forward, backward)
    return values if result == double else _op.Cast(values, to=result)


def _pow(self: TensorType, exponent: Any) -> Any:
    """An integer to a fractional power is of the default dtype, in which the exporter hands it on."""
    if isinstance(exponent, float) and not self.dtype.is_floating_point():
        return _op.Pow(_op.Cast(self, to=_default_dtype()), _typed(exponent, _default_dtype()))
    return _op.Pow(self, _typed(exponent, self.dtype))


def _power_of_number(self: Any, exponent: TensorType) -> Any:
    if isinstance(self, float) and not exponent.dtype.is_floating_point():
        return _op.Pow(_typed(self, _default_dtype()), _op.Cast(exponent, to=_default_dtype()))
    return _op.Pow(_typed(self, exponent.dtype), exponent)


def _masked_fill(self: TensorType, mask: TensorType, value: Any) -> Any:
    return _op.Where(mask, _typed(value, self.dtype), self)


def _add(self: TensorType, other: Any, alpha: Any = 1) -> Any:
    if self.dtype == ir.DataType.BOOL:
        return _op.Or(self, other) if alpha else _op.Identity(self)
    return _op.Add(self, _times(other, alpha))


def _sub(self: TensorType, other: Any, alpha: Any = 1) -> Any:
    return _op.Sub(self, _times(other, alpha))


def _times(values: Any, factor: Any) -> Any:
    return values if factor == 1 else _op.Mul(values, _typed(factor, values.dtype))


def _typed(value: Any, dtype: ir.DataType) -> Any:
    """A number, or a tensor of one, in a dtype."""
    if isinstance(value, (bool, int, float)):
        number = int(value) if dtype.is_integer() else value
        return _op.Constant(value=ir.tensor(number, dtype=dtype))
    return _op.Cast(value, to=dtype)


def _dtype_of(given: int | None, *values: Any) -> ir.DataType:
    """The dtype that torch gives to a new tensor of these values; one that is computed from a size is an integer."""
    if given not in (None, _UNSET):
        return ir.DataType(given)
    if any(isinstance(value, float) or _is_float(value) for value in values):
        return _default_dtype()
    return ir.DataType.BOOL if all(isinstance(value, bool) for value in values) else ir.DataType.INT64


def _is_float(value: Any) -> bool:
    return isinstance(value, ir.Value) and value.dtype is not None and value.dtype.is_floating_point()


def _dtype_like(given: int | None, like: Any) -> Any:
    return like.dtype if given in (None, _UNSET) else ir.DataType(given)


def _default_dtype() -> ir.DataType:
    return ir.DataType.DOUBLE if torch.get_default_dtype() == torch.float64 else ir.DataType.FLOAT
