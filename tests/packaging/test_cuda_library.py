"""The CUDA library without a GPU: when it is loaded, what it asks for, which operators it serves."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from geocompile.custom_ops.libraries import torch_cuda_library
from geocompile.custom_ops.operators import library

CUDA_LIBRARY = torch_cuda_library()
needs_library = pytest.mark.skipif(CUDA_LIBRARY is None, reason="built without nvcc")
OPERATORS = ("batch_ptr", "csr_from_coo", "gather_segment_reduce", "segment_reduce")


def symbols(*options: str) -> list[str]:
    command = ["nm", "-D", "-C", *options, str(CUDA_LIBRARY)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@needs_library
def test_it_asks_for_the_stable_abi_only() -> None:
    """And neither for libtorch_cuda, which the torch that it was compiled with may lack, nor for a CUDA runtime."""
    undefined = symbols("--undefined-only")
    assert [s for s in undefined if re.search(r"\b(at|c10|torch)::|\bcu[A-Zd]|current_cuda_stream", s)] == []


@needs_library
def test_it_shows_no_function() -> None:
    """Not even CUB's, which another library of the process may bring in another version."""
    assert [
        s for s in symbols("--defined-only") if re.search(r" [TW] .*(geocompile|cub|thrust|cuda)", s)
    ] == []


@needs_library
def test_it_loads_without_a_gpu_and_serves_its_operators() -> None:
    code = f"""
import torch
import geocompile.custom_ops.operators
torch.ops.load_library({str(CUDA_LIBRARY)!r})
served = torch._C._dispatch_get_registrations_for_dispatch_key("CUDA")
print(*sorted(name.split("::")[1] for name in served if name.startswith("geocompile::")))
assert not torch.cuda.is_initialized()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(OPERATORS)


def test_a_torch_without_cuda_does_not_load_it(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(torch.ops, "load_library", loaded.append)
    monkeypatch.setattr(library, "torch_cuda_library", lambda: Path("there.so"))
    monkeypatch.setattr(torch.version, "cuda", None)
    library.load_cuda()
    assert loaded == []
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    library.load_cuda()
    assert loaded == ["there.so"]


def test_a_build_without_nvcc_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "torch_cuda_library", lambda: None)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.ops, "load_library", lambda path: pytest.fail(f"loads {path}"))
    library.load_cuda()


def test_importing_the_operators_starts_no_cuda() -> None:
    """The driver does not survive a fork, and whoever imports us may fork."""
    code = """
import torch
import geocompile.custom_ops.operators
opened = open("/proc/self/maps").read()
assert "libcuda.so" not in opened and not torch.cuda.is_initialized()
assert torch.version.cuda is not None or "libgeocompile_torch_cuda" not in opened
"""
    subprocess.run([sys.executable, "-c", code], check=True)
