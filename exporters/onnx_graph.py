"""An ONNX graph made readable: names that a person knows, nothing left over from the translation."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common

from geocompile.exporters.program import CapturedProgram, TensorSpec


def tidy(model: ir.Model) -> None:
    """Removes what the translation leaves behind: unused nodes, identities, repeated constants, functions, metadata."""
    passes = [
        common.InlinePass(),
        common.IdentityEliminationPass(),
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedFunctionsPass(),  # type: ignore[no-untyped-call]
        common.RemoveUnusedOpsetsPass(),
        common.ClearMetadataAndDocStringPass(),
    ]
    ir.passes.Sequential(*passes)(model)
    model.metadata_props.clear()
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        if node.op_type.startswith("Reduce") and node.domain == "":
            _count_axes_from_the_front(node)


def _count_axes_from_the_front(node: ir.Node) -> None:
    """Axes -1, -2 as numbers from 0: of a tensor without elements ONNX Runtime 1.31 ignores a negative one."""
    if len(node.inputs) < 2 or node.inputs[0] is None or node.inputs[1] is None or node.graph is None:
        return
    shape, axes = node.inputs[0].shape, ir.convenience.get_const_tensor(node.inputs[1])
    if shape is None or axes is None or all(axis >= 0 for axis in axes.numpy()):
        return
    counted = ir.tensor([int(axis) % len(shape) for axis in axes.numpy()], ir.DataType.INT64)
    constant = ir.node("Constant", [], {"value": ir.AttrTensor("value", counted)})
    node.graph.insert_before(node, constant)
    node.replace_input_with(1, constant.outputs[0])


def name_dimensions(model: ir.Model, program: CapturedProgram) -> None:
    """Gives inputs and outputs the names and symbolic dimensions of the program, and drops the tracer's (`s77`)."""
    known: dict[str, int | str] = {}
    graph = model.graph
    for value, spec in zip([*graph.inputs, *graph.outputs], [*program.inputs, *program.outputs], strict=True):
        if value.shape is not None:
            for size, name in zip(value.shape, spec.shape, strict=True):
                if isinstance(size, ir.SymbolicDim) and size.value is not None:
                    known.setdefault(size.value, name)
    for value, spec in zip(graph.inputs, program.inputs, strict=True):
        _apply(value, spec)
    for value, spec in zip(graph.outputs, program.outputs, strict=True):
        _apply(value, spec)
    for node in ir.traversal.RecursiveGraphIterator(graph):
        for value in node.outputs:
            if value not in graph.outputs and value.shape is not None:
                value.shape = ir.Shape([_known(size, known) for size in value.shape])


def name_stored(model: ir.Model, own_names: dict[str, str]) -> None:
    """Gives parameters, buffers and constants the paths that people know them by, as far as a file can hold them.

    Inputs and outputs keep their names; a parameter of the same name gets a `_`, an intermediate value a number.

    Args:
        model: The model, its inputs and outputs named.
        own_names: The path of each, by the name that it has in the model.
    """
    graph = model.graph
    stored = list(graph.initializers.values())
    taken = {value.name for value in (*graph.inputs, *graph.outputs)}
    taken |= {value.name for value in stored if value.name not in own_names}
    graph.initializers.clear()
    for value in stored:
        if value.name in own_names and value not in graph.outputs:
            value.name = _free(own_names[value.name], value.name, taken)
            taken.add(value.name)
        graph.initializers.add(value)
    common.NameFixPass()(model)


def _free(name: str, otherwise: str, taken: set[str | None]) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: no UTF-8, which protobuf wants
        name = otherwise
    while name in taken:
        name += "_"
    return name


def _apply(value: ir.Value, spec: TensorSpec) -> None:
    value.name = spec.name
    value.shape = ir.Shape(list(spec.shape))


def _known(size: int | ir.SymbolicDim, known: dict[str, int | str]) -> int | str | None:
    if isinstance(size, int):
        return size
    return known.get(size.value) if size.value is not None else None
