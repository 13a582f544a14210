"""Where the compiled operator libraries lie; needs no runtime."""

from pathlib import Path

import geocompile


def torch_library() -> Path:
    """Path of ``libgeocompile_torch.so``, for torch and libtorch (CPU)."""
    remedy = "install torch >= 2.10 first, then geocompile with `pip install --no-build-isolation`"
    return _library("libgeocompile_torch.so", remedy)


def torch_cuda_library() -> Path | None:
    """Path of ``libgeocompile_torch_cuda.so``, for CUDA tensors; None where it was built without nvcc."""
    return _find("libgeocompile_torch_cuda.so")


def ort_library() -> Path:
    """Path of ``libgeocompile_ort.so``, for ONNX Runtime (CPU)."""
    return _library("libgeocompile_ort.so", "reinstall geocompile")


def _library(name: str, remedy: str) -> Path:
    found = _find(name)
    if found is None:
        raise ImportError(f"geocompile was built without {name}: {remedy}")
    return found


def _find(name: str) -> Path | None:
    # An editable install has two folders: the sources and, beside the other packages, what was compiled.
    candidates = (Path(folder) / "lib" / name for folder in geocompile.__path__)
    return next((candidate for candidate in candidates if candidate.is_file()), None)
