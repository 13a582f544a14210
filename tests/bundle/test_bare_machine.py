"""A bundle on a machine with little on it: no torch, for `run.py` no geocompile and no safetensors either."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from geocompile.bundle import Bundle
from tests.bundle import handmade

SESSION = """
import sys
import numpy as np
import geocompile

bundle = geocompile.load(sys.argv[1])
for portable in (False, True):
    session = bundle.session("onnx", num_threads=1, portable=portable)
    for inputs, outputs in bundle.samples():
        out, rest = session(**inputs)
        assert np.allclose(out, outputs["out"], atol=1e-5), "differs"
try:
    bundle.session("torchscript")
except ImportError as error:
    print(error)
assert not {"torch", "onnx"} & sys.modules.keys()
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return handmade.write_bundle(tmp_path / "handmade", "onnx", "torchscript")


def bare_python(folder: Path, packages: Sequence[str]) -> Path:
    """The Python of a new environment that holds the given packages of this one, by links, and nothing else."""
    venv.create(folder, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    for name in packages:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        source = Path(spec.origin).parent
        (site / name).symlink_to(source)
        bundled_libraries = source.parent / f"{name}.libs"
        if bundled_libraries.exists():
            (site / bundled_libraries.name).symlink_to(bundled_libraries)
    return folder / "bin" / "python"


def run(python: Path | str, *arguments: Path | str) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-I", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_run_py_needs_numpy_and_onnxruntime_only(bundle: Bundle, tmp_path: Path) -> None:
    python = bare_python(tmp_path / "venv", ["numpy", "onnxruntime"])
    for absent in ("geocompile", "safetensors", "torch"):
        assert run(python, "-c", f"import {absent}").returncode != 0
    for options in ((), ("--portable",)):
        result = run(python, bundle.path / "run.py", *options)
        assert result.returncode == 0, result.stderr
        assert result.stdout.count("max error") == 4


def test_run_py_fails_beyond_the_tolerance(bundle: Bundle) -> None:
    sample = load_file(bundle.path / "samples/0.safetensors")
    sample["out.total"] = sample["out.total"] + 0.5
    save_file(sample, bundle.path / "samples/0.safetensors")
    result = run(sys.executable, bundle.path / "run.py")
    assert result.returncode == 1
    assert "samples/0.safetensors total [3]: max error 0.5" in result.stdout


def test_load_and_onnx_session_work_without_torch(bundle: Bundle, tmp_path: Path) -> None:
    python = bare_python(tmp_path / "venv", ["numpy", "onnxruntime", "safetensors", "geocompile"])
    result = run(python, "-c", SESSION, bundle.path)
    assert result.returncode == 0, result.stderr
    assert "pip install 'geocompile[compile]'" in result.stdout


def test_importing_the_bundle_imports_no_runtime() -> None:
    code = "import sys, geocompile.bundle, geocompile.runtimes; print({'torch', 'onnxruntime'} & sys.modules.keys())"
    assert run(sys.executable, "-c", code).stdout == "set()\n"
