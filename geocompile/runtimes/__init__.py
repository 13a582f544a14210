"""Sessions: one class per runtime, imported when an engine of its target is opened."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

from geocompile.errors import BundleError
from geocompile.manifest import Engine, Manifest
from geocompile.runtimes.base import Session

RUNTIMES: dict[str, str] = {
    "onnx": "geocompile.runtimes.onnx:OnnxSession",
    "torchscript": "geocompile.runtimes.torchscript:TorchScriptSession",
    "aotinductor": "geocompile.runtimes.aotinductor:AotInductorSession",
}


def open_session(
    folder: Path, manifest: Manifest, engine: Engine, num_threads: int | None = None, portable: bool = False
) -> Session:
    """Opens an engine of a bundle; see `Bundle.session`.

    Raises:
        ValueError: `num_threads` is below 1, or `portable` is asked of another engine than ONNX.
        BundleError: No runtime of this geocompile knows the engine's target.
        MissingRuntimeError: The runtime is not installed.
    """
    if num_threads is not None and num_threads < 1:
        raise ValueError(f"geocompile: num_threads must be at least 1, got {num_threads}")
    if portable and engine.target != "onnx":
        raise ValueError(
            f"geocompile: portable=True is for the onnx engine, not for {engine.target!r}: leave it out"
        )
    if engine.target not in RUNTIMES:
        raise BundleError(
            f"geocompile: no runtime here for target {engine.target!r}, only for {', '.join(RUNTIMES)}: "
            "pip install -U geocompile"
        )
    module, name = RUNTIMES[engine.target].split(":")
    session_class = cast(Callable[..., Session], getattr(import_module(module), name))
    options = {"portable": True} if portable else {}
    return session_class(folder, manifest, engine, num_threads, **options)


__all__ = ["RUNTIMES", "Session", "open_session"]
