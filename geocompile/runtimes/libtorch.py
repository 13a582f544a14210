"""What the engines that run on libtorch share: torch itself, the operator library, the number of threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from geocompile.errors import BundleError, MissingRuntimeError

_LOADING = Lock()


def import_torch(target: str) -> Any:
    """The torch module.

    Raises:
        MissingRuntimeError: torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingRuntimeError(
            f"geocompile: the {target} engine needs torch ({error}): pip install 'geocompile[compile]'"
        ) from error
    return torch


def load_operators(torch: Any, folder: Path, libraries: Sequence[str]) -> None:
    """Loads a bundle's operator libraries, unless this process has geocompile's operators already.

    A second library that defines the same operators would abort the registration; the operators of one
    namespace come from one library per process, whichever was loaded first.

    Raises:
        BundleError: This torch cannot load the library.
    """
    with _LOADING:
        if not libraries or operators_defined(torch):
            return
        for library in libraries:
            try:
                torch.ops.load_library(str(folder / library))
            except OSError as error:
                raise BundleError(
                    f"{folder / library}: torch {torch.__version__} cannot load it ({error}): "
                    "it needs torch 2.10 or later on the platform that the bundle was compiled on"
                ) from error


def operators_defined(torch: Any) -> bool:
    """Whether some library has defined operators of the namespace `geocompile` in this process."""
    return any(name.startswith("geocompile::") for name in torch._C._dispatch_get_all_op_names())


@contextmanager
def limited_threads(torch: Any, num_threads: int | None) -> Iterator[None]:
    """Sets the number of threads of the calling thread's torch operators, and restores it."""
    before = torch.get_num_threads()
    if num_threads is None or num_threads == before:
        yield
        return
    torch.set_num_threads(num_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
