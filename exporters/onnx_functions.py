"""The function bodies that an ONNX model carries, so that it runs where our operator library is not."""

from __future__ import annotations

import onnx_ir as ir

from geocompile.custom_ops.onnx import DOMAIN, OPERATORS, VERSION, function_for

_HALVES = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16)


def attach_functions(model: ir.Model) -> None:
    """Adds a model-local function in standard operators for each geocompile operator that the model uses."""
    nodes: dict[str, list[ir.Node]] = {}
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        if node.domain == DOMAIN:
            nodes.setdefault(node.op_type, []).append(node)
    for op_type in sorted(nodes):
        function = function_for(op_type, _one_dtype(nodes[op_type]).value)
        model.functions[function.identifier()] = function
        model.opset_imports.update(
            {k: v for k, v in function.opset_imports.items() if k not in model.opset_imports}
        )
    if nodes:
        model.opset_imports[DOMAIN] = VERSION


def _one_dtype(nodes: list[ir.Node]) -> ir.DataType:
    """The dtype whose function body serves all nodes of one op type; halves among others are cast on the way.

    A model holds one body of a name. float32 and float64 share one; each kind of half has its own.
    """
    dtypes = {_value_dtype(node) for node in nodes}
    if len(dtypes) == 1:
        return dtypes.pop()
    if dtypes & {*_HALVES}:
        for node in nodes:
            if _value_dtype(node) in _HALVES:
                _in_float32(node)
    return ir.DataType.FLOAT


def _value_dtype(node: ir.Node) -> ir.DataType:
    formals = OPERATORS[node.op_type].formal_inputs
    values = [v for f, v in zip(formals, node.inputs, strict=True) if f.type == "T" and v is not None]
    dtype = values[0].dtype if values else None
    return ir.DataType.FLOAT if dtype is None else dtype


def _in_float32(node: ir.Node) -> None:
    """Casts the values that go into a node to float32, and those that come out back."""
    half, graph, operator = _value_dtype(node), node.graph, OPERATORS[node.op_type]
    assert graph is not None
    for i, (formal, value) in enumerate(zip(operator.formal_inputs, node.inputs, strict=True)):
        if formal.type == "T" and value is not None:
            cast = _cast(value, ir.DataType.FLOAT)
            graph.insert_before(node, cast)
            node.replace_input_with(i, cast.outputs[0])
    for formal, value in zip(operator.formal_outputs, node.outputs, strict=True):
        if formal.type == "T":
            users = list(value.uses())
            value.dtype = ir.DataType.FLOAT
            cast = _cast(value, half)
            graph.insert_after(node, cast)
            for user, index in users:
                user.replace_input_with(index, cast.outputs[0])
            _replace_output(graph, value, cast.outputs[0])


def _cast(value: ir.Value, dtype: ir.DataType) -> ir.Node:
    node = ir.node("Cast", [value], {"to": ir.AttrInt64("to", dtype.value)})
    node.outputs[0].dtype, node.outputs[0].shape = dtype, value.shape
    return node


def _replace_output(graph: ir.Graph | ir.Function, old: ir.Value, new: ir.Value) -> None:
    """`new` takes the place and the name of `old` among the graph's outputs."""
    for i, output in enumerate(graph.outputs):
        if output is old:
            new.name, old.name = old.name, f"{old.name}_float32"
            graph.outputs[i] = new
