"""Builds kernels/cuda for the processor, with the emulated CUDA of this folder, and calls it from numpy."""

import ctypes
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
TESTS = Path(__file__).parent
SANITIZED = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
FLAGS = (
    "-std=c++17",
    "-O0",  # most of the time is the compiler's
    "-fPIC",
    "-Wno-psabi",
    "-DGEOCOMPILE_ISA=generic",
    f"-I{TESTS / 'cuda_emulation'}",
    f"-I{ROOT / 'custom_ops'}",
)
DTYPES = {"float32": 0, "float64": 1, "int32": 2, "int64": 3, "float16": 4, "bfloat16": 5}  # DType


def build(target: Path, source: Path, *flags: str) -> Path:
    """Compile `source` together with the CUDA kernels."""
    sources = [*(ROOT / "custom_ops/kernels/cuda").glob("*.cu"), source]

    def compiled(path: Path) -> str:
        made = str(target.with_name(f"{path.name}.o"))
        subprocess.run(["g++", *FLAGS, *flags, "-x", "c++", "-c", str(path), "-o", made], check=True)
        return made

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compiled, sources))
    subprocess.run(["g++", *FLAGS, *flags, *objects, "-o", str(target)], check=True)
    return target


class EmulatedKernels:
    """The operators of the CUDA library, by name, with the arguments and results of the case table."""

    def __init__(self, folder: Path) -> None:
        self._library = ctypes.CDLL(str(build(folder / "emulated.so", TESTS / "cuda_calls.cpp", "-shared")))

    def _call(self, name: str, *arguments: Any) -> None:
        function = getattr(self._library, f"call_{name}")
        function.restype = ctypes.c_char_p
        error = function(*(_as_c(a) for a in arguments))
        if error is not None:
            raise RuntimeError(error.decode())

    def csr_from_coo(
        self, index: np.ndarray, like: np.ndarray, other: np.ndarray | None
    ) -> tuple[np.ndarray, ...]:
        return self._sort(index, len(like), other)

    def batch_ptr(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        found = np.empty(1, np.int64)
        self._call("count_graphs", _dtype(batch), batch, len(batch), found)
        return self._sort(batch, int(found[0]), None)[:2]

    def _sort(self, index: np.ndarray, num_rows: int, other: np.ndarray | None) -> tuple[np.ndarray, ...]:
        rowptr, perm = np.empty(num_rows + 1, index.dtype), np.empty_like(index)
        carried = np.empty_like(index[:0] if other is None else other)
        self._call("csr_from_coo", _dtype(index), len(index), num_rows, index, other, rowptr, perm, carried)
        return rowptr, perm, carried

    def segment_reduce(
        self, src: np.ndarray, rowptr: np.ndarray, perm: np.ndarray | None, reduce: str
    ) -> tuple[np.ndarray, ...]:
        return self.gather_segment_reduce(src, rowptr, perm, None, None, reduce)

    def gather_segment_reduce(
        self,
        x: np.ndarray,
        rowptr: np.ndarray,
        col: np.ndarray | None,
        weight: np.ndarray | None,
        self_weight: np.ndarray | None,
        reduce: str,
    ) -> tuple[np.ndarray, ...]:
        out = np.empty((len(rowptr) - 1, *x.shape[1:]), x.dtype)
        channels = int(np.prod(x.shape[1:]))
        per_head = next((w for w in (weight, self_weight) if w is not None and w.ndim == 2), None)
        heads = 1 if per_head is None or channels == 0 else per_head.shape[1]
        sizes = (len(rowptr) - 1, len(x), len(x) if col is None else len(col), channels, heads)
        tensors = (x, rowptr, col, weight, self_weight, out)
        self._call("gather_segment_reduce", reduce, _dtype(x), _dtype(rowptr), *sizes, *tensors)
        return (out,)


def _dtype(array: np.ndarray) -> ctypes.c_int32:
    return ctypes.c_int32(DTYPES[array.dtype.name])


def _as_c(argument: Any) -> Any:
    if isinstance(argument, np.ndarray):
        assert argument.flags.c_contiguous
        return ctypes.c_void_p(argument.ctypes.data)
    if isinstance(argument, str):
        return ctypes.c_char_p(argument.encode())
    return ctypes.c_int64(argument) if isinstance(argument, int) else argument
