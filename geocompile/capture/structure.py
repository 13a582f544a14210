"""How the tensors that a model returns make up its result, and what they are called."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

from geocompile.errors import CaptureError
from geocompile.manifest import DTYPES


def structure_of(output: Any, tensors: list[Tensor], model_name: str) -> dict[str, Any]:
    """The structure of a model's result as JSON (see `CapturedProgram`); its tensors are appended to `tensors`.

    Raises:
        CaptureError: The result holds something that an engine cannot return: a number, an object.
    """
    structure = _structure(output, tensors, model_name)
    if not tensors:
        raise CaptureError(f"geocompile.capture: {model_name}.forward returns no tensor")
    return structure


def _structure(output: Any, tensors: list[Tensor], model_name: str) -> dict[str, Any]:
    if isinstance(output, Tensor):
        _check_dtype(output, model_name)
        tensors.append(output)
        return {"kind": "tensor", "index": len(tensors) - 1}
    if output is None:
        return {"kind": "none"}
    if isinstance(output, (tuple, list)):
        kind = "list" if isinstance(output, list) else "tuple"
        return {"kind": kind, "items": [_structure(item, tensors, model_name) for item in output]}
    if isinstance(output, dict) and all(isinstance(key, str) for key in output):
        return {
            "kind": "dict",
            "items": {key: _structure(item, tensors, model_name) for key, item in output.items()},
        }
    raise CaptureError(
        f"geocompile.capture: {model_name}.forward returns a {type(output).__name__}; an engine returns tensors, None, "
        "and tuples, lists or dicts (with text keys) of them"
    )


def _check_dtype(output: Tensor, model_name: str) -> None:
    dtype = str(output.dtype).removeprefix("torch.")
    if dtype in DTYPES:
        return
    parts = ": return torch.view_as_real(output), or its parts" if output.is_complex() else ""
    raise CaptureError(
        f"geocompile.capture: {model_name}.forward returns a tensor of dtype {dtype}; "
        f"an engine returns {', '.join(DTYPES)}{parts}"
    )


def output_names(structure: dict[str, Any], taken: set[str]) -> list[str]:
    """A name per flat output: `output`, the keys of a dict, `output_0`, ... of a tuple; never an input's name."""
    names: dict[int, str] = {}
    _name_leaves(structure, "", names)
    result: list[str] = []
    for index in range(len(names)):
        name = re.sub(r"\W", "_", names[index]) or "output"
        while name in taken:
            name += "_out"
        taken = taken | {name}
        result.append(name)
    return result


def _name_leaves(structure: dict[str, Any], prefix: str, names: dict[int, str]) -> None:
    if structure["kind"] == "tensor":
        names[structure["index"]] = prefix or "output"
    elif structure["kind"] in ("tuple", "list"):
        for position, item in enumerate(structure["items"]):
            _name_leaves(item, f"{prefix or 'output'}_{position}", names)
    elif structure["kind"] == "dict":
        for key, item in structure["items"].items():
            _name_leaves(item, f"{prefix}_{key}" if prefix else key, names)
