"""Numbers in ONNX models as they stand in PyTorch models: torch's exporter rounds some, and drops others."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import onnx_ir as ir
import torch
from onnxscript.rewriter import _matcher, _pattern_ir
from torch.fx import Node
from torch.onnx._internal.exporter import _building, _core
from torch.utils import _pytree as pytree

_FLOAT64 = (torch.float64, torch.complex128)


@contextlib.contextmanager
def exact_numbers() -> Iterator[None]:
    """While it is open, torch's exporter writes numbers of float64 operators with all their digits.

    A number that stands beside a tensor gets the tensor's dtype. One that stands alone first (the `0.6` of
    `x * 0.6`, the fill value of `torch.full`) is a float32 constant in torch 2.13, and a Cast makes it float64
    when its digits are gone. Here it is a float64 constant, if float32 does not hold it and the operator reads
    or gives float64.
    """
    translate, determine = _core._handle_call_function_node_with_lowering, _building._determine_input_dtype
    is_wide = False

    def translate_node(model: Any, node: Node, *args: Any, **kwargs: Any) -> None:
        nonlocal is_wide
        is_wide = any(_has_float64(item) for item in (node, *node.all_input_nodes))
        translate(model, node, *args, **kwargs)

    def determine_dtype(param: Any, number: Any, type_binding: Any) -> ir.DataType:
        dtype = determine(param, number, type_binding)
        is_free = param.type_constraint not in type_binding and len(param.type_constraint.allowed_types) > 1
        lossy = is_wide and is_free and dtype == ir.DataType.FLOAT and not _are_float32(number)
        return ir.DataType.DOUBLE if lossy else dtype

    with (
        mock.patch.object(_core, translate.__name__, translate_node),
        mock.patch.object(_building, determine.__name__, determine_dtype),
    ):
        yield


def _has_float64(node: Node) -> bool:
    values = pytree.tree_leaves(node.meta.get("val"))
    return any(isinstance(value, torch.Tensor) and value.dtype == torch.float64 for value in values)


def _are_float32(number: Any) -> bool:
    """Whether float32 holds a number, or each of a list, to the last digit; what is no number counts as held."""
    if isinstance(number, (list, tuple)):
        return all(_are_float32(item) for item in number)
    if not isinstance(number, float) or number != number:
        return True
    try:
        return bool(struct.unpack("f", struct.pack("f", number))[0] == number)
    except OverflowError:
        return False


@contextlib.contextmanager
def exact_rewriting() -> Iterator[None]:
    """While it is open, ONNX Script's rewriting tells `x + 1e-15` from `x + 0`, and `x * 1.00001` from `x * 1`.

    Its patterns take a number for another that is 1e-8 or relative 1e-5 away, and drop such operators.
    """
    match = _matcher.SimplePatternMatcher._match_constant

    def match_exactly(self: Any, pattern: _pattern_ir.Constant, value: ir.Value) -> bool:
        return match(self, _pattern_ir.Constant(pattern.value, rel_tol=0.0, abs_tol=0.0), value)

    with mock.patch.object(_matcher.SimplePatternMatcher, match.__name__, match_exactly):
        yield


def keep_small_operands(model: ir.Model) -> None:
    """Writes float64 operators that ONNX Runtime would drop in another way, which computes the same bits.

    Its NoopElimination (1.18 to 1.31 at least) drops an addition of one constant that is 0 when rounded to float32,
    and a product or quotient by one that is then 1. It leaves Sum, and what is multiplied by a number near -1.
    """
    for node in list(ir.traversal.RecursiveGraphIterator(model.graph)):
        if node.domain == "" and node.op_type in ("Add", "Sub", "Mul", "Div"):
            place = next((i for i in (1, 0) if _looks_neutral(node, i)), None)
            if place == 1 or (place == 0 and node.op_type in ("Add", "Mul")):
                _write_apart(node, place)


def _looks_neutral(node: ir.Node, place: int) -> bool:
    operand = node.inputs[place]
    number = ir.convenience.get_const_tensor(operand) if operand is not None else None
    if number is None or number.dtype != ir.DataType.DOUBLE or number.size != 1:
        return False
    value, neutral = number.numpy(), 0.0 if node.op_type in ("Add", "Sub") else 1.0
    with np.errstate(over="ignore"):
        return bool((value.astype(np.float32) == neutral).all() and (value != neutral).all())


def _write_apart(node: ir.Node, place: int) -> None:
    number, other, graph = node.inputs[place], node.inputs[1 - place], node.graph
    assert number is not None
    assert other is not None
    tensor = ir.convenience.get_const_tensor(number)
    assert tensor is not None
    assert graph is not None
    negated = ir.node("Constant", [], {"value": ir.AttrTensor("value", ir.tensor(-tensor.numpy()))})
    if node.op_type == "Add":
        nodes = [ir.node("Sum", [other, number])]
    elif node.op_type == "Sub":
        nodes = [negated, ir.node("Sum", [other, negated.outputs[0]])]
    else:
        turned = ir.node("Neg", [other])
        turned.outputs[0].type, turned.outputs[0].shape = other.type, other.shape
        nodes = [negated, turned, ir.node(node.op_type, [turned.outputs[0], negated.outputs[0]])]
    ir.convenience.replace_nodes_and_values(graph, node, [node], nodes, node.outputs, nodes[-1].outputs)
