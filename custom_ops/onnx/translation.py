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
from geocompile.custom_ops.onnx import dot_attention as dot_variants
from geocompile.custom_ops.onnx import fps as fps_variants
from geocompile.custom_ops.onnx import gat as gat_variants
from geocompile.custom_ops.onnx import gather_segment_reduce as gather_variants
from geocompile.custom_ops.onnx import gcn_norm as norm_variants
from geocompile.custom_ops.onnx import graclus as graclus_variants
from geocompile.custom_ops.onnx import grid_cluster as grid_variants
from geocompile.custom_ops.onnx import kernels as kernel_variants
from geocompile.custom_ops.onnx import neighbours as neighbours_variants
from geocompile.custom_ops.onnx import scatter as scatter_variants
from geocompile.custom_ops.onnx import segment_reduce as segment_variants
from geocompile.custom_ops.onnx import softmax as softmax_variants
from geocompile.custom_ops.onnx import spline_basis as spline_variants
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
        ops.segment_softmax.default: _segment_softmax,
        ops.gat_coefficients.default: _gat_coefficients,
        ops.gat_aggregate.default: _gat_aggregate,
        ops.dot_coefficients.default: _dot_coefficients,
        ops.dot_attention.default: _dot_attention,
        ops.additive_coefficients.default: _additive_coefficients,
        ops.additive_attention.default: _additive_attention,
        ops.fps.default: _fps,
        ops.knn.default: _knn,
        ops.radius.default: _radius,
        ops.nearest.default: _nearest,
        ops.graclus.default: _graclus,
        ops.grid_cluster.default: _grid_cluster,
        ops.coalesce.default: _coalesce,
        ops.consecutive.default: _consecutive,
        ops.renumber_edges.default: _renumber_edges,
        ops.gather_kernel_reduce.default: _gather_kernel_reduce,
        ops.gather_sparse_kernel_reduce.default: _gather_sparse_kernel_reduce,
        ops.graph_ptr.default: _graph_ptr,
        ops.topk.default: _topk,
        ops.filter_edges.default: _filter_edges,
        ops.slots.default: _slots,
        ops.to_dense.default: _to_dense,
        ops.from_dense.default: _from_dense,
        ops.spline_basis.default: _spline_basis,
        ops.gaussian_weights.default: _gaussian_weights,
        ops.grouped_matmul.default: _grouped_matmul,
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
    _require_exact("gcn_norm: fill_value", fill_value, like)
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


def _float_dim(name: str, src: Any, dim: int) -> int:
    """`dim` counted from the front, for values that the operators in ONNX take."""
    _require_float(name, "src", src)
    return dim % len(src.shape)


def _is_integer(values: Any) -> bool:
    return values.dtype in (onnx_ir.DataType.INT32, onnx_ir.DataType.INT64)


def _require_number(name: str, value: Any) -> None:
    if not isinstance(value, int):
        raise ValueError(
            f"geocompile.{name} is computed from a size here; in ONNX it is an attribute and must be a number. Give "
            "a number, or leave out the ONNX engine"
        )


def _require_float(name: str, argument: str, values: Any) -> None:
    if _is_integer(values):
        raise ValueError(
            f"geocompile.{name}: in ONNX '{argument}' must be a float tensor, got {values.dtype}; convert it with "
            ".double(), which holds integers up to 2^53 exactly, and the result back"
        )


def _segment_softmax(src: TensorType, rowptr: TensorType, perm: TensorType | None = None) -> Any:
    return getattr(_geocompile, softmax_variants.op_type_of(perm is not None))(*_given(src, rowptr, perm))


def _gat_coefficients(
    rowptr: TensorType,
    col: TensorType,
    source: TensorType,
    target: TensorType,
    edge: TensorType | None = None,
    self_edge: TensorType | None = None,
    negative_slope: float = 0.2,
    self_loops: bool = False,
) -> Any:
    inputs = (rowptr, col, source, target)
    return _gat("gat_coefficients", inputs, edge, self_edge, negative_slope, self_loops)


