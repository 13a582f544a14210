"""What a `reproduce.py` calls: it computes one value in the way that was wrong, and says how far off it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

import geocompile
from geocompile.capture import capture
from geocompile.errors import CaptureError, ExportError
from geocompile.examples import Example
from geocompile.exporters.names import with_safe_names
from geocompile.exporters.program import CapturedProgram
from geocompile.passes import run_passes
from geocompile.verification.bisection.engines import answers
from geocompile.verification.inputs import Array

SHOWN, MENDED, UNDECIDED = 1, 0, 2
Tensors = Mapping[str, torch.Tensor]
Dynamic = Mapping[str, Mapping[int, str]]


def by_engine(
    part: torch.nn.Module,
    inputs: Tensors,
    dynamic: Dynamic,
    target: str,
    portable: bool = False,
    keep: str | Path | None = None,
) -> list[Array]:
    """What engines of the part answer: it is captured, exported anew and run, with one thread and with two.

    Args:
        part: The cut-out part of the model's graph.
        inputs: Its inputs.
        dynamic: Its dimensions that vary.
        target: The engine.
        portable: Run ONNX without geocompile's operators.
        keep: Where to leave a copy of the engine's file.
    """
    program = _captured(part, inputs, dynamic)
    arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
    return [run[0] for run in answers(program, target, arrays, portable, Path(keep) if keep else None)]


def after_pass(part: torch.nn.Module, inputs: Tensors, dynamic: Dynamic, name: str) -> list[Array]:
    """What the part answers once a pass has rewritten it."""
    program, _ = run_passes(_captured(part, inputs, dynamic), [name])
    with torch.no_grad():
        return [with_safe_names(program.exported)[0].module()(*inputs.values())[0].numpy()]


def as_captured(part: torch.nn.Module, inputs: Tensors) -> list[Array]:
    """What the part answers when torch runs it, which is what capture made of the layer."""
    with torch.no_grad():
        return [part(**inputs).numpy()]


def by_file(path: Path, inputs: Tensors) -> list[Array]:
    """What ONNX Runtime answers for an ONNX file, with geocompile's operators."""
    import onnxruntime as ort

    from geocompile.custom_ops.libraries import ort_library

    runtime: Any = ort  # it exports its names by import alone
    options = runtime.SessionOptions()
    options.register_custom_ops_library(str(ort_library()))
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feeds = {item.name: inputs[item.name].numpy() for item in session.get_inputs()}
    return [np.asarray(session.run(None, feeds)[0])]


def show(
    compute: Callable[[], list[Array]],
    expected: torch.Tensor,
    bound: torch.Tensor,
    dtype: str,
    who: str,
    raises: bool = False,
) -> int:
    """Compare what `compute` gives with what is expected, print both where they are farthest apart.

    Args:
        compute: Gives the value, once or several times.
        expected: What it should be, in float64 where it is a float.
        bound: The allowed distance, in a shape that broadcasts to `expected`.
        dtype: The type that it should have, as numpy calls it.
        who: What computes it, for the text.
        raises: Whether the fault is that it cannot be computed at all.

    Returns:
        The exit code: 1 while the fault is there, 0 where it is not, 2 where it cannot be told.
    """
    print(f"geocompile {geocompile.__version__}, torch {torch.__version__}")
    try:
        values = compute()
    except (CaptureError, ExportError, ImportError) as error:
        print(f"cannot be told: {error}")
        return UNDECIDED
    except Exception as error:  # exporters and runtimes raise anything; it may be the fault that is shown
        print(f"{who} fails: {type(error).__name__}: {error}")
        return SHOWN if raises else UNDECIDED
    found = (_difference(value, expected.numpy(), bound.numpy(), dtype) for value in values)
    wrong = [text for text in found if text]
    print(f"{who} gives {wrong[0]}" if wrong else f"{who} gives what is expected, within the bound")
    return SHOWN if wrong else MENDED


def _captured(part: torch.nn.Module, inputs: Tensors, dynamic: Dynamic) -> CapturedProgram:
    return capture(part.eval(), [Example(dict(inputs))], dynamic=dynamic)


def _difference(value: Array, expected: Array, bound: Array, dtype: str) -> str:
    """How the value differs at the worst element; empty where it is within the bound everywhere."""
    if value.shape != expected.shape:
        return f"shape {list(value.shape)}, expected {list(expected.shape)}"
    if str(value.dtype) != dtype:
        return f"{value.dtype}, expected {dtype}"
    if value.size == 0:
        return ""
    left, right = value.astype(np.float64), expected.astype(np.float64)
    allowed = np.broadcast_to(bound.astype(np.float64), right.shape)
    with np.errstate(invalid="ignore"):
        distance = np.where((left == right) | (np.isnan(left) & np.isnan(right)), 0.0, np.abs(left - right))
    distance = np.where(np.isnan(distance), np.inf, distance)
    worst = np.unravel_index(int(np.argmax(distance - allowed)), distance.shape)
    if distance[worst] <= allowed[worst]:
        return ""
    index = [int(k) for k in worst]
    return (
        f"{left[worst]:.9g} at {index}, expected {right[worst]:.9g}: "
        f"distance {distance[worst]:.3g}, allowed {allowed[worst]:.3g}"
    )
