"""`geocompile run`: files in, files out, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.cli.conftest import WEIGHT, Command

X = np.array([[1, 2, 3], [-4, 5, 6]], dtype=np.float32)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "graph.npz"
    np.savez(path, x=X)
    return path


def test_outputs_are_the_models(command: Command, bundle: Path, graph: Path, tmp_path: Path) -> None:
    result = command("run", bundle, "--input", graph, "--output", tmp_path / "out.npz")
    assert result.code == 0, result.err
    np.testing.assert_allclose(np.load(tmp_path / "out.npz")["scores"], np.maximum(X @ WEIGHT, 0), rtol=1e-6)
    assert "scores" in result.out


def test_safetensors_in_and_out(command: Command, bundle: Path, tmp_path: Path) -> None:
    save_file({"x": X}, tmp_path / "graph.safetensors")
    target = tmp_path / "out.safetensors"
    result = command(
        "run", bundle, "--input", tmp_path / "graph.safetensors", "--output", target, "--portable"
    )
    assert result.code == 0, result.err
    np.testing.assert_allclose(load_file(target)["scores"], np.maximum(X @ WEIGHT, 0), rtol=1e-6)


def test_json_says_what_the_outputs_are(command: Command, bundle: Path, graph: Path) -> None:
    content = command("run", bundle, "--input", graph, "--num-threads", 1, "--json").json
    expected = np.maximum(X @ WEIGHT, 0)
    (output,) = content["outputs"]
    assert output["shape"] == [2, 2]
    assert output["max"] == pytest.approx(float(expected.max()))
    assert content["target"] == "onnx"


def test_outputs_without_a_finite_number_are_valid_json(
    command: Command, bundle: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "nan.npz", x=np.full((1, 3), np.nan, np.float32))
    np.savez(tmp_path / "empty.npz", x=np.ones((0, 3), np.float32))
    for name in ("nan.npz", "empty.npz"):
        (output,) = command("run", bundle, "--input", tmp_path / name, "--json").json["outputs"]
        assert output["min"] is None


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_tensor_may_have_any_name_and_no_dimensions(tmp_path: Path, suffix: str) -> None:
    from geocompile.cli.tensor_files import read_tensors, write_tensors

    tensors = {"file": X, "allow_pickle": X[0], "transposed": X.T, "number": np.array(2.5, np.float32)}
    path = tmp_path / f"odd{suffix}"
    write_tensors(path, tensors)
    for name, value in read_tensors(path).items():
        np.testing.assert_array_equal(value, tensors[name], strict=True)


def _pickled(path: Path) -> None:
    np.savez(path, x=np.array([{"a": 1}], dtype=object))


@pytest.mark.parametrize(
    ("write", "problem"),
    [
        (lambda path: None, "there is no file"),
        (lambda path: path.write_bytes(b"not a zip"), "is not a readable .npz file"),
        (_pickled, "is not a readable .npz file"),
        (lambda path: np.savez(path, x=X.astype(np.float64)), "float64"),
        (lambda path: np.savez(path, x=X[:, :2]), "x"),
        (lambda path: np.savez(path, y=X), "'y'"),
        (lambda path: np.savez(path), "'x' is missing"),
    ],
    ids=["missing", "damaged", "pickled", "dtype", "shape", "name", "empty"],
)
def test_bad_input_is_named_and_nothing_is_written(
    command: Command, bundle: Path, tmp_path: Path, write: object, problem: str
) -> None:
    path = tmp_path / "bad.npz"
    write(path)  # type: ignore[operator]
    result = command("run", bundle, "--input", path, "--output", tmp_path / "out.npz")
    assert result.code == 2
    assert problem in result.err
    assert "bad.npz" in result.err
    assert not (tmp_path / "out.npz").exists()


def test_output_is_refused_before_the_work(
    command: Command, bundle: Path, graph: Path, tmp_path: Path
) -> None:
    for output in (tmp_path / "out.csv", tmp_path / "nowhere" / "out.npz"):
        result = command("run", bundle, "--input", graph, "--output", output)
        assert result.code == 2
        assert not output.exists()


def test_an_engine_that_the_bundle_lacks_is_bad_input(command: Command, bundle: Path, graph: Path) -> None:
    result = command("run", bundle, "--input", graph, "--target", "torchscript")
    assert result.code == 2
    assert "no engine 'torchscript'" in result.err


def test_a_changed_byte_is_bad_input(command: Command, bundle: Path, graph: Path) -> None:
    engine = bundle / "model.onnx"
    data = bytearray(engine.read_bytes())
    data[-1] ^= 1
    engine.write_bytes(bytes(data))
    result = command("run", bundle, "--input", graph)
    assert result.code == 2
    assert "model.onnx was changed" in result.err


def test_a_missing_runtime_has_its_own_exit_code(
    command: Command, bundle: Path, graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    result = command("run", bundle, "--input", graph)
    assert result.code == 3
    assert "pip install 'geocompile[cpu]'" in result.err
