"""Exporters: a captured program becomes the files of one engine. Importing this package imports no runtime."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from geocompile.errors import ExportError
from geocompile.exporters.program import CapturedProgram, TensorSpec

EXPORTERS: dict[str, str] = {
    "onnx": "geocompile.exporters.onnx",
    "torchscript": "geocompile.exporters.torchscript",
    "aotinductor": "geocompile.exporters.aotinductor",
}


@dataclass
class EngineFiles:
    """The files that one exporter wrote, as paths relative to the folder it was given.

    Attributes:
        target: The exporter's name, a key of `EXPORTERS`.
        file: The engine itself.
        device: The device that the engine runs on.
        extra_files: Further files that the engine reads (external weights).
        libraries: The operator libraries it needs: `"torch"` or `"onnxruntime"`.
        metadata: Facts for the manifest (versions, instruction set); JSON values only.
    """

    target: str
    file: str
    device: str = "cpu"
    extra_files: list[str] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)


Exporter = Callable[[CapturedProgram, Path], EngineFiles]


def get_exporter(target: str) -> Exporter:
    """The `export(program, folder)` function of a target.

    Raises:
        ValueError: The target is unknown.
    """
    if target not in EXPORTERS:
        raise ValueError(f"geocompile: unknown target {target!r}, expected one of {', '.join(EXPORTERS)}")
    return cast(Exporter, importlib.import_module(EXPORTERS[target]).export)


__all__ = [
    "EXPORTERS",
    "CapturedProgram",
    "EngineFiles",
    "ExportError",
    "Exporter",
    "TensorSpec",
    "get_exporter",
]
