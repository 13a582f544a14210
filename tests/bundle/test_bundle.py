"""Writing and loading: what was written is what is loaded, and whatever was changed since is refused."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import geocompile
from geocompile.bundle import Bundle, BundleWriter, load
from geocompile.errors import BundleError
from geocompile.exporters import TensorSpec
from tests.bundle import handmade


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return handmade.write_bundle(tmp_path / "gcn", "onnx")


def rewrite(bundle: Bundle, change: Callable[[dict], None]) -> None:
    """Changes the manifest as someone with a text editor could."""
    path = bundle.path / "manifest.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def record(data: bytes) -> dict[str, object]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def test_loaded_bundle_equals_the_written_one(bundle: Bundle) -> None:
    loaded = load(bundle.path)
    assert loaded == bundle
    assert loaded.targets == ("onnx",)
    assert loaded.manifest.geocompile == geocompile.__version__
    assert loaded.manifest.inputs == handmade.FIELDS["inputs"]
    assert {
        "model.onnx",
        "run.py",
        "samples/0.safetensors",
        "cpp/CMakeLists.txt",
    } <= loaded.manifest.files.keys()


def test_public_load_is_this_one(bundle: Bundle) -> None:
    assert geocompile.load(str(bundle.path)) == bundle


def test_samples_come_back(bundle: Bundle) -> None:
    samples = load(bundle.path).samples()
    assert len(samples) == 2
    inputs, outputs = samples[0]
    for name, value in handmade.graph().items():
        np.testing.assert_array_equal(inputs[name], value)
    np.testing.assert_array_equal(outputs["out"], handmade.expected(**inputs)["out"])
    assert samples[1][0]["edge_index"].shape == (2, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "bool"])
def test_samples_keep_every_dtype(tmp_path: Path, dtype: str) -> None:
    values = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)
    spec = TensorSpec("value", dtype, (3, 2))
    fields = handmade.FIELDS | {
        "inputs": (spec,),
        "outputs": (spec,),
        "output_structure": {"kind": "tensor", "index": 0},
    }
    with BundleWriter(tmp_path / "b") as writer:
        writer.add_sample({"value": values.T}, {"value": values.T})  # not contiguous
        writer.finish(**fields)
    inputs, outputs = load(tmp_path / "b").samples()[0]
    assert inputs["value"].dtype == dtype
    np.testing.assert_array_equal(inputs["value"], values.T)
    np.testing.assert_array_equal(outputs["value"], values.T)


def test_sample_removed_after_opening_is_said_to_be_missing(bundle: Bundle) -> None:
    opened = load(bundle.path)
    (bundle.path / "samples/1.safetensors").unlink()
    with pytest.raises(
        BundleError, match=r"the sample 'samples/1\.safetensors' of the bundle is missing: copy"
    ):
        opened.samples()


def test_digest_pins_the_bundle(bundle: Bundle) -> None:
    assert load(bundle.path, digest=bundle.digest).digest == bundle.digest
    with pytest.raises(BundleError, match="expected sha256:0000"):
        load(bundle.path, digest="sha256:" + "0" * 64)
    with pytest.raises(BundleError, match="must read 'sha256:'"):
        load(bundle.path, digest="0" * 64)
    rewrite(bundle, lambda values: values.update(model="Other"))
    with pytest.raises(BundleError, match="another bundle or was changed"):
        load(bundle.path, digest=bundle.digest)


@pytest.mark.parametrize("name", ["model.onnx", "samples/1.safetensors", "run.py"])
def test_changed_byte_is_refused(bundle: Bundle, name: str) -> None:
    path = bundle.path / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleError, match=f"{Path(name).name} was changed"):
        load(bundle.path)


def test_appended_byte_is_refused(bundle: Bundle) -> None:
    with (bundle.path / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match=r"model\.onnx has \d+ bytes, the manifest says"):
        load(bundle.path)


@pytest.mark.parametrize("replacement", ["nothing", "folder"])
def test_missing_file_is_refused(bundle: Bundle, replacement: str) -> None:
    (bundle.path / "model.onnx").unlink()
    if replacement == "folder":
        (bundle.path / "model.onnx").mkdir()
    with pytest.raises(BundleError, match=r"'model\.onnx' of the bundle is missing"):
        load(bundle.path)


def test_every_file_is_listed_a_nested_manifest_too(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "b") as writer:
        (writer.folder / "weights").mkdir()
        (writer.folder / "weights" / "manifest.json").write_text("{}")
        bundle = writer.finish(**handmade.FIELDS)
    files = {path.relative_to(bundle.path).as_posix() for path in bundle.path.rglob("*") if path.is_file()}
    assert bundle.manifest.files.keys() == files - {"manifest.json"}


def test_file_beside_the_listed_ones_is_left_alone(bundle: Bundle) -> None:
    (bundle.path / "notes.txt").write_text("mine")
    assert load(bundle.path) == bundle


@pytest.mark.parametrize("target", ["file", "folder", "manifest"])
def test_link_that_leaves_the_folder_is_refused(bundle: Bundle, tmp_path: Path, target: str) -> None:
    inside = bundle.path / {"file": "model.onnx", "folder": "samples", "manifest": "manifest.json"}[target]
    inside.rename(tmp_path / "outside")
    inside.symlink_to(tmp_path / "outside")
    with pytest.raises(BundleError, match="is a link that leaves the bundle"):
        load(bundle.path)


def test_link_inside_the_folder_and_linked_bundle_are_fine(bundle: Bundle, tmp_path: Path) -> None:
    (bundle.path / "model.onnx").rename(bundle.path / "renamed.onnx")
    (bundle.path / "model.onnx").symlink_to("renamed.onnx")
    (tmp_path / "current").symlink_to(bundle.path)
    assert load(tmp_path / "current").digest == bundle.digest


@pytest.mark.parametrize("path", ["../outside.onnx", "/etc/hostname"])
def test_listed_path_outside_the_folder_is_refused(bundle: Bundle, tmp_path: Path, path: str) -> None:
    data = b"outside"
    (tmp_path / "outside.onnx").write_bytes(data)
    rewrite(bundle, lambda values: values["files"].update({path: record(data)}))
    with pytest.raises(BundleError, match="not a plain path inside the bundle"):
        load(bundle.path)


def test_unlisted_engine_is_refused(bundle: Bundle) -> None:
    (bundle.path / "evil.onnx").write_bytes(b"")
    rewrite(bundle, lambda values: values["engines"][0].update(file="evil.onnx"))
    with pytest.raises(BundleError, match=r"'evil\.onnx', which is not listed under 'files'"):
        load(bundle.path)


def test_newer_schema_is_refused(bundle: Bundle) -> None:
    rewrite(bundle, lambda values: values.update(schema_version=99, geocompile="9.9.0"))
    with pytest.raises(BundleError, match=r"needs geocompile 9\.9\.0 or later"):
        load(bundle.path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "there is no such folder"),
        (lambda path: path.write_text("x"), "there is no such folder"),
        (lambda path: path.mkdir(), r"it has no manifest\.json"),
        (lambda path: (path / "manifest.json").mkdir(parents=True), r"it has no manifest\.json"),
    ],
)
def test_what_is_no_bundle_is_refused(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    make(tmp_path / "it")
    with pytest.raises(BundleError, match=message):
        load(tmp_path / "it")


def test_huge_manifest_is_not_read(bundle: Bundle) -> None:
    with (bundle.path / "manifest.json").open("r+b") as file:
        file.truncate(2**40)  # sparse
    with pytest.raises(BundleError, match="more than any manifest"):
        load(bundle.path)


class Bomb:
    """Unpickling it shows."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("unpickled",)


