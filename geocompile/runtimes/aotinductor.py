"""Engines of AOTInductor: machine code in a `.pt2` package, run by libtorch."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import geocompile
from geocompile.errors import BundleError
from geocompile.manifest import Engine, Manifest
from geocompile.runtimes import libtorch
from geocompile.runtimes.base import Session
from geocompile.runtimes.processor import check_processor


class AotInductorSession(Session):
    """An AOTInductor package; it may run in several threads at once, each on an instance of its own.

    The package is opened by libtorch's own loader and not by `torch._inductor`, which would also unpickle
    what else a `.pt2` file may hold. torch's Python binding of that loader holds the GIL while the engine
    runs (torch 2.13). geocompile's own binding releases it; that one exists for the torch version that
    geocompile was built with, and where it does not fit, torch's is used.
    """

    native_kind: ClassVar[str] = "torch"

    def __init__(self, folder: Path, manifest: Manifest, engine: Engine, num_threads: int | None) -> None:
        super().__init__(folder, manifest, engine, num_threads)
        self._torch = libtorch.import_torch(engine.target)
        path = folder / engine.file
        check_processor(path, engine.metadata)
        libtorch.load_operators(self._torch, folder, engine.libraries)
        try:
            self._engine = _open(self._torch, str(path))
        except RuntimeError as error:
            raise BundleError(f"{path}: torch {self._torch.__version__} cannot open it: {error}") from error

    def _run(self, inputs: list[Any]) -> list[Any]:
        with self._torch.no_grad(), libtorch.limited_threads(self._torch, self._num_threads):
            return list(self._engine(inputs))


def _open(torch: Any, package: str) -> Callable[[list[Any]], list[Any]]:
    """The engine as a function from inputs to flat outputs."""
    library = _binding(torch)
    if library is None:
        return _torch_loader(torch, package)
    torch.classes.load_library(str(library))
    run: Callable[[list[Any]], list[Any]] = torch.classes.geocompile_aotinductor.Engine(
        package, os.cpu_count() or 1
    ).run
    return run


def _torch_loader(torch: Any, package: str) -> Callable[[list[Any]], list[Any]]:
    """The engine by torch's own binding, which lets one thread at a time in anyway."""
    run: Callable[[list[Any]], list[Any]] = torch._C._aoti.AOTIModelPackageLoader(
        package, "model", False, 1, -1
    ).run
    return run


def _binding(torch: Any) -> Path | None:
    """geocompile's own binding for exactly this torch; its interface has no stable ABI."""
    name = f"libgeocompile_aotinductor_{torch.__version__.split('+')[0]}.so"
    candidates = (Path(folder) / "lib" / name for folder in geocompile.__path__)
    return next((path for path in candidates if path.is_file()), None)
