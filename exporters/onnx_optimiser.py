"""ONNX graphs made smaller without a digit lost; ONNX Script's and ONNX Runtime's own ways of doing so lose some."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript import optimizer, rewriter
from onnxscript.rewriter.rules import common as rules

_ROUNDS = 2
_MATRIX_OPERATORS = ("MatMul", "Gemm", "Transpose")
RULES = (
    "cast_cast_rule",
    "cast_constant_of_shape_rule",
    "cast_constant_of_shape_without_value_rule",
    "collapse_slice_rule",
    "collapse_slice2_rule",
    "dropout_inference_rule",
    "flatten_to_reshape_rule",
    "fuse_batchnorm_into_gemm_rule",
    "max_max_rule",
    "min_min_rule",
    "no_op_cast_rule",
    "no_op_dynamic_scatter_nd_rule",
    "no_op_expand_rule",
    "no_op_static_scatter_nd_rule",
    "no_op_transpose_rule",
    "one_reshape_matmul_reshape_rule",
    "reshape_reshape_rule",
    "slice_split_rule",
    "squeeze_reshape_1d_rule",
    "successive_clip_relu_rule",
    "successive_clip_rule",
    "successive_relu_clip_rule",
    "successive_relu_rule",
    "transpose_transpose_rule",
    "two_reshapes_matmul_reshape_rule",
    "unsqueeze_unsqueeze_rule",
)
"""Those of ONNX Script's rewritings that compare no numbers: others take one that is 1e-8 or relative 1e-5 away."""


def optimise(model: ir.Model) -> None:
    """Folds constants and simplifies, as ``torch.onnx.export(..., optimize=True)`` does, except for what loses digits.

    Dropped by that are `x + 1e-15` as `x + 0` and `x * 1.00001` as `x * 1`.
    """
    common.InlinePass()(model)
    known = [getattr(rules, name) for name in RULES if hasattr(rules, name)]
    for _ in range(_ROUNDS):
        optimizer.fold_constants(model, onnx_shape_inference=True)
        rewriter.rewrite(model, known)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.LiftSubgraphInitializersToMainGraphPass()(model)
    common.DeduplicateInitializersPass()(model)


def keep_numbers(model: ir.Model) -> None:
    """Writes float64 operators that ONNX Runtime would drop or round in another way, which computes the same bits."""
    _keep_small_operands(model)
    _keep_factors(model)


def _keep_factors(model: ir.Model) -> None:
    """Puts a Neg between MatMul and a factor, whose sign turns: ONNX Runtime makes it a float32 attribute else."""
    for node in list(ir.traversal.RecursiveGraphIterator(model.graph)):
        if node.domain == "" and node.op_type in ("Mul", "Div"):
            for place in (1, 0) if node.op_type == "Mul" else (1,):
                number, other = _number(node.inputs[place]), node.inputs[1 - place]
                if number is not None and other is not None and not _is_float32(number):
                    _set_apart(node, number, other)


def _set_apart(node: ir.Node, number: np.ndarray, other: ir.Value) -> None:
    producer, graph = other.producer(), node.graph
    assert graph is not None
    is_after = producer is not None and producer.op_type in _MATRIX_OPERATORS
    is_before = any(user.op_type in _MATRIX_OPERATORS for user in node.outputs[0].consumers())
    if not is_after and not is_before:
        return
    turned = _negated(other) if is_after else None
    factor = number if is_after and is_before else -number
    constant = _constant(factor)
    scaled = ir.node(node.op_type, [turned.outputs[0] if turned else other, constant.outputs[0]])
    scaled.outputs[0].type, scaled.outputs[0].shape = node.outputs[0].type, node.outputs[0].shape
    nodes = [
        *([turned] if turned else []),
        constant,
        scaled,
        *([_negated(scaled.outputs[0])] if is_before else []),
    ]
    ir.convenience.replace_nodes_and_values(graph, node, [node], nodes, node.outputs, nodes[-1].outputs)


def _constant(number: np.ndarray) -> ir.Node:
    return ir.node("Constant", [], {"value": ir.AttrTensor("value", ir.tensor(number))})


def _negated(value: ir.Value) -> ir.Node:
    node = ir.node("Neg", [value])
    node.outputs[0].type, node.outputs[0].shape = value.type, value.shape
    return node


def _number(operand: ir.Value | None) -> np.ndarray | None:
    """The one number of float64 that an operand is, if it is such a constant."""
    number = ir.convenience.get_const_tensor(operand) if operand is not None else None
    if number is None or number.dtype != ir.DataType.DOUBLE or number.size != 1:
        return None
    return number.numpy()


def _is_float32(number: np.ndarray) -> bool:
    with np.errstate(over="ignore"):
        return bool((number.astype(np.float32) == number).all())


def _keep_small_operands(model: ir.Model) -> None:
    """NoopElimination (1.18 to 1.31 at least) drops an addition of one constant that is 0 when rounded to float32,
    and a product or quotient by one that is then 1. It leaves Sum, and what is multiplied by a number near -1.
    """
    for node in list(ir.traversal.RecursiveGraphIterator(model.graph)):
        if node.domain == "" and node.op_type in ("Add", "Sub", "Mul", "Div"):
            place = next((i for i in (1, 0) if _looks_neutral(node, i)), None)
            if place == 1 or (place == 0 and node.op_type in ("Add", "Mul")):
                _write_apart(node, place)


def _looks_neutral(node: ir.Node, place: int) -> bool:
    value, neutral = _number(node.inputs[place]), 0.0 if node.op_type in ("Add", "Sub") else 1.0
    if value is None:
        return False
    with np.errstate(over="ignore"):
        return bool((value.astype(np.float32) == neutral).all() and (value != neutral).all())


def _write_apart(node: ir.Node, place: int) -> None:
    number, other, graph = node.inputs[place], node.inputs[1 - place], node.graph
    assert number is not None
    assert other is not None
    value = _number(number)
    assert value is not None
    assert graph is not None
    negated = _constant(-value)
    if node.op_type == "Add":
        nodes = [ir.node("Sum", [other, number])]
    elif node.op_type == "Sub":
        nodes = [negated, ir.node("Sum", [other, negated.outputs[0]])]
    else:
        turned = _negated(other)
        nodes = [negated, turned, ir.node(node.op_type, [turned.outputs[0], negated.outputs[0]])]
    ir.convenience.replace_nodes_and_values(graph, node, [node], nodes, node.outputs, nodes[-1].outputs)
