"""The C++ runners of a bundle: built by its own CMake project, they agree with the samples and refuse bad ones."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from geocompile.bundle import Bundle, load
from geocompile.manifest import DTYPES
from tests.bundle import handmade
from tests.bundle.test_bundle import HOSTILE_SAFETENSORS
from tests.runtimes import compiled

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle") / "handmade"
    return handmade.write_bundle(folder, "onnx", "torchscript", "aotinductor")


@pytest.fixture(scope="module")
def compiled_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("compiled") / "gcn"
    return compiled.write_bundle(folder, "onnx", "torchscript", "aotinductor")


@pytest.fixture
def onnx_bundle(tmp_path: Path) -> Bundle:
    return handmade.write_bundle(tmp_path / "handmade", "onnx")


@pytest.fixture
def damaged(bundle: Bundle, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(bundle.path, tmp_path / "damaged"))


@pytest.fixture(scope="module")
def onnx_runner(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that runs an ONNX engine, but for the bundle; built without looking for torch."""
    build = build_runners(bundle, tmp_path_factory.mktemp("build"), "-DTORCHSCRIPT=OFF", "-DAOTINDUCTOR=OFF")
    return [str(build / "runner_onnx")]


def build_runners(bundle: Bundle, build: Path, *options: str) -> Path:
    subprocess.run(
        ["cmake", "-S", bundle.path / "cpp", "-B", build, *options], check=True, capture_output=True
    )
    subprocess.run(["cmake", "--build", build], check=True, capture_output=True)
    return build


