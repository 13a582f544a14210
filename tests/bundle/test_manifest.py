"""The manifest survives the way to JSON and back, and names the field that is wrong."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from geocompile.errors import BundleError
from geocompile.exporters import TensorSpec
from geocompile.manifest import Engine, FileRecord, Manifest, Tolerance, default_tolerance
from geocompile.manifest_checks import check_relative

HASH = "0" * 64
MANIFEST = Manifest(
    model="GCN",
    inputs=(
        TensorSpec("x", "float32", ("num_nodes", 4)),
        TensorSpec("batch", "int64", ("num_nodes",), "*"),
        TensorSpec("edges", "int32", (2, "num_edges"), ("num_nodes", None)),
        TensorSpec("kind", "int64", ("num_edges",), "10"),
    ),
    outputs=(TensorSpec("out", "float64", ("num_graphs", 2)),),
    output_structure={"kind": "list", "items": [{"kind": "tensor", "index": 0}, {"kind": "none"}]},
    engines=(Engine("onnx", "cpu", "model.onnx", ("model.onnx.data",), ("lib/ops.so",), {"opset": 20}),),
    files={
        name: FileRecord(HASH, 3)
        for name in ("model.onnx", "model.onnx.data", "lib/ops.so", "samples/0.safetensors")
    },
    samples=("samples/0.safetensors",),
    tolerances={"out": Tolerance(1e-9, 1e-6)},
    versions={"numpy": "2.0"},
    passes=({"name": "drop_dropout", "changed": 1},),
    verification={"ok": True},
    created="2026-01-01T00:00:00Z",
    geocompile="0.1.0",
)


def broken(path: str, value: Any) -> dict[str, Any]:
    """The manifest's JSON with one field replaced (or removed, for `...`)."""
    values: Any = copy.deepcopy(json.loads(MANIFEST.to_bytes()))
    place = values
    *parents, last = path.split("/")
    for key in parents:
        place = place[int(key) if isinstance(place, list) else key]
    last_key: Any = int(last) if isinstance(place, list) else last
    if value is ...:
        del place[last_key]
    else:
        place[last_key] = value
    return values  # type: ignore[no-any-return]


def test_manifest_survives_json() -> None:
    assert Manifest.from_bytes(MANIFEST.to_bytes()) == MANIFEST


def test_equal_manifests_give_equal_bytes() -> None:
    assert Manifest.from_bytes(MANIFEST.to_bytes()).to_bytes() == MANIFEST.to_bytes()


def test_keys_of_an_output_dict_keep_the_models_order() -> None:
    items = {key: {"kind": "tensor", "index": 0} for key in ("z", "a", "m")}
    structure = {"kind": "dict", "items": items}
    again = Manifest.from_bytes(replace(MANIFEST, output_structure=structure).to_bytes())
    assert list(again.output_structure["items"]) == ["z", "a", "m"]


def test_index_bounds_survive_in_every_form() -> None:
    written = [values["index_of"] for values in json.loads(MANIFEST.to_bytes())["inputs"]]
    assert written == [None, "*", ["num_nodes", None], "10"]
    again = Manifest.from_bytes(MANIFEST.to_bytes())
    assert [spec.index_of for spec in again.inputs] == [None, "*", ("num_nodes", None), "10"]


def test_unknown_fields_are_ignored() -> None:
    values = broken("later_field", [1])
    values["engines"][0]["later_field"] = 1
    assert Manifest.from_json(values) == MANIFEST


def test_optional_fields_may_be_absent() -> None:
    values = json.loads(MANIFEST.to_bytes())
    for name in ("samples", "tolerances", "versions", "passes", "verification", "created"):
        del values[name]
    manifest = Manifest.from_json(values)
    assert (manifest.samples, manifest.tolerances, manifest.verification) == ((), {}, None)


