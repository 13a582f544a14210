"""Type and shape inference of an operator inside onnx.shape_inference: protobuf types in, protobuf types out."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import onnx.shape_inference

from geocompile.custom_ops.onnx.signature import Dim, Formal, Shape, infer_shapes


def infer_types_and_shapes(
    op_type: str,
    inputs: Sequence[Formal],
    outputs: Sequence[Formal],
    context: onnx.shape_inference.InferenceContext,
) -> None:
    """Sets element type and shape of each output as far as the inputs tell.

    Raises:
        onnx.shape_inference.InferenceError: for an input of a rank that the operator does not take.
    """
    types = [context.get_input_type(i) for i in range(context.get_num_inputs())]
    attribute = context.get_attribute("dim")
    dim = 0 if attribute is None else attribute.i
    try:
        shapes = infer_shapes(inputs, outputs, [_shape_of(type_) for type_ in types], dim)
    except ValueError as error:
        raise onnx.shape_inference.InferenceError(f"{op_type}: {error}") from error
    element_types = {
        f.type: t.tensor_type.elem_type for f, t in zip(inputs, types, strict=True) if t is not None
    }
    element_types["P"] = onnx.TensorProto.INT64
    for i in range(context.get_num_outputs()):
        element_type = element_types.get(outputs[i].type, onnx.TensorProto.UNDEFINED)
        context.set_output_type(i, onnx.helper.make_tensor_type_proto(element_type, shapes[i]))


def _shape_of(type_: onnx.TypeProto | None) -> Shape | None:
    if type_ is None or not type_.tensor_type.HasField("shape"):
        return None
    return tuple(_size_of(dim) for dim in type_.tensor_type.shape.dim)


def _size_of(dim: onnx.TensorShapeProto.Dimension) -> Dim:
    if dim.HasField("dim_value"):
        return dim.dim_value
    return dim.dim_param or None
