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


def _apply(value: ir.Value, spec: TensorSpec) -> None:
    value.name = spec.name
    value.shape = ir.Shape(list(spec.shape))


def _known(size: int | ir.SymbolicDim, known: dict[str, int | str]) -> int | str | None:
    if isinstance(size, int):
        return size
    return known.get(size.value) if size.value is not None else None
