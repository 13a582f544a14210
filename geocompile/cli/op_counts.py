"""Counts the operators in an engine's file without opening a runtime."""

import re
import zipfile
from collections import Counter
from pathlib import Path


def count_operators(path: Path, target: str) -> dict[str, int] | None:
    """How often each operator stands in the engine, most frequent first; None where that is not cheap to say.

    ONNX files are read by the `onnx` package where that is installed, TorchScript files as the text that they hold.
    Geocompile's operators are named `geocompile::<operator>`.
    """
    counts = _ONNX_OR_TORCHSCRIPT[target](path) if target in _ONNX_OR_TORCHSCRIPT else None
    return None if counts is None else dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _onnx(path: Path) -> Counter[str] | None:
    try:
        import onnx
    except ImportError:
        return None
    model = onnx.load(str(path), load_external_data=False)
    return Counter(
        f"{node.domain}::{node.op_type}" if node.domain else node.op_type for node in model.graph.node
    )


def _torchscript(path: Path) -> Counter[str]:
    with zipfile.ZipFile(path) as archive:
        sources = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")]
    calls = re.findall(r"\b(torch|ops\.\w+)\.(\w+)\(", "\n".join(sources))
    return Counter(
        name if space == "torch" else f"{space.removeprefix('ops.')}::{name}" for space, name in calls
    )


_ONNX_OR_TORCHSCRIPT = {"onnx": _onnx, "torchscript": _torchscript}
