"""Operators that ONNX Runtime has for float32 alone: a float64 model with one of them would not open, or not run."""

from __future__ import annotations

import onnx_ir as ir

from geocompile.errors import ExportError
from geocompile.exporters.advice import way_out

WITHOUT_FLOAT64 = frozenset(
    {
        *("AveragePool", "Conv", "ConvTranspose", "GRU", "GlobalAveragePool", "GlobalMaxPool"),
        *("InstanceNormalization", "LRN", "LSTM", "LpPool", "RNN"),
    }
)
"""Without a float64 kernel on the CPU in ONNX Runtime 1.31 (each tried), among those that torch's exporter writes."""


def require_float64_kernels(model: ir.Model, model_name: str) -> None:
    """Checks that ONNX Runtime can run all float64 operators of a model.

    Raises:
        ExportError: It cannot run one of them.
    """
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        if node.domain == "" and node.op_type in WITHOUT_FLOAT64 and _is_wide(node):
            raise ExportError(
                f"geocompile: {model_name} has no ONNX form: ONNX Runtime has no {node.op_type} of float64; compile "
                "the model in float32\n" + way_out("onnx")
            )


def _is_wide(node: ir.Node) -> bool:
    return any(
        value is not None and value.dtype == ir.DataType.DOUBLE for value in (*node.inputs, *node.outputs)
    )
