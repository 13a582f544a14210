"""Writes `reproduce.py`: a small program with its data that shows a fault without the model's code."""

from __future__ import annotations

import contextlib
import io
import runpy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from geocompile.exporters.program import CapturedProgram
from geocompile.verification.bisection import showing
from geocompile.verification.bisection.budget import Budget
from geocompile.verification.bisection.cutting import Piece
from geocompile.verification.bisection.nodes import layer_of, stored_tensors
from geocompile.verification.bisection.source import Source, write_source
from geocompile.verification.bisection.values import NodeValues
from geocompile.verification.fault import DATA, ONNX, SCRIPT, SCRIPT_FILES, Fault
from geocompile.verification.inputs import Array


@dataclass(frozen=True)
class Demand:
    """What a script must show.

    Attributes:
        fault: The fault.
        program: The program that pieces are cut from.
        values: What its nodes are worth.
        expected: What is right at the piece's output, where that is not in `values`: eager's own value.
        raises: Whether the fault is that the value cannot be computed at all.
        portable: Whether ONNX runs without our operators.
    """

    fault: Fault
    program: CapturedProgram
    values: NodeValues
    expected: Array | None = None
    raises: bool = False
    portable: bool = False


def write_script(folder: Path, demand: Demand, pieces: Iterable[Piece], budget: Budget) -> bool:
    """Write the script of the first of these pieces that shows the fault; whether there is one.

    Each is run before it is believed. Where none shows it, nothing is left behind.

    Raises:
        OutOfTime: The limit was reached before one was found.
    """
    shown = False
    try:
        for piece in pieces:
            with budget.step(f"trying a script of {len(piece.nodes)} nodes"):
                shown = _write(folder, demand, piece) and _shows(folder, demand, piece)
            if shown:
                return True
        return False
    finally:
        if not shown:
            remove_script(folder)


def remove_script(folder: Path) -> None:
    """Remove the script and its data, and nothing else."""
    for name in SCRIPT_FILES:
        (folder / name).unlink(missing_ok=True)


def _write(folder: Path, demand: Demand, piece: Piece) -> bool:
    try:
        source = write_source(piece)
    except ValueError:  # a target or an argument without source text
        return False
    if not piece.inputs or any(node.name not in demand.values for node in piece.inputs):
        return False
    (folder / DATA).write_bytes(save(_data(demand, piece, source)))  # with the rights that other files get
    (folder / SCRIPT).write_text(_text(demand, piece, source), encoding="utf-8")
    return True


def _data(demand: Demand, piece: Piece, source: Source) -> dict[str, torch.Tensor]:
    values, name, stored = demand.values, piece.output.name, stored_tensors(demand.program)
    inputs = {f"input.{argument}": values.eager(node) for node, argument in source.arguments.items()}
    expected = values.exact(name) if demand.expected is None else demand.expected
    arrays = {**inputs, "expected": expected, "bound": values.allowed(name)}
    tensors = {key: torch.from_numpy(np.array(array)) for key, array in arrays.items()}
    return tensors | {
        f"weight.{key}": stored[node].clone().contiguous() for key, node in source.weights.items()
    }


def _text(demand: Demand, piece: Piece, source: Source) -> str:
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    fault, code = demand.fault, "\n".join(source.lines)
    return environment.get_template(f"{SCRIPT}.j2").render(
        title=_plain(f"Shows a fault: {fault.sentence().partition('. ')[0]}."),
        part=_plain(f"What is needed of the model's graph; layer {layer_of(piece.output) or 'unknown'}."),
        data=DATA,
        onnx=fault.stage == "exporter" and fault.target.startswith("onnx"),
        raises=demand.raises,
        dtype=demand.values.eager(piece.output.name).dtype,
        who=_plain(_who(fault)),
        uses_math="math." in code,
        uses_operator="operator." in code,
        arguments=repr(list(source.arguments.values())),
        signature=", ".join(source.arguments.values()),
        weights=list(source.weights),
        lines=source.lines,
        call=_computation(demand, piece, source),
    )


def _computation(demand: Demand, piece: Piece, source: Source) -> str:
    """The call that computes the value in the way that was wrong."""
    fault = demand.fault
    dynamic = {source.arguments[name]: sizes for name, sizes in piece.dynamic.items()}
    if fault.stage == "capture":
        return "showing.as_captured(Part(), inputs)"
    if fault.stage == "pass":
        return f'showing.after_pass(Part(), inputs, {dynamic}, "{fault.pass_name}")'
    target = fault.target.partition(" ")[0]
    portable = ", portable=True" if demand.portable else ""
    return f'showing.by_engine(Part(), inputs, {dynamic}, "{target}"{portable})'


def _who(fault: Fault) -> str:
    if fault.stage == "capture":
        return "what capture made of the layer"
    return f"the graph after {fault.pass_name}" if fault.stage == "pass" else fault.target


def _plain(text: str) -> str:
    """Text that can stand between quotes."""
    return text.replace("\\", "/").replace('"', "'")


def _shows(folder: Path, demand: Demand, piece: Piece) -> bool:
    """Whether the script, as it was written, shows the fault; for ONNX its file is kept."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            scope: dict[str, Any] = runpy.run_path(str(folder / SCRIPT))
            expected, bound = scope["tensors"]["expected"], scope["tensors"]["bound"]
            dtype = str(demand.values.eager(piece.output.name).dtype)
            code = showing.show(scope["compute"], expected, bound, dtype, "it", demand.raises)
            if code == showing.SHOWN and demand.fault.target.startswith("onnx"):
                _keep_onnx(folder, demand, piece, scope)
    except Exception:  # a piece that cannot stand alone raises anything; then it shows nothing
        return False
    return code == showing.SHOWN


def _keep_onnx(folder: Path, demand: Demand, piece: Piece, scope: dict[str, Any]) -> None:
    names = write_source(piece).arguments
    dynamic = {names[name]: sizes for name, sizes in piece.dynamic.items()}
    with contextlib.suppress(Exception):  # an engine that fails still leaves its file
        showing.by_engine(scope["Part"](), scope["inputs"], dynamic, "onnx", demand.portable, folder / ONNX)