def _gat_aggregate(
    x: TensorType,
    rowptr: TensorType,
    col: TensorType,
    source: TensorType,
    target: TensorType,
    edge: TensorType | None = None,
    self_edge: TensorType | None = None,
    negative_slope: float = 0.2,
    self_loops: bool = False,
) -> Any:
    inputs = (x, rowptr, col, source, target)
    return _gat("gat_aggregate", inputs, edge, self_edge, negative_slope, self_loops)


def _gat(
    name: str,
    inputs: tuple[TensorType, ...],
    edge: TensorType | None,
    self_edge: TensorType | None,
    negative_slope: float,
    self_loops: bool,
) -> Any:
    """Edges and loops have shares of the scores or neither has: the one that is missing becomes zeros."""
    col, source, target = inputs[-3:]
    _require_exact(f"{name}: negative_slope", negative_slope, source)
    with_edge = edge is not None or self_edge is not None
    if with_edge and self_loops:
        self_edge = _zeros(target, target) if self_edge is None else self_edge
        edge = _zeros(_standard.Gather(source, col, axis=0), source) if edge is None else edge
    operator = getattr(_geocompile, gat_variants.op_type_of(name, with_edge, self_loops))
    return operator(*_given(*inputs, edge, self_edge), negative_slope=float(negative_slope))


def _dot_coefficients(
    query: TensorType,
    key: TensorType,
    rowptr: TensorType,
    col: TensorType,
    scale: float = 1.0,
    edge_query: TensorType | None = None,
    edge: TensorType | None = None,
) -> Any:
    query, edge_query, scale = _scaled(query, edge_query, scale)
    operator = getattr(_geocompile, dot_variants.op_type_of("dot_coefficients", edge is not None))
    return operator(*_given(query, key, rowptr, col, edge_query, edge), scale=float(scale))


def _dot_attention(
    query: TensorType,
    key: TensorType,
    value: TensorType,
    rowptr: TensorType,
    col: TensorType,
    scale: float = 1.0,
    edge_query: TensorType | None = None,
    edge: TensorType | None = None,
) -> Any:
    query, edge_query, scale = _scaled(query, edge_query, scale)
    operator = getattr(_geocompile, dot_variants.op_type_of("dot_attention", edge is not None))
    result = operator(*_given(query, key, value, rowptr, col, edge_query, edge), scale=float(scale))
    if edge is not None:
        return result
    zero, channels = _standard.Constant(value_ints=[0]), _standard.Constant(value_ints=[2])
    return result, _standard.Slice(query, zero, zero, channels)


def _scaled(query: TensorType, edge_query: TensorType | None, scale: float) -> tuple[Any, Any, float]:
    """Queries and scale of the same scores: what an attribute, a float32, cannot hold goes into the queries."""
    if _is_exact(scale, query):
        return query, edge_query, scale
    factor = _standard.Constant(value=onnx_ir.tensor(scale, onnx_ir.DataType.DOUBLE))
    edges = None if edge_query is None else _standard.Mul(edge_query, factor)
    return _standard.Mul(query, factor), edges, 1.0


def _additive_coefficients(
    target: TensorType,
    source: TensorType,
    att: TensorType,
    rowptr: TensorType,
    col: TensorType,
    negative_slope: float = 0.2,
    edge: TensorType | None = None,
    edge_weight: TensorType | None = None,
) -> Any:
    inputs = (target, source, att, rowptr, col, edge, edge_weight)
    return _additive("additive_coefficients", inputs, negative_slope)


def _additive_attention(
    target: TensorType,
    source: TensorType,
    att: TensorType,
    rowptr: TensorType,
    col: TensorType,
    negative_slope: float = 0.2,
    edge: TensorType | None = None,
    edge_weight: TensorType | None = None,
) -> Any:
    inputs = (target, source, att, rowptr, col, edge, edge_weight)
    return _additive("additive_attention", inputs, negative_slope)


def _additive(name: str, inputs: tuple[Any, ...], negative_slope: float) -> Any:
    _require_exact(f"{name}: negative_slope", negative_slope, inputs[0])
    operator = getattr(_geocompile, dot_variants.op_type_of(name, inputs[-1] is not None))
    return operator(*_given(*inputs), negative_slope=float(negative_slope))


