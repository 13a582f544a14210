"""From torch operators to ONNX op types, as functions that torch's ONNX exporter traces."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any

import onnx_ir
import onnxscript
import torch
from onnxscript.onnx_types import TensorType

import geocompile.custom_ops.operators  # noqa: F401  (defines torch.ops.geocompile)
from geocompile.custom_ops.onnx import gather_segment_reduce as gather_variants
from geocompile.custom_ops.onnx import gcn_norm as norm_variants
from geocompile.custom_ops.onnx import scatter as scatter_variants
from geocompile.custom_ops.onnx import segment_reduce as segment_variants
from geocompile.custom_ops.onnx.operator import DOMAIN, OPSET, VERSION

_geocompile = onnxscript.values.Opset(DOMAIN, VERSION)
_standard = onnxscript.values.Opset("", OPSET)


def translation_table() -> dict[Any, Callable[..., Any]]:
    """Torch overload -> traceable function."""
    ops = torch.ops.geocompile
    return {
        ops.csr_from_coo.default: _csr_from_coo,
        ops.batch_ptr.default: _batch_ptr,
        ops.segment_reduce.default: _segment_reduce,
        ops.gather_segment_reduce.default: _gather_segment_reduce,
        ops.gcn_norm.default: _gcn_norm,
        ops.scatter.default: _scatter,
        ops.scatter_arg.default: _scatter_arg,
    }


def _csr_from_coo(index: TensorType, like: TensorType, other: TensorType | None = None) -> Any:
    if other is not None:
        return _geocompile.CsrFromCoo(index, like, other)
    zero = _standard.Constant(value_ints=[0])
    return (*_geocompile.CsrFromIndex(index, like), _standard.Slice(index, zero, zero, zero))


def _batch_ptr(batch: TensorType) -> Any:
    return _geocompile.BatchPtr(batch)


def _segment_reduce(
    src: TensorType, rowptr: TensorType, perm: TensorType | None = None, reduce: str = "sum"
) -> Any:
    inputs = _given(src, rowptr, perm)
    return getattr(_geocompile, segment_variants.op_type_of(reduce, perm is not None))(*inputs)


def _gather_segment_reduce(
    x: TensorType,
    rowptr: TensorType,
    col: TensorType,
    weight: TensorType | None = None,
    self_weight: TensorType | None = None,
    reduce: str = "sum",
) -> Any:
    op_type = gather_variants.op_type_of(reduce, weight is not None, self_weight is not None)
    return getattr(_geocompile, op_type)(*_given(x, rowptr, col, weight, self_weight))


def _gcn_norm(
    rowptr: TensorType,
    col: TensorType,
    like: TensorType,
    weight: TensorType | None = None,
    fill_value: float = 1.0,
    add_self_loops: bool = True,
) -> Any:
    _require_exact(fill_value, like)
    operator = getattr(_geocompile, norm_variants.op_type_of(weight is not None))
    inputs = _given(rowptr, col, like, weight)
    return operator(*inputs, fill_value=float(fill_value), add_self_loops=int(add_self_loops))


def _scatter(src: TensorType, index: TensorType, like: TensorType, dim: int = 0, reduce: str = "sum") -> Any:
    operator = getattr(_geocompile, scatter_variants.op_type_of(reduce))
    return operator(src, index, like, dim=_float_dim("scatter", src, dim))


def _scatter_arg(
    src: TensorType, index: TensorType, like: TensorType, dim: int = 0, reduce: str = "max"
) -> Any:
    operator = getattr(_geocompile, scatter_variants.op_type_of(reduce, with_arg=True))
    return operator(src, index, like, dim=_float_dim("scatter_arg", src, dim))


def _float_dim(name: str, src: TensorType, dim: int) -> int:
    """`dim` counted from the front, for values that the operators in ONNX take."""
    if src.dtype in (onnx_ir.DataType.INT32, onnx_ir.DataType.INT64):
        raise ValueError(
            f"geocompile.{name}: in ONNX 'src' must be a float tensor, got {src.dtype}; convert it with .double(), "
            "which holds integers up to 2^53 exactly, and the result back"
        )
    return dim % len(src.shape)


def _require_exact(fill_value: float, like: TensorType) -> None:
    """A float attribute is float32 in ONNX: what it cannot hold would differ from torch where the rest is float64."""
    nearest = ctypes.c_float(fill_value).value
    if like.dtype == onnx_ir.DataType.DOUBLE and not (nearest == fill_value or math.isnan(fill_value)):
        raise ValueError(
            f"geocompile.gcn_norm: fill_value {fill_value} is not a float32 (the nearest is {nearest}), and an ONNX "
            "attribute holds no more while this model is float64; use such a value, a float32 model, or another engine"
        )


def _given(*inputs: Any) -> list[Any]:
    return [value for value in inputs if value is not None]
