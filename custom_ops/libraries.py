"""Where the compiled operator libraries lie; needs no runtime."""

from pathlib import Path

import geocompile


def torch_library() -> Path:
    """Path of ``libgeocompile_torch.so``, for torch and libtorch (CPU)."""
    remedy = "install torch >= 2.10 first, then geocompile with `pip install --no-build-isolation`"
    return _library("libgeocompile_torch.so", remedy)


def ort_library() -> Path:
    """Path of ``libgeocompile_ort.so``, for ONNX Runtime (CPU)."""
    return _library("libgeocompile_ort.so", "reinstall geocompile")


def _library(name: str, remedy: str) -> Path:
    # An editable install has two folders: the sources and, beside the other packages, what was compiled.
    for folder in geocompile.__path__:
        candidate = Path(folder) / "lib" / name
        if candidate.is_file():
            return candidate
    raise ImportError(f"geocompile was built without {name}: {remedy}")
