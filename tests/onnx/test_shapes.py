"""Types and shapes are known before a kernel runs: to onnx by our schemas, to ONNX Runtime by the library."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.shape_inference
import pytest

from geocompile.custom_ops import onnx as operators
from geocompile.custom_ops.onnx.signature import infer_shapes, parse_formals
from tests.onnx.models import Call, call_of, model_of, session
from tests.operators.cases import cases

ONE_OF_EACH = {call_of(case).op_type: call_of(case) for case in cases() if "heavy" not in case.name}
# Sizes that are read from the values.
DATA_DEPENDENT = {"BatchPtr", "Coalesce", "Consecutive"} | {
    t for t in operators.OP_TYPES if t.startswith(("Fps", "Knn", "Radius"))
}
# The number of graphs, of nodes or of edges is read from the values.
DATA_DEPENDENT |= {"GraphPtr", "GraphTopK", "FilterEdges", "Slots"}
# The number of terms of a spline is a power of its number of dimensions.
DATA_DEPENDENT |= {"SplineBasisLinear", "SplineBasisQuadratic", "SplineBasisCubic"}


def inferred_by_onnx(model: onnx.ModelProto) -> list[tuple[int, list[str | int | None]]]:
    operators.register_schemas()
    outputs = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph.output
    types = [value.type.tensor_type for value in outputs]
    return [(t.elem_type, [_size_of(dim) for dim in t.shape.dim]) for t in types]


def _size_of(dim: onnx.TensorShapeProto.Dimension) -> str | int | None:
    if dim.HasField("dim_value"):
        return dim.dim_value
    return None if dim.dim_param.startswith("unk__") else dim.dim_param  # unk__: a name that onnx made up


@pytest.mark.parametrize("call", ONE_OF_EACH.values(), ids=ONE_OF_EACH.keys())
def test_onnx_infers_type_and_rank_of_every_output(call: Call) -> None:
    model = model_of(call)
    outputs = inferred_by_onnx(model)
    assert [t for t, _ in outputs] == [v.type.tensor_type.elem_type for v in model.graph.output]
    if call.op_type not in DATA_DEPENDENT:
        assert all(None not in shape for _, shape in outputs)


@pytest.mark.parametrize("call", ONE_OF_EACH.values(), ids=ONE_OF_EACH.keys())
def test_onnxruntime_with_the_library_infers_what_the_schema_infers(call: Call) -> None:
    model = model_of(call, with_function=False)
    by_schema = [shape for _, shape in inferred_by_onnx(model)]
    by_library = [output.shape for output in session(model, library=True).get_outputs()]
    # The C API cannot say that one size is unknown: such a shape is left open as a whole.
    assert by_library == [[] if None in shape else shape for shape in by_schema]


def test_registering_twice_changes_nothing() -> None:
    operators.register_schemas()
    operators.register_schemas()
    for op_type in operators.OP_TYPES:
        schema = onnx.defs.get_schema(op_type, operators.VERSION, operators.DOMAIN)
        function = operators.function_proto(op_type)
        assert [i.name for i in schema.inputs] == list(function.input)
        assert [o.name for o in schema.outputs] == list(function.output)


def test_functions_use_standard_operators_only() -> None:
    for op_type in operators.OP_TYPES:
        function = operators.function_proto(op_type)
        assert {node.domain for node in function.node} == {""}
        assert [(o.domain, o.version) for o in function.opset_import] == [("", operators.OPSET)]


def test_an_unknown_op_type_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(KeyError, match=r"no ONNX operator 'SegmentMedian'.*SegmentSum"):
        operators.function_proto("SegmentMedian")


def test_like_of_another_size_tells_no_shape() -> None:
    """It gives GcnNorm its dtype only."""
    call = Call("GcnNorm", [np.array([0, 1, 2]), np.array([1, 0]), np.ones((5, 3), np.float32)])
    model = model_of(call, with_function=False)
    for value, array in zip(model.graph.input, call.inputs, strict=True):
        for dim, size in zip(value.type.tensor_type.shape.dim, array.shape, strict=True):
            dim.dim_value = size
    assert [shape for _, shape in inferred_by_onnx(model)] == [[2], [2]]
    assert [output.shape for output in session(model, library=True).get_outputs()] == [[2], [2]]


def test_sizes_follow_from_letters() -> None:
    inputs, outputs = (
        parse_formals("x: T[M, ...], rowptr: I[N + 1]"),
        parse_formals("out: T[N, ...], r: I[N + 1]"),
    )
    assert infer_shapes(inputs, outputs, [("m", 3, "c"), ("n + 1",)]) == [("n", 3, "c"), ("n + 1",)]
    assert infer_shapes(inputs, outputs, [(5,), (9,)]) == [(8,), (9,)]
    assert infer_shapes(inputs, outputs, [None, ("rows",)]) == [None, (None,)]


def test_a_wrong_rank_is_refused_by_name() -> None:
    call = Call("BatchPtr", [np.zeros((2, 2), np.int64)])
    with pytest.raises(onnx.shape_inference.InferenceError, match="BatchPtr: 'batch' must have 1 dimension"):
        inferred_by_onnx(model_of(call))