def _fps(
    src: TensorType, ratio: float, batch: TensorType | None = None, start: TensorType | None = None
) -> Any:
    operator = getattr(_geocompile, fps_variants.op_type_of(batch is not None, start is not None))
    return operator(*_given(src, batch, start), ratio=float(ratio))


def _knn(
    x: TensorType,
    y: TensorType,
    k: int,
    batch_x: TensorType | None = None,
    batch_y: TensorType | None = None,
    cosine: bool = False,
    skip_self: bool = False,
    neighbours_first: bool = False,
) -> Any:
    operator = getattr(_geocompile, neighbours_variants.op_type_of("knn", batch_x is not None, cosine))
    _require_number("knn: k", k)
    attributes = {"k": k, "skip_self": int(skip_self), "neighbours_first": int(neighbours_first)}
    return operator(*_given(x, y, batch_x, batch_y), **attributes)


def _radius(
    x: TensorType,
    y: TensorType,
    r: float,
    max_num_neighbors: int = 32,
    batch_x: TensorType | None = None,
    batch_y: TensorType | None = None,
    skip_self: bool = False,
    neighbours_first: bool = False,
) -> Any:
    operator = getattr(_geocompile, neighbours_variants.op_type_of("radius", batch_x is not None))
    _require_number("radius: max_num_neighbors", max_num_neighbors)
    radius = _standard.Constant(value=onnx_ir.tensor([r], onnx_ir.DataType.DOUBLE))
    attributes = {"skip_self": int(skip_self), "neighbours_first": int(neighbours_first)}
    inputs = _given(x, y, batch_x, batch_y, radius)
    return operator(*inputs, max_num_neighbors=max_num_neighbors, **attributes)


def _nearest(
    x: TensorType, y: TensorType, batch_x: TensorType | None = None, batch_y: TensorType | None = None
) -> Any:
    operator = getattr(_geocompile, neighbours_variants.op_type_of("nearest", batch_x is not None))
    return operator(*_given(x, y, batch_x, batch_y))


def _graclus(
    rowptr: TensorType, col: TensorType, weight: TensorType | None = None, order: TensorType | None = None
) -> Any:
    operator = getattr(_geocompile, graclus_variants.op_type_of(weight is not None, order is not None))
    return operator(*_given(rowptr, col, weight, order))


def _grid_cluster(
    pos: TensorType,
    size: TensorType,
    start: TensorType | None = None,
    end: TensorType | None = None,
    batch: TensorType | None = None,
) -> Any:
    op_type = grid_variants.op_type_of(start is not None, end is not None, batch is not None)
    return getattr(_geocompile, op_type)(*_given(pos, size, start, end, batch))


def _coalesce(edge_index: TensorType, like: TensorType) -> Any:
    return _geocompile.Coalesce(edge_index, like)


def _consecutive(ids: TensorType) -> Any:
    return _geocompile.Consecutive(ids)


def _renumber_edges(edge_index: TensorType, number: TensorType) -> Any:
    return _geocompile.RenumberEdges(edge_index, number)


def _gather_kernel_reduce(
    x: TensorType, rowptr: TensorType, col: TensorType, weight: TensorType, reduce: str = "sum"
) -> Any:
    return getattr(_geocompile, kernel_variants.op_type_of(reduce))(x, rowptr, col, weight)


def _gather_sparse_kernel_reduce(
    x: TensorType,
    rowptr: TensorType,
    col: TensorType,
    weight: TensorType | None,
    kernel: TensorType,
    like: TensorType,
    reduce: str = "sum",
) -> Any:
    op_type = kernel_variants.sparse_op_type_of(reduce, weight is not None)
    return getattr(_geocompile, op_type)(*_given(x, rowptr, col, weight, kernel, like))


def _graph_ptr(batch: TensorType, like: TensorType | None = None) -> Any:
    return _geocompile.GraphPtr(batch) if like is None else _geocompile.GraphPtrLike(batch, like)


def _topk(score: TensorType, ptr: TensorType, ratio: float) -> Any:
    if int(ctypes.c_float(ratio).value) != int(ratio):
        raise ValueError(
            f"geocompile.topk: an ONNX attribute is a float32, which cannot hold the ratio {ratio}"
        )
    return _geocompile.GraphTopK(score, ptr, ratio=float(ratio))


