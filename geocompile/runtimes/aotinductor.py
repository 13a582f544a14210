"""Engines of AOTInductor: machine code in a `.pt2` package, run by libtorch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from geocompile.errors import BundleError
from geocompile.manifest import Engine, Manifest
from geocompile.runtimes import libtorch
from geocompile.runtimes.base import Session
from geocompile.runtimes.processor import check_processor


class AotInductorSession(Session):
    """An AOTInductor package, with one instance per core for as many threads at once.

    The package is opened by libtorch's own loader and not by `torch._inductor`, which would also unpickle
    what else a `.pt2` file may hold.
    """

    native_kind: ClassVar[str] = "torch"

    def __init__(
        self, folder: Path, manifest: Manifest, engine: Engine, num_threads: int | None, portable: bool
    ) -> None:
        super().__init__(folder, manifest, engine, num_threads, portable)
        self._torch = libtorch.import_torch(engine.target)
        path = folder / engine.file
        check_processor(path, engine.metadata)
        libtorch.load_operators(self._torch, folder, engine.libraries)
        try:
            self._loader = self._torch._C._aoti.AOTIModelPackageLoader(
                str(path), "model", False, os.cpu_count() or 1, -1
            )
        except RuntimeError as error:
            raise BundleError(f"{path}: torch {self._torch.__version__} cannot open it: {error}") from error

    def _run(self, inputs: list[Any]) -> list[Any]:
        with self._torch.no_grad(), libtorch.limited_threads(self._torch, self._num_threads):
            return list(self._loader.boxed_run(list(inputs)))
