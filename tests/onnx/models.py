"""Single-node models of one op type, and the ways to run them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from geocompile.custom_ops import onnx as geocompile_onnx

Array = NDArray[np.generic]


def single_node_model(op_type: str, arrays: list[Array], **attributes: float) -> onnx.ModelProto:
    """A model with every dimension free, carrying the function body of its only node."""
    operator = geocompile_onnx.OPERATORS[op_type]
    types = {f.type: helper.np_dtype_to_tensor_dtype(a.dtype) for f, a in zip(operator.formal_inputs, arrays)}
    inputs = [
        helper.make_tensor_value_info(f.name, helper.np_dtype_to_tensor_dtype(a.dtype), _free_shape(f.name, a.ndim))
        for f, a in zip(operator.formal_inputs, arrays)
    ]
    outputs = [helper.make_tensor_value_info(f.name, types[f.type], None) for f in operator.formal_outputs]
    node = helper.make_node(
        op_type, [i.name for i in inputs], [o.name for o in outputs], domain=geocompile_onnx.DOMAIN, **attributes
    )
    return helper.make_model(
        helper.make_graph([node], op_type, inputs, outputs),
        functions=[geocompile_onnx.function_proto(op_type)],
        opset_imports=[
            helper.make_opsetid("", geocompile_onnx.OPSET),
            helper.make_opsetid(geocompile_onnx.DOMAIN, geocompile_onnx.VERSION),
        ],
        ir_version=10,
    )


def run_onnxruntime(
    model: onnx.ModelProto, arrays: list[Array], library: Path | None = None, num_threads: int = 2
) -> list[Array]:
    """By ONNX Runtime: with the library, by our kernel; without, by the inlined function body."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 3
    if library is not None:
        options.register_custom_ops_library(str(library))
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, _feeds(model, arrays))


def run_reference(model: onnx.ModelProto, arrays: list[Array]) -> list[Array]:
    """By onnx's reference evaluator."""
    return ReferenceEvaluator(model).run(None, _feeds(model, arrays))


def _feeds(model: onnx.ModelProto, arrays: list[Array]) -> dict[str, Array]:
    return {value.name: array for value, array in zip(model.graph.input, arrays)}


def _free_shape(name: str, rank: int) -> list[str]:
    return [f"{name}_dim{d}" for d in range(rank)]