def _filter_edges(edge_index: TensorType, perm: TensorType, like: TensorType) -> Any:
    return _geocompile.FilterEdges(edge_index, perm, like)


def _slots(ptr: TensorType, like: TensorType) -> Any:
    return _geocompile.Slots(ptr, like)


def _to_dense(x: TensorType, ptr: TensorType, slots: TensorType, fill_value: float = 0.0) -> Any:
    def move(values: Any, fill: float) -> Any:
        return _geocompile.ToDense(values, ptr, slots, fill_value=fill)

    if _is_integer(x):
        return _moved_integers("to_dense", x, fill_value, move)
    _require_exact("to_dense: fill_value", fill_value, x)
    return move(x, float(fill_value))


def _from_dense(dense: TensorType, ptr: TensorType, like: TensorType) -> Any:
    if _is_integer(dense):
        return _moved_integers(
            "from_dense", dense, 0.0, lambda values, _: _geocompile.FromDense(values, ptr, like)
        )
    return _geocompile.FromDense(dense, ptr, like)


def _moved_integers(name: str, values: Any, fill: float, move: Callable[[Any, float], Any]) -> Any:
    """Integers moved by an operator of floats, exactly: in two parts, of which a double can hold each.

    Raises:
        ValueError: The fill is no integer of the dtype, or no float32, which is what an attribute is.
    """
    limit = 2.0 ** (8 * values.dtype.itemsize - 1)
    if not (-limit <= fill < limit and fill == int(fill) and ctypes.c_float(fill).value == fill):
        raise ValueError(
            f"geocompile.{name}: in ONNX 'fill_value' must be an integer that {values.dtype} and float32 hold as it "
            f"is, got {fill}"
        )
    base, int64, double = 2**32, onnx_ir.DataType.INT64, onnx_ir.DataType.DOUBLE
    factor, wide = _standard.Constant(value_ints=[base]), _standard.Cast(values, to=int64)
    upper = _standard.Div(wide, factor)
    lower = _standard.Sub(wide, _standard.Mul(upper, factor))
    upper_fill = float(int(fill / base))
    moved = [
        _standard.Cast(move(_standard.Cast(part, to=double), part_of_fill), to=int64)
        for part, part_of_fill in ((upper, upper_fill), (lower, fill - upper_fill * base))
    ]
    return _standard.Cast(_standard.Add(_standard.Mul(moved[0], factor), moved[1]), to=values.dtype)


def _spline_basis(
    pseudo: TensorType, kernel_size: TensorType, is_open_spline: TensorType, degree: int = 1
) -> Any:
    operator = getattr(_geocompile, spline_variants.op_type_of(degree))
    return operator(pseudo, kernel_size, is_open_spline)


def _gaussian_weights(pseudo: TensorType, mu: TensorType, sigma: TensorType) -> Any:
    return _geocompile.GaussianWeights(pseudo, mu, sigma)


def _grouped_matmul(x: TensorType, ptr: TensorType, weight: TensorType) -> Any:
    return _geocompile.GroupedMatMul(x, ptr, weight)


def _zeros(shaped_like: Any, typed_like: TensorType) -> Any:
    zero = _standard.CastLike(_standard.Constant(value_float=0.0), typed_like)
    return _standard.Expand(zero, _standard.Shape(shaped_like))


def _is_exact(value: float, like: TensorType) -> bool:
    """Whether a float attribute, which is float32 in ONNX, is the value that torch computes with."""
    return like.dtype != onnx_ir.DataType.DOUBLE or math.isnan(value) or ctypes.c_float(value).value == value


def _require_exact(argument: str, value: float, like: TensorType) -> None:
    if not _is_exact(value, like):
        raise ValueError(
            f"geocompile.{argument} {value} is not a float32 (the nearest is {ctypes.c_float(value).value}), and an "
            "ONNX attribute holds no more while this model is float64; use such a value, a float32 model, or another "
            "engine"
        )


def _given(*inputs: Any) -> list[Any]:
    return [value for value in inputs if value is not None]
