"""AOTInductor engines: the captured graph compiled to machine code, in a `.pt2` package."""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from geocompile.errors import ExportError
from geocompile.exporters import EngineFiles
from geocompile.exporters.advice import way_out
from geocompile.exporters.names import with_safe_names
from geocompile.exporters.outputs import with_own_outputs
from geocompile.exporters.processor import native_instructions
from geocompile.exporters.program import CapturedProgram
from geocompile.exporters.quiet import quiet

FILE = "model.pt2"


def export(program: CapturedProgram, folder: Path) -> EngineFiles:
    """Writes `model.pt2`, to be opened by `AOTIModelPackageLoader` in Python or C++.

    It takes the inputs in order and returns the flat outputs. The metadata names the instruction set that the code
    needs (`isa`, with the processor flags that Linux calls it by): it is this machine's.

    Raises:
        ExportError: There is no C++ compiler, or Inductor fails.
    """
    _require_compiler()
    package = folder / FILE
    exported, _ = with_safe_names(with_own_outputs(program).exported)
    with (
        quiet(),
        tempfile.TemporaryDirectory(prefix="geocompile-aoti-") as scratch,
        _own_cache(Path(scratch)),
    ):
        try:
            torch._inductor.aoti_compile_and_package(exported, package_path=str(package))
        except Exception as error:  # Inductor raises whatever its code generation stumbles over
            raise ExportError(_explain(error, program.model_name)) from error
    return EngineFiles("aotinductor", FILE, libraries=["torch"], metadata=_metadata())


def _require_compiler() -> None:
    from torch._inductor import config

    candidates = config.cpp.cxx if isinstance(config.cpp.cxx, (tuple, list)) else (config.cpp.cxx,)
    names = [name for name in candidates if name]
    if not any(shutil.which(name) for name in names):
        raise ExportError(
            f"geocompile: the target 'aotinductor' needs a C++ compiler, and none of {', '.join(names)} is found: "
            "install one (Debian, Ubuntu: apt install g++), set CXX, or leave 'aotinductor' out of the targets"
        )


@contextmanager
def _own_cache(scratch: Path) -> Iterator[None]:
    """Compiles in a folder of its own, so that neither an earlier compile is reused nor files stay behind."""
    from torch._inductor.utils import fresh_cache

    with fresh_cache(dir=str(scratch)):
        yield


def _metadata() -> dict[str, Any]:
    from torch._inductor import cpu_vec_isa

    picked = cpu_vec_isa.pick_vec_isa()
    isa = str(picked) if picked else "none"
    return {
        "torch": torch.__version__,
        "isa": isa,
        "machine": platform.machine(),
        "cpu_flags": native_instructions(),  # Inductor compiles with -march=native
    }


def _explain(error: Exception, model_name: str) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[0] if lines else type(error).__name__
    return (
        f"geocompile: AOTInductor cannot compile {model_name}: {type(error).__name__}: {reason}\n"
        + way_out("aotinductor")
    )
