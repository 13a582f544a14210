"""ONNX engines: one file that runs with our operator library, and by its function bodies without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
import torch
from torch._guards import detect_fake_mode

import geocompile
from geocompile.custom_ops.onnx import (
    OPSET,
    register_schemas,
    translation_table,
)
from geocompile.errors import ExportError
from geocompile.exporters import EngineFiles
from geocompile.exporters.advice import way_out
from geocompile.exporters.names import with_safe_names
from geocompile.exporters.onnx_activations import activation_table
from geocompile.exporters.onnx_decompositions import spelled_out
from geocompile.exporters.onnx_float64 import float64_table
from geocompile.exporters.onnx_functions import attach_functions
from geocompile.exporters.onnx_graph import name_dimensions, name_stored, tidy
from geocompile.exporters.onnx_kernels import require_float64_kernels
from geocompile.exporters.onnx_numbers import number_table
from geocompile.exporters.onnx_optimiser import keep_numbers, optimise
from geocompile.exporters.onnx_sizes import fractions_as_tensors
from geocompile.exporters.program import CapturedProgram
from geocompile.exporters.quiet import quiet

FILE = "model.onnx"
WEIGHTS = "model.onnx.data"
IR_VERSION = 10  # the newest that ONNX Runtime 1.18 reads
MAX_INLINE_BYTES = 2**31 - 2**24  # a protobuf message ends at 2 GiB; the graph itself needs some of it


def export(program: CapturedProgram, folder: Path) -> EngineFiles:
    """Writes `model.onnx`; weights go to `model.onnx.data` when they would not fit into one protobuf message.

    Every geocompile operator that the graph uses comes with a model-local function in standard operators.

    Raises:
        ExportError: torch's exporter has no translation for an operator, or ONNX Runtime no float64 for it.
    """
    model = to_onnx(program)
    weights = sum(
        value.const_value.nbytes for value in model.graph.initializers.values() if value.const_value
    )
    external = weights > MAX_INLINE_BYTES
    ir.save(model, folder / FILE, external_data=WEIGHTS if external else None)
    register_schemas()  # without them the checker cannot infer the shapes behind our operators
    onnx.checker.check_model(str(folder / FILE), full_check=True)
    return EngineFiles(
        "onnx",
        FILE,
        extra_files=[WEIGHTS] if external else [],
        libraries=["onnxruntime"] if model.functions else [],
        metadata={"onnx": onnx.__version__, "opset": OPSET, "ir_version": IR_VERSION},
    )


def to_onnx(program: CapturedProgram) -> ir.Model:
    """The ONNX model of a captured program: opset 20, people's names, function bodies attached."""
    exported, own_names = with_safe_names(program.exported)
    model = _translate(replace(program, exported=fractions_as_tensors(spelled_out(exported))))
    optimise(model)
    tidy(model)
    keep_numbers(model)
    require_float64_kernels(model, program.model_name)
    name_dimensions(model, program)
    name_stored(model, own_names)
    attach_functions(model)
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = "geocompile", geocompile.__version__
    model.graph.name = program.model_name
    model.doc_string = None
    return model


def _translate(program: CapturedProgram) -> ir.Model:
    with quiet():
        try:
            exported = torch.onnx.export(
                program.exported,
                dynamo=True,
                opset_version=OPSET,
                optimize=False,
                custom_translation_table=_table(),
                input_names=[spec.name for spec in program.inputs],
                output_names=[spec.name for spec in program.outputs],
                verbose=False,
            )
        except Exception as error:  # torch.onnx wraps whatever a translation stumbles over
            raise ExportError(_explain(error, program.model_name)) from error
    _forget_fresh_sizes(program.exported)
    assert exported is not None
    return exported.model


def _table() -> dict[Any, Callable[..., Any]]:
    return {**activation_table(), **float64_table(), **number_table(), **translation_table()}


def _forget_fresh_sizes(exported: torch.export.ExportedProgram) -> None:
    """torch.onnx runs fake kernels anew; the data-dependent sizes that they leave pending would stop AOTInductor."""
    mode = detect_fake_mode([node.meta.get("val") for node in exported.graph.nodes])
    if mode is not None and mode.shape_env is not None:
        mode.shape_env.pending_fresh_unbacked_symbols.clear()


def _explain(error: BaseException, model_name: str) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    reason = lines[0] if lines else type(cause).__name__
    return f"geocompile: {model_name} has no ONNX form: {reason}\n" + way_out("onnx")