def test_pickled_sample_is_not_opened(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(Bomb())
    (bundle.path / "samples/0.safetensors").write_bytes(data)
    rewrite(bundle, lambda values: values["files"].update({"samples/0.safetensors": record(data)}))
    with pytest.raises(BundleError, match="not a readable safetensors file"):
        load(bundle.path).samples()
    assert not (tmp_path / "unpickled").exists()


def header(values: object, body: bytes = b"") -> bytes:
    text = json.dumps(values).encode()
    return len(text).to_bytes(8, "little") + text + body


HOSTILE_SAFETENSORS = {
    "empty file": b"",
    "header longer than the file": (2**40).to_bytes(8, "little") + b"{}",
    "header length overflows": (2**64 - 1).to_bytes(8, "little") + b"{}",
    "header is no JSON": (4).to_bytes(8, "little") + b"nope",
    "header is deeply nested": (20_000).to_bytes(8, "little") + b"[" * 20_000,
    "offsets outside": header({"in.x": {"dtype": "F32", "shape": [1, 4], "data_offsets": [0, 2**50]}}),
    "offsets reversed": header(
        {"in.x": {"dtype": "F32", "shape": [1, 4], "data_offsets": [16, 0]}}, b"\0" * 16
    ),
    "offsets negative": header(
        {"in.x": {"dtype": "F32", "shape": [1, 4], "data_offsets": [-16, 0]}}, b"\0" * 16
    ),
    "shape overflows": header(
        {"in.x": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 16]}}, b"\0" * 16
    ),
    "shape and size differ": header(
        {"in.x": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 16]}}, b"\0" * 16
    ),
    "unknown dtype": header({"in.x": {"dtype": "X9", "shape": [1, 4], "data_offsets": [0, 16]}}, b"\0" * 16),
    "tensor missing": header(
        {"in.x": {"dtype": "F32", "shape": [1, 4], "data_offsets": [0, 16]}}, b"\0" * 16
    ),
    "other dtype": header({"in.x": {"dtype": "F64", "shape": [1, 2], "data_offsets": [0, 16]}}, b"\0" * 16),
    "other rank": header({"in.x": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, b"\0" * 16),
}


@pytest.mark.parametrize("attack", HOSTILE_SAFETENSORS)
def test_hostile_sample_is_refused(bundle: Bundle, attack: str) -> None:
    data = HOSTILE_SAFETENSORS[attack]
    (bundle.path / "samples/0.safetensors").write_bytes(data)
    rewrite(bundle, lambda values: values["files"].update({"samples/0.safetensors": record(data)}))
    with pytest.raises(BundleError, match=r"0\.safetensors") as caught:
        load(bundle.path).samples()
    assert len(str(caught.value).splitlines()) == 1


def test_bundle_is_readable_by_others(bundle: Bundle) -> None:
    assert stat.S_IMODE(bundle.path.stat().st_mode) == 0o777 & ~_umask()


def test_torch_tensors_make_the_same_sample(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    inputs = handmade.graph()
    outputs = handmade.expected(**inputs)
    with BundleWriter(tmp_path / "b") as writer:
        writer.add_sample(
            {
                name: torch.from_numpy(value).requires_grad_(value.dtype == np.float32)
                for name, value in inputs.items()
            },
            {name: torch.from_numpy(value) for name, value in outputs.items()},
        )
        bundle = writer.finish(**handmade.FIELDS)
    save_file(
        {f"in.{k}": v for k, v in inputs.items()} | {f"out.{k}": v for k, v in outputs.items()},
        tmp_path / "s",
    )
    assert (bundle.path / "samples/0.safetensors").read_bytes() == (tmp_path / "s").read_bytes()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
