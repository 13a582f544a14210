"""Fractional arithmetic on sizes as tensors of float64: torch's exporter computes `x.size(0) ** 0.5` in float32."""

from __future__ import annotations

import operator
from contextlib import nullcontext
from typing import Any

import torch
from torch._guards import detect_fake_mode
from torch.fx import Graph, Node

from geocompile.exporters.rewriting import copy_graph, with_graph

_aten = torch.ops.aten
_OF_TENSORS: dict[Any, Any] = {
    operator.add: _aten.add.Tensor,
    operator.sub: _aten.sub.Tensor,
    operator.mul: _aten.mul.Tensor,
    operator.truediv: _aten.div.Tensor,
    operator.pow: _aten.pow.Tensor_Tensor,
    operator.neg: _aten.neg.default,
    torch.sym_sqrt: _aten.sqrt.default,
    torch.sym_float: None,  # all are
}
_READING_TENSORS: dict[Any, Any] = {_aten.pow.Tensor_Scalar: _aten.pow.Tensor_Tensor}


def fractions_as_tensors(exported: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """A copy in which operators read fractional numbers that depend on sizes as tensors, rounded to their dtype.

    What is computed otherwise than by arithmetic stays as it is, and so do operators that take numbers alone.
    """
    if not any(_is_fraction(node) for node in exported.graph.nodes):
        return exported
    graph = copy_graph(exported.graph)
    tensors = _Tensors(graph)
    for node in list(graph.nodes):
        if isinstance(node.target, torch._ops.OpOverload):
            _let_read_tensors(node, tensors)
    graph.eliminate_dead_code()
    graph.lint()
    return with_graph(exported, graph, exported.graph_signature)


class _Tensors:
    """Writes tensors for numbers, in front of the node that is to read them."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._fake_mode = detect_fake_mode([node.meta.get("val") for node in graph.nodes])

    def of(self, number: Any, reader: Node, dtype: torch.dtype) -> Node:
        with self._graph.inserting_before(reader):
            tensor = self._wide(number)
            return (
                tensor if dtype == torch.float64 else self._call(_aten._to_copy.default, tensor, dtype=dtype)
            )

    def _wide(self, number: Any) -> Node:
        if not _is_fraction(number):
            return self._call(_aten.scalar_tensor.default, number, dtype=torch.float64)
        operands = [self._wide(operand) for operand in number.args]
        target = _OF_TENSORS[number.target]
        return operands[0] if target is None else self._call(target, *operands)

    def _call(self, target: Any, *args: Any, **kwargs: Any) -> Node:
        node: Node = self._graph.call_function(target, args, kwargs)
        values = torch.fx.node.map_arg(args, lambda argument: argument.meta["val"])
        with self._fake_mode or nullcontext():
            node.meta["val"] = target(*values, **kwargs)
        return node


def _let_read_tensors(node: Node, tensors: _Tensors) -> None:
    target: Any = _READING_TENSORS.get(node.target, node.target)
    value, formals = node.meta.get("val"), target._schema.arguments
    places = [
        i for i, argument in enumerate(node.args) if _is_computable(argument) and _is_tensor(formals[i])
    ]
    if not places or not isinstance(value, torch.Tensor):
        return
    dtype = value.dtype if value.dtype.is_floating_point else torch.float64
    for i in places:
        node.update_arg(i, tensors.of(node.args[i], node, dtype))
    node.target = target


def _is_fraction(argument: Any) -> bool:
    return isinstance(argument, Node) and isinstance(argument.meta.get("val"), torch.SymFloat)


def _is_computable(argument: Any) -> bool:
    """Whether it is a fraction of which all is known how to compute it on tensors."""
    return _is_fraction(argument) and (
        argument.target in _OF_TENSORS
        and all(not _is_fraction(operand) or _is_computable(operand) for operand in argument.args)
    )


def _is_tensor(formal: Any) -> bool:
    return isinstance(formal.type, torch.TensorType)
