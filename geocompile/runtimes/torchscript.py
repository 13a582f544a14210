"""Engines of TorchScript, run by libtorch's interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from geocompile.errors import BundleError
from geocompile.manifest import Engine, Manifest
from geocompile.runtimes import libtorch
from geocompile.runtimes.base import Session


class TorchScriptSession(Session):
    """A TorchScript module; it may run in several threads at once and releases the GIL."""

    native_kind: ClassVar[str] = "torch"

    def __init__(self, folder: Path, manifest: Manifest, engine: Engine, num_threads: int | None) -> None:
        super().__init__(folder, manifest, engine, num_threads)
        self._torch = libtorch.import_torch(engine.target)
        libtorch.load_operators(self._torch, folder, engine.libraries)
        path = folder / engine.file
        try:
            self._module = self._torch.jit.load(str(path), map_location=engine.device).eval()
        except (RuntimeError, ValueError) as error:
            raise BundleError(f"{path}: torch {self._torch.__version__} cannot open it: {error}") from error

    def _run(self, inputs: list[Any]) -> list[Any]:
        # no_grad and not inference_mode: the caller gets ordinary tensors, fit for any later use
        with self._torch.no_grad(), libtorch.limited_threads(self._torch, self._num_threads):
            return flat_tensors(self._module(*inputs))


def flat_tensors(value: Any) -> list[Any]:
    """The tensors of nested tuples, lists and dicts, in order; None counts for nothing."""
    if value is None:
        return []
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in flat_tensors(item)]
    return [value]
