"""The operators in ONNX, domain ``geocompile``: schemas, function bodies in standard operators, translation from torch.

A body makes a model run without our library, with the same results up to rounding and the sign of a zero: max and min
over zeros of both signs give 0.0 in a body, the sign of the first one in a kernel. Indices out of range, negative ones
included, fail in both; only a kernel's message names the argument and the value. None of this imports torch, except
:func:`translation_table`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import onnx
import onnx.defs

from geocompile.custom_ops.onnx import (
    additive_attention,
    coalesce,
    csr_from_coo,
    dense_batch,
    dot_attention,
    fps,
    gat,
    gather_segment_reduce,
    gcn_norm,
    graclus,
    grid_cluster,
    grouped_matmul,
    kernels,
    neighbours,
    scatter,
    segment_reduce,
    selection,
    softmax,
    spline_basis,
)
from geocompile.custom_ops.onnx.operator import DOMAIN, OPSET, VERSION, OnnxOperator

if TYPE_CHECKING:
    import onnx_ir

__all__ = [
    "DOMAIN",
    "OPERATORS",
    "OPSET",
    "OP_TYPES",
    "VERSION",
    "OnnxOperator",
    "function_for",
    "function_proto",
    "register_schemas",
    "schemas",
    "translation_table",
]

OPERATORS: dict[str, OnnxOperator] = {
    operator.op_type: operator
    for family in (
        *(csr_from_coo, segment_reduce, gather_segment_reduce, gcn_norm, scatter, softmax, gat, fps),
        *(dot_attention, additive_attention),
        neighbours,
        *(graclus, grid_cluster, coalesce),
        kernels,
        *(selection, dense_batch, spline_basis),
        grouped_matmul,
    )
    for operator in family.OPERATORS
}
OP_TYPES: tuple[str, ...] = tuple(OPERATORS)


HALVES = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)


def function_proto(op_type: str, value: int = onnx.TensorProto.FLOAT) -> onnx.FunctionProto:
    """The function body of an op type as protobuf, for values of an element type (`onnx.TensorProto.DataType`).

    float32 and float64 share a body, each kind of half has its own, and a model can hold one body of a name: where
    values differ, the halves are to be cast outside.

    It has defaults for its attributes, but onnx's reference evaluator does not read them: write all on the node.

    Raises:
        KeyError: if there is no such op type.
    """
    if op_type not in OPERATORS:
        raise KeyError(f"geocompile: no ONNX operator {op_type!r}; there are {', '.join(OP_TYPES)}")
    return OPERATORS[op_type].function(value if value in HALVES else None)  # type: ignore[arg-type]


def function_for(op_type: str, value: int = onnx.TensorProto.FLOAT) -> onnx_ir.Function:
    """:func:`function_proto`, to be added to ``model.functions``; a new object on each call."""
    import onnx_ir

    return onnx_ir.serde.deserialize_function(function_proto(op_type, value))


@cache
def schemas() -> tuple[onnx.defs.OpSchema, ...]:
    """The schemas of all op types, with type and shape inference."""
    return tuple(operator.schema() for operator in OPERATORS.values())


def register_schemas() -> None:
    """Registers the schemas with ``onnx.defs``; those already there stay."""
    for schema in schemas():
        if not onnx.defs.has(schema.name, DOMAIN):
            onnx.defs.register_schema(schema)


def translation_table() -> dict[Any, Callable[..., Any]]:
    """Torch operators of this package to ONNX, for ``torch.onnx.export(..., custom_translation_table=...)``.

    The model that comes out uses op types of this domain; whoever exports adds :func:`function_for` each of them.
    """
    from geocompile.custom_ops.onnx.translation import translation_table as build

    register_schemas()
    return build()
