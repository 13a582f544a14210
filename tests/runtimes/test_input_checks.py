"""Wrong inputs are refused before the engine sees them, by a message that names the input and the remedy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from geocompile.bundle import Bundle
from geocompile.errors import BundleError
from geocompile.exporters import TensorSpec, processor
from geocompile.exporters.processor import native_instructions
from geocompile.runtimes import Session
from geocompile.runtimes.base import bind, build_structure
from geocompile.runtimes.checks import check_inputs
from geocompile.runtimes.processor import check_processor
from tests.bundle import handmade

X = np.zeros((6, 4), np.float32)
EDGES = np.zeros((2, 9), np.int64)


@pytest.fixture(scope="module", params=["onnx", "torchscript", "aotinductor"])
def session(request: pytest.FixtureRequest, bundle: Bundle) -> Session:
    return bundle.session(request.param)


@pytest.mark.parametrize(
    ("arguments", "names", "error", "message"),
    [
        ((X,), {}, TypeError, r"input 'edge_index' is missing, the inputs are \(x, edge_index\)"),
        ((X, None), {}, TypeError, "input 'edge_index' is missing"),
        ((X, EDGES, X), {}, TypeError, r"3 inputs given, the inputs are \(x, edge_index\)"),
        ((X, EDGES), {"x": X}, TypeError, "input 'x' is given by position and by name"),
        ((X, EDGES), {"y": X}, TypeError, r"unknown input 'y', the inputs are \(x, edge_index\)"),
        (
            ([[0.0] * 4], EDGES),
            {},
            TypeError,
            "input 'x' is a list, expected a numpy array or a torch tensor",
        ),
        (
            (torch.from_numpy(X), EDGES),
            {},
            TypeError,
            r"mixed \(x: torch, edge_index: numpy\): give all of one kind",
        ),
        (
            (X.astype("f8"), EDGES),
            {},
            TypeError,
            r"'x' is float64, expected float32: .* x\.astype\('float32'\)",
        ),
        (
            (torch.zeros(6, 4).bfloat16(), torch.from_numpy(EDGES)),
            {},
            TypeError,
            r"'x' is bfloat16, expected float32: .* x\.to\(torch\.float32\)",
        ),
        ((X.astype(object), EDGES), {}, TypeError, "'x' is object, expected float32"),
        ((X, EDGES.astype("i4")), {}, TypeError, "'edge_index' is int32, expected int64"),
        ((X[0], EDGES), {}, ValueError, r"'x' has 1 dimensions \[4\], expected \[num_nodes, 4\]"),
        ((X[:, :3], EDGES), {}, ValueError, r"'x' has shape \[6, 3\], expected \[num_nodes, 4\]"),
        ((X, EDGES.T), {}, ValueError, r"'edge_index' has shape \[9, 2\], expected \[2, num_edges\]"),
        (
            (torch.zeros(6, 4, device="meta"), torch.from_numpy(EDGES)),
            {},
            ValueError,
            r"'x' is on meta, expected cpu: pass x\.cpu\(\)",
        ),
        ((torch.zeros(6, 4).to_sparse(), torch.from_numpy(EDGES)), {}, ValueError, "pass a dense tensor"),
    ],
)
def test_wrong_input_is_named(
    session: Session, arguments: tuple[Any, ...], names: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        session(*arguments, **names)
    assert str(caught.value).startswith("geocompile: ")
    assert len(str(caught.value).splitlines()) == 1


def test_inputs_must_agree_about_a_dimension() -> None:
    specs = (TensorSpec("x", "float32", ("num_nodes", 4)), TensorSpec("batch", "int64", ("num_nodes",)))
    with pytest.raises(
        ValueError, match=r"'batch' has 5 at dimension 0 \(num_nodes\), but input 'x' has num_nodes = 6"
    ):
        check_inputs(specs, {"x": X, "batch": np.zeros(5, np.int64)})


def test_one_input_must_agree_with_itself() -> None:
    spec = TensorSpec("adjacency", "float32", ("num_nodes", "num_nodes"))
    with pytest.raises(ValueError, match="'adjacency' has 3 at dimension 1"):
        check_inputs((spec,), {"adjacency": np.zeros((2, 3), np.float32)})


@pytest.fixture(scope="module", params=["onnx", "torchscript", "aotinductor"])
def unbounded(request: pytest.FixtureRequest, bundle: Bundle) -> Session:
    """A session that knows no index bounds, so that a bad index reaches the engine."""
    inputs = tuple(replace(spec, index_of=None) for spec in bundle.manifest.inputs)
    return replace(bundle, manifest=replace(bundle.manifest, inputs=inputs)).session(request.param)


def test_engine_failure_is_one_line_that_says_which_engine(unbounded: Session) -> None:
    with pytest.raises(RuntimeError, match=f"geocompile: the {unbounded.target} engine failed: .+") as caught:
        unbounded(X, EDGES + 10**6)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 400
    assert "Traceback" not in str(caught.value)


def test_session_still_works_after_a_failure(unbounded: Session) -> None:
    session = unbounded
    with pytest.raises(RuntimeError, match="engine failed"):
        session(X, EDGES + 10**6)
    np.testing.assert_allclose(session(X, EDGES)[0], handmade.expected(X, EDGES)["out"])


def test_structures_nest() -> None:
    tensor = {"kind": "tensor", "index": 1}
    structure = {
        "kind": "dict",
        "items": {"a": {"kind": "list", "items": [tensor, {"kind": "none"}]}, "b": tensor},
    }
    assert build_structure(structure, [10, 11]) == {"a": [11, None], "b": 11}
    assert build_structure({"kind": "tuple", "items": []}, []) == ()


def test_input_named_like_a_python_word_binds() -> None:
    assert bind((TensorSpec("self", "float32", ()),), (1,), {}) == {"self": 1}


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"machine": "riscv128"}, "was built for riscv128, this is"),
        (
            {"cpu_flags": ["avx4096", "fancy"]},
            r"lacks \(avx4096, fancy\): compile it on this machine, or use the onnx",
        ),
    ],
)
def test_engine_for_another_processor_is_refused(metadata: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        check_processor(Path("model.pt2"), metadata)


def test_engine_for_this_processor_is_accepted() -> None:
    check_processor(Path("model.pt2"), {"cpu_flags": native_instructions()})
    check_processor(Path("model.pt2"), {})


def test_flags_of_x86_and_arm_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (
        "model name\t: Fast\nflags\t\t: hypervisor avx2\nflags\t: other\n",
        "Features\t: hypervisor avx2\n",
    ):
        (tmp_path / "cpuinfo").write_text(text)
        monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")
        assert processor.cpu_flags() == {"hypervisor", "avx2"}
        assert native_instructions() == ["avx2"]
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "none")
    assert processor.cpu_flags() == frozenset()
    check_processor(Path("model.pt2"), {"cpu_flags": ["avx2"]})
