"""The programs that a bundle brings along: `run.py` for ONNX Runtime and the C++ runners in `cpp/`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import geocompile
from geocompile.manifest import Engine

_PACKAGE = Path(geocompile.__file__).parent
_TEMPLATES = _PACKAGE / "templates"
_ORT_HEADER = _PACKAGE / "custom_ops" / "bindings" / "onnxruntime" / "ort_c_api.h"


def write_runners(folder: Path, engines: Sequence[Engine]) -> None:
    """Copies the runners into a bundle's folder; `run.py` only where it finds an ONNX engine to run."""
    if any(engine.target == "onnx" for engine in engines):
        shutil.copyfile(_TEMPLATES / "run.py", folder / "run.py")
    (folder / "cpp").mkdir(exist_ok=True)
    for source in sorted((_TEMPLATES / "cpp").iterdir()):
        shutil.copyfile(source, folder / "cpp" / source.name)
    shutil.copyfile(_ORT_HEADER, folder / "cpp" / _ORT_HEADER.name)