def onnxruntime_library() -> str:
    spec = find_spec("onnxruntime")
    assert spec is not None
    assert spec.origin is not None
    return str(next((Path(spec.origin).parent / "capi").glob("libonnxruntime.so*")))


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def all_runners(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = f"-DCMAKE_PREFIX_PATH={torch.utils.cmake_prefix_path}"
    return build_runners(bundle, tmp_path_factory.mktemp("all"), prefix)


@pytest.mark.parametrize("target", ["torchscript", "aotinductor"])
def test_libtorch_runner_agrees_with_the_samples(bundle: Bundle, all_runners: Path, target: str) -> None:
    result = run(all_runners / f"runner_{target}", bundle.path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("max error") == 4


@pytest.mark.parametrize("target", ["torchscript", "aotinductor", "onnx"])
def test_runner_opens_the_operator_library_of_the_bundle(
    compiled_bundle: Bundle, all_runners: Path, target: str
) -> None:
    extra = [onnxruntime_library()] if target == "onnx" else []
    result = run(all_runners / f"runner_{target}", compiled_bundle.path, *extra)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("max error") == 6


@pytest.mark.parametrize("target", ["torchscript", "aotinductor"])
def test_libtorch_runner_says_which_engine_is_missing(
    onnx_bundle: Bundle, all_runners: Path, target: str
) -> None:
    result = run(all_runners / f"runner_{target}", onnx_bundle.path)
    assert result.returncode == 2
    assert f"has no engine {target}" in result.stderr


def test_onnx_runner_agrees_with_the_samples(bundle: Bundle, onnx_runner: list[str]) -> None:
    for options in ((), ("--portable",)):
        result = run(*onnx_runner, bundle.path, onnxruntime_library(), *options)
        assert result.returncode == 0, result.stdout + result.stderr
        assert result.stdout.count("max error") == 4


@pytest.mark.parametrize("dtype", DTYPES)
def test_runners_know_every_dtype_of_a_manifest(tmp_path: Path, all_runners: Path, dtype: str) -> None:
    identity = handmade.write_identity_bundle(tmp_path / "identity", dtype)
    for target, extra in (("onnx", [onnxruntime_library()]), ("torchscript", [])):
        result = run(all_runners / f"runner_{target}", identity.path, *extra)
        assert result.returncode == 0, result.stdout + result.stderr
        assert result.stdout in (
            "samples/0.safetensors out: max error 0\n",
            "samples/0.safetensors out: equal\n",
        )


def test_half_precision_is_compared_as_numbers(tmp_path: Path, onnx_runner: list[str]) -> None:
    values = np.array([1.5, -2.25, 6e-8, 65504, np.inf, -np.inf, np.nan, -0.0], np.float16)
    identity = handmade.write_identity_bundle(tmp_path / "identity", "float16")
    save_file({"in.value": values, "out.out": values}, identity.path / "samples/0.safetensors")
    assert "max error 0\n" in run(*onnx_runner, identity.path, onnxruntime_library()).stdout
    moved = values + np.array([0.125, *[0] * 7], np.float16)
    save_file({"in.value": values, "out.out": moved}, identity.path / "samples/0.safetensors")
    result = run(*onnx_runner, identity.path, onnxruntime_library())
    assert result.returncode == 1
    assert "max error 0.125" in result.stdout


def test_failed_run_leaks_nothing(damaged: Path, tmp_path: Path) -> None:
    """Under the address sanitizer: its leak check, at the end of the process, would change the exit status."""
    sanitized = "-DCMAKE_CXX_FLAGS=-fsanitize=address,undefined -fno-sanitize-recover=all"
    options = ("-DTORCHSCRIPT=OFF", "-DAOTINDUCTOR=OFF", sanitized)
    runner = build_runners(load(damaged), tmp_path / "build", *options) / "runner_onnx"
    sample = load_file(damaged / "samples/0.safetensors")
    sample["in.edge_index"][0, 0] = 99
    save_file(sample, damaged / "samples/0.safetensors")
    result = run(runner, damaged, onnxruntime_library())
    assert "indices element out of data bounds" in result.stderr
    assert result.returncode == 2, result.stderr


def test_wrong_output_is_found(damaged: Path, onnx_runner: list[str]) -> None:
    sample = load_file(damaged / "samples/0.safetensors")
    sample["out.out"] = sample["out.out"] + 1
    save_file(sample, damaged / "samples/0.safetensors")
    result = run(*onnx_runner, damaged, onnxruntime_library())
    assert result.returncode == 1
    assert "samples/0.safetensors out: max error 1" in result.stdout


@pytest.mark.parametrize("attack", [name for name in HOSTILE_SAFETENSORS if not name.startswith("other")])
def test_hostile_sample_is_refused(damaged: Path, onnx_runner: list[str], attack: str) -> None:
    (damaged / "samples/0.safetensors").write_bytes(HOSTILE_SAFETENSORS[attack])
    result = run(*onnx_runner, damaged, onnxruntime_library())
    assert result.returncode == 2
    assert (
        "0.safetensors is no readable safetensors file" in result.stderr
        or "lacks the tensor" in result.stderr
    )


@pytest.mark.parametrize(
    "text", ["", "{", "[1,]", '{"a" 1}', '"\\u12"', "[" * 100_000, "nul", "1 2", '{"schema_version": 2}']
)
def test_hostile_manifest_is_refused(damaged: Path, onnx_runner: list[str], text: str) -> None:
    (damaged / "manifest.json").write_text(text)
    result = run(*onnx_runner, damaged, onnxruntime_library())
    assert result.returncode == 2
    assert "JSON" in result.stderr or "newer than these runners" in result.stderr


def test_path_outside_the_bundle_is_refused(damaged: Path, onnx_runner: list[str]) -> None:
    values = json.loads((damaged / "manifest.json").read_text())
    values["engines"][0]["file"] = "../model.onnx"
    (damaged / "manifest.json").write_text(json.dumps(values))
    result = run(*onnx_runner, damaged, onnxruntime_library())
    assert result.returncode == 2
    assert "is not a path inside the bundle" in result.stderr


def test_wrong_arguments_say_what_is_missing(bundle: Bundle, onnx_runner: list[str]) -> None:
    assert "usage: " in run(*onnx_runner).stderr
    assert "give the path of libonnxruntime.so" in run(*onnx_runner, bundle.path).stderr
    assert "cannot open" in run(*onnx_runner, bundle.path / "nowhere", onnxruntime_library()).stderr
    assert run(*onnx_runner, bundle.path, "/no/such/lib.so").returncode == 2


def test_missing_torch_is_explained(bundle: Bundle, tmp_path: Path) -> None:
    result = run("cmake", "-S", bundle.path / "cpp", "-B", tmp_path / "build")
    assert result.returncode != 0
    assert "-DTORCHSCRIPT=OFF -DAOTINDUCTOR=OFF" in " ".join(result.stderr.split())
