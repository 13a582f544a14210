"""Our own header of ONNX Runtime's C ABI agrees with the library of the installed onnxruntime, function by function."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import onnx.parser
import pytest

from geocompile.custom_ops.libraries import ort_library

HERE = Path(__file__).parent
CUSTOM_OPS = HERE.parents[1] / "custom_ops"
BINDING = CUSTOM_OPS / "bindings" / "onnxruntime"
HEADER = (BINDING / "ort_c_api.h").read_text()
_STRUCT_OP = HEADER[HEADER.index("struct OrtCustomOp {") :]

_STRUCT_API = HEADER[HEADER.index("struct OrtApi {") : HEADER.index("} OrtApi;")]
FUNCTIONS = re.findall(r"ORT_FUNCTION\((\w+),", _STRUCT_API) + re.findall(
    r"ORT_API_CALL\* (\w+)\)", _STRUCT_API
)
MEMBERS = ["version", *re.findall(r"ORT_API_CALL\* (\w+)\)", _STRUCT_OP)]

RUN = """
import sys, numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.register_custom_ops_library(sys.argv[1])
session = onnxruntime.InferenceSession(sys.argv[2], options, providers=["CPUExecutionProvider"])
assert session.run(None, {"x": numpy.ones((1, 3), "f")})[0].tolist() == [[1, 1, 1]]
print("kernel answered")
"""

needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None, reason="no C++ compiler (g++) on this machine"
)


def compile_program(source: str, program: Path, *flags: str) -> Path:
    lists = {"API_FUNCTIONS": FUNCTIONS, "OP_MEMBERS": MEMBERS}
    macros = [f"-D{name}(X)={' '.join(f'X({f})' for f in names)}" for name, names in lists.items()]
    command = [
        "g++",
        "-std=c++17",
        "-w",
        f"-I{CUSTOM_OPS}",
        *flags,
        *macros,
        str(HERE / source),
        "-o",
        str(program),
    ]
    subprocess.run(command, check=True)
    return program


def offsets(program: Path, *flags: str) -> list[str]:
    compile_program("abi_offsets.cpp", program, *flags)
    return subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout.splitlines()


def official_header() -> Path | None:
    """The folder named by ONNXRUNTIME_INCLUDE_DIR, or that of a distribution's libonnxruntime-dev."""
    named = os.environ.get("ONNXRUNTIME_INCLUDE_DIR")
    usual = [
        Path("/usr/include/onnxruntime"),
        Path("/usr/include/onnxruntime/core/session"),
        Path("/usr/include"),
    ]
    folders = [Path(named)] if named else usual
    return next((folder for folder in folders if (folder / "onnxruntime_c_api.h").is_file()), None)


@needs_compiler
def test_positions_are_those_that_the_comments_say(tmp_path: Path) -> None:
    said = dict(re.findall(r"(?s)ORT_FUNCTION\((\w+),[^;]*;\s*// (\d+)", _STRUCT_API))
    said |= dict(re.findall(r"ORT_API_CALL\* (\w+)\)\([^;]*;\s*// (\d+)", _STRUCT_API))
    found = [line.split() for line in offsets(tmp_path / "offsets") if line.startswith("OrtApi ")]
    assert {name: position for _, position, name in found} == said
    assert set(said) == set(FUNCTIONS)


@needs_compiler
def test_offsets_are_those_of_the_official_header(tmp_path: Path) -> None:
    folder = official_header()
    if folder is None:
        pytest.skip(
            "onnxruntime_c_api.h is not installed (libonnxruntime-dev, or set ONNXRUNTIME_INCLUDE_DIR)"
        )
    official = ["-DGEOCOMPILE_OFFICIAL_ORT_HEADER", "-isystem", str(folder)]
    assert offsets(tmp_path / "own") == offsets(tmp_path / "official", *official)


@needs_compiler
def test_every_function_answers_in_the_installed_onnxruntime(tmp_path: Path) -> None:
    model = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["": 20, "abi": 1]>
        probe (float[rows, 3] x) => (float[rows, 3] y) { y = abi.Probe <alpha = 0.5, beta = -7> (x) }
    """)
    path = tmp_path / "probe.onnx"
    onnx.save(model, path)
    paths = [f'-DLIBRARY="{ort_library()}"', f'-DMODEL="{path}"']
    calls = compile_program("abi_calls.cpp", tmp_path / "calls.so", "-shared", "-fPIC", *paths)
    result = subprocess.run(
        [sys.executable, "-c", RUN, str(calls), str(path)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    answers = result.stdout.splitlines()
    assert answers in (["sessions answered", "kernel answered"], ["no second environment", "kernel answered"])


def test_every_declared_function_is_called() -> None:
    calls = (HERE / "abi_calls.cpp").read_text()
    called = set(re.findall(r"CALL\((\w+),?", calls)) | set(re.findall(r"api->(\w+)\(", calls))
    assert set(FUNCTIONS) <= called