def test_newer_schema_names_the_version_that_reads_it() -> None:
    values = broken("schema_version", 2) | {"geocompile": "7.1.0", "inputs": "of another form"}
    with pytest.raises(BundleError, match=r"schema version 2.*needs geocompile 7\.1\.0 or later"):
        Manifest.from_json(values)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("model", ..., "'model' is missing, expected a string"),
        ("model", 3, "'model' must be a string, got int '3'"),
        ("schema_version", "1", "'schema_version' must be an integer"),
        ("schema_version", True, "'schema_version' must be an integer of at least 0, got True"),
        ("schema_version", 0, "'schema_version' must be at least 1"),
        ("inputs", {}, "'inputs' must be a list, got dict"),
        ("inputs/0", "x", r"inputs\[0\] must be an object"),
        ("inputs/0/dtype", "complex64", r"'inputs\[0\].dtype' must be one of .*'complex64'"),
        ("inputs/1/shape", [-1], r"'inputs\[1\].shape' must hold sizes and names of dimensions, got -1"),
        ("inputs/1/shape", [""], r"'inputs\[1\].shape'"),
        ("inputs/1/shape", [1.5], r"'inputs\[1\].shape'"),
        ("inputs/1/name", "x", "'inputs' has two entries of one name"),
        (
            "inputs/1/index_of",
            "num_graphs",
            r"'inputs\[1\].index_of' must be '\*', a number or a dimension of an input "
            r"\(num_edges, num_nodes\), got 'num_graphs'",
        ),
        ("inputs/1/index_of", "", r"'inputs\[1\].index_of' must be .*, got ''"),
        ("inputs/1/index_of", "-1", r"'inputs\[1\].index_of' must be .*, got '-1'"),
        ("inputs/1/index_of", "\u0663", r"'inputs\[1\].index_of' must be"),
        (
            "inputs/1/index_of",
            10,
            r"'inputs\[1\].index_of' must be a string, null, or a list of these, got 10",
        ),
        ("inputs/2/index_of", ["*", 1], r"'inputs\[2\].index_of' must be a string, null, or a list of these"),
        ("inputs/2/index_of", ["*", "rows"], r"'inputs\[2\].index_of' must be '\*', .*, got 'rows'"),
        ("inputs/2/index_of", ["*"], r"'inputs\[2\].index_of' has 1 entries, but dimension 0 is 2"),
        ("inputs/1/index_of", ["*"], r"'inputs\[1\].index_of' has 1 entries, but dimension 0 is num_nodes"),
        (
            "inputs/0/index_of",
            "num_nodes",
            r"'inputs\[0\].index_of' is for integers, and the dtype is 'float32'",
        ),
        ("engines/0/file", None, r"'engines\[0\].file' must be a string, got null"),
        (
            "engines/0/file",
            "other.onnx",
            "the onnx engine names 'other.onnx', which is not listed under 'files'",
        ),
        ("engines/0/file", "model.pkl", "'model.pkl' is none of .onnx, .ts, .pt2, .plan"),
        ("engines/0/libraries", ["lib/evil.so"], "'lib/evil.so', which is not listed"),
        ("engines/0/libraries", [1], r"'engines\[0\].libraries' must hold strings"),
        ("engines/0/extra_files", ["weights.bin"], "'weights.bin', which is not listed"),
        ("files/model.onnx/sha256", "00", r"'files.model.onnx.sha256' must be 64 hexadecimal digits"),
        ("files/model.onnx/sha256", "G" * 64, "64 hexadecimal digits"),
        ("files/model.onnx/bytes", -1, r"'files.model.onnx.bytes' must be an integer of at least 0, got -1"),
        ("samples", ["samples/0.pkl"], "'samples/0.pkl' is not .safetensors, and nothing pickled is opened"),
        ("samples", ["samples/1.safetensors"], "'samples/1.safetensors', which is not listed"),
        ("tolerances/out/atol", -1.0, "'tolerances.out.atol' must be a finite number of at least 0"),
        ("tolerances/out/rtol", "1", "'tolerances.out.rtol' must be a number"),
        (
            "output_structure",
            {"kind": "set"},
            "'output_structure.kind' must be tensor, tuple, list, dict or none",
        ),
        ("output_structure", {"kind": "tensor", "index": 1}, "must be below the number of outputs, 1, got 1"),
        ("output_structure", {"kind": "tuple"}, "'output_structure.items' is missing"),
        ("verification", [1], "'verification' must be an object, got list"),
    ],
)
def test_wrong_field_is_named(path: str, value: Any, message: str) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        Manifest.from_json(broken(path, value))
    assert len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", "", "C:x", "a\\b", "a\x00b", "a\nb"]
)
def test_path_that_could_leave_the_folder_is_refused(path: str) -> None:
    with pytest.raises(BundleError, match="not a plain path inside the bundle"):
        check_relative(path)
    values = broken("model", "GCN")
    values["files"][path] = {"sha256": HASH, "bytes": 0}
    with pytest.raises(BundleError, match="not a plain path inside the bundle"):
        Manifest.from_json(values)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b"[" * 100_000, b'{"schema_version": 1e999}']
)
def test_bytes_that_are_no_manifest_are_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json"):
        Manifest.from_bytes(data)


def test_deeply_nested_output_structure_is_refused() -> None:
    structure: dict[str, Any] = {"kind": "none"}
    for _ in range(40):
        structure = {"kind": "list", "items": [structure]}
    with pytest.raises(BundleError, match="nested more than 32 deep"):
        Manifest.from_json(broken("output_structure", structure))


def test_integer_outputs_are_compared_exactly() -> None:
    assert default_tolerance("int64") == default_tolerance("bool") == Tolerance(0.0, 0.0)
