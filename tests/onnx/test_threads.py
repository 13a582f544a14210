"""How many threads an operator prepares for: ONNX Runtime does not tell how many a session has."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.onnx.test_abi import BINDING, compile_program, needs_compiler


@needs_compiler
@pytest.mark.parametrize(("cores", "threads"), [(0, 1), (2, 2), (64, 8)])
def test_a_large_machine_does_not_make_small_sessions_pay(cores: int, threads: int, tmp_path: Path) -> None:
    kernels = BINDING.parents[1] / "kernels"
    sources = [f"-DCORES={cores}", str(BINDING / "call.cpp"), str(kernels / "memory.cpp")]
    program = compile_program("assumed_threads.cpp", tmp_path / "assumed_threads", *sources)
    printed = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    assert int(printed) == threads
