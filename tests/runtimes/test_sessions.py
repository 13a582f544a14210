"""Every session answers as the model does: values, kind, structure, at any size, from many threads."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from geocompile.bundle import Bundle, BundleWriter
from geocompile.errors import BundleError, MissingRuntimeError
from geocompile.exporters import EngineFiles, TensorSpec
from geocompile.runtimes import RUNTIMES, Session, aotinductor
from tests.bundle import handmade

TARGETS = ("onnx", "torchscript", "aotinductor")


@pytest.fixture(params=TARGETS)
def session(request: pytest.FixtureRequest, bundle: Bundle) -> Session:
    return bundle.session(request.param)


def test_registry_and_these_tests_agree() -> None:
    assert tuple(RUNTIMES) == TARGETS


@pytest.mark.parametrize(("num_nodes", "num_edges"), [(6, 9), (1, 1), (1, 0), (100, 1000), (5, 0), (0, 0)])
def test_answers_equal_numpy_at_every_size(session: Session, num_nodes: int, num_edges: int) -> None:
    inputs = handmade.graph(num_nodes, num_edges, seed=num_nodes)
    out, rest = session(**inputs)
    wanted = handmade.expected(**inputs)
    assert isinstance(out, np.ndarray)
    assert rest["nothing"] is None
    np.testing.assert_allclose(out, wanted["out"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(rest["total"], wanted["total"], rtol=1e-4, atol=1e-4)


def test_samples_are_met(bundle: Bundle, session: Session) -> None:
    for inputs, outputs in bundle.samples():
        np.testing.assert_allclose(session(**inputs)[0], outputs["out"], rtol=1e-5, atol=1e-5)


def test_inputs_go_by_position_and_by_name(session: Session) -> None:
    inputs = handmade.graph()
    by_name = session(edge_index=inputs["edge_index"], x=inputs["x"])[0]
    np.testing.assert_array_equal(session(inputs["x"], inputs["edge_index"])[0], by_name)
    np.testing.assert_array_equal(session(inputs["x"], edge_index=inputs["edge_index"])[0], by_name)


def test_torch_in_torch_out(session: Session) -> None:
    inputs = {name: torch.from_numpy(value) for name, value in handmade.graph().items()}
    out, rest = session(**inputs)
    assert isinstance(out, torch.Tensor)
    assert isinstance(rest["total"], torch.Tensor)
    assert not out.requires_grad
    assert not out.is_inference()
    torch.testing.assert_close(out, torch.from_numpy(session(**handmade.graph())[0]))


def test_parameter_that_requires_grad_is_an_ordinary_input(session: Session) -> None:
    inputs = {name: torch.from_numpy(value) for name, value in handmade.graph().items()}
    inputs["x"].requires_grad_()
    assert not session(**inputs)[0].requires_grad


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_layout_in_memory_does_not_matter(session: Session, kind: str) -> None:
    inputs = handmade.graph()
    x = np.asfortranarray(inputs["x"])
    edge_index = np.ascontiguousarray(np.flip(inputs["edge_index"], 1))[:, ::-1]
    wanted = session(**inputs)[0]
    if kind == "numpy":
        out = session(x, edge_index)[0]
    else:
        transposed = torch.from_numpy(np.ascontiguousarray(x.T)).T
        strided = torch.from_numpy(np.repeat(inputs["edge_index"], 2, axis=1))[:, ::2]
        assert not transposed.is_contiguous()
        assert not strided.is_contiguous()
        out = session(transposed, strided)[0].numpy()
    np.testing.assert_array_equal(out, wanted)


def test_foreign_byte_order_and_read_only_arrays_are_fine(session: Session) -> None:
    inputs = handmade.graph()
    wanted = session(**inputs)[0]
    inputs["x"].setflags(write=False)
    np.testing.assert_array_equal(session(inputs["x"], inputs["edge_index"].astype(">i8"))[0], wanted)


def test_inputs_are_not_changed(session: Session) -> None:
    inputs = handmade.graph()
    session(**inputs)
    for name, value in handmade.graph().items():
        np.testing.assert_array_equal(inputs[name], value)


def test_nan_and_inf_travel(session: Session) -> None:
    inputs = handmade.graph()
    inputs["x"][0, 0] = np.nan
    out = session(**inputs)[0]
    assert np.isnan(out[0]).all()
    np.testing.assert_allclose(out[1:], handmade.expected(**inputs)["out"][1:], rtol=1e-5, atol=1e-5)


def test_many_threads_get_the_answers_of_one(session: Session) -> None:
    graphs = [handmade.graph(num_nodes=5 + i, num_edges=7 * i, seed=i) for i in range(12)]
    alone = [session(**inputs)[0] for inputs in graphs]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            for one, many in zip(alone, pool.map(lambda inputs: session(**inputs)[0], graphs), strict=True):
                np.testing.assert_array_equal(one, many)


def test_other_threads_run_meanwhile(session: Session) -> None:
    """The interpreter lock is free while the engine works: a counting thread has no pause as long as the call.

    The best of several attempts counts: a busy machine pauses a thread as well, a held lock always does.
    """
    inputs = {"x": np.ones((4_000_000, 4), np.float32), "edge_index": np.zeros((2, 1), np.int64)}
    pauses = [longest_pause(lambda: session(**inputs)) for _ in range(5)]
    assert min(longest / whole for longest, whole in pauses) < 0.5, pauses


def test_aotinductor_engine_runs_by_torchs_own_binding_too(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = handmade.graph()
    wanted = bundle.session("aotinductor")(**inputs)[0]
    monkeypatch.setattr(aotinductor, "_binding", lambda torch: None)
    session = bundle.session("aotinductor")
    np.testing.assert_array_equal(session(**inputs)[0], wanted)
    with ThreadPoolExecutor(4) as pool:
        for out, _ in pool.map(lambda _: session(**inputs), range(20)):
            np.testing.assert_array_equal(out, wanted)


def longest_pause(work: Callable[[], Any]) -> tuple[float, float]:
    thread = threading.Thread(target=work)
    started = last = time.perf_counter()
    longest = 0.0
    thread.start()
    while thread.is_alive():
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest, time.perf_counter() - started


@pytest.mark.parametrize("target", TARGETS)
def test_number_of_threads_is_kept_to_and_does_not_change_the_answer(bundle: Bundle, target: str) -> None:
    before = torch.get_num_threads()
    inputs = handmade.graph(1000, 5000)
    one, two = (bundle.session(target, num_threads=n)(**inputs)[0] for n in (1, 2))
    np.testing.assert_array_equal(one, two)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "bool"])
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_every_dtype_passes_unchanged(tmp_path: Path, dtype: str, kind: str) -> None:
    session = handmade.write_identity_bundle(tmp_path / "identity", dtype).session("onnx")
    value = np.array([0, 1, 2]).astype(dtype)
    out = session(value if kind == "numpy" else torch.from_numpy(value))
    assert str(out.dtype).removeprefix("torch.") == dtype
    np.testing.assert_array_equal(np.asarray(out), value)


def test_scalars_keep_their_rank(tmp_path: Path) -> None:
    session = handmade.write_identity_bundle(tmp_path / "identity", "float32", ()).session("onnx")
    assert session(np.array(3, np.float32)).shape == ()


def test_unknown_engine_lists_what_there_is(bundle: Bundle) -> None:
    with pytest.raises(
        ValueError, match=r"no engine 'tensorrt' for device 'cpu'.* it has: onnx \(cpu\), torchscript"
    ):
        bundle.session("tensorrt")
    with pytest.raises(ValueError, match="no engine 'onnx' for device 'cuda'"):
        bundle.session("onnx", device="cuda")


def test_options_that_do_not_fit_are_refused(bundle: Bundle) -> None:
    with pytest.raises(ValueError, match="num_threads must be at least 1, got 0"):
        bundle.session("onnx", num_threads=0)
    with pytest.raises(ValueError, match="portable=True is for the onnx engine, not for 'torchscript'"):
        bundle.session("torchscript", portable=True)


@pytest.mark.parametrize(
    ("target", "module", "extra"), [("onnx", "onnxruntime", "cpu"), ("torchscript", "torch", "compile")]
)
def test_missing_runtime_names_the_extra(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, target: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingRuntimeError, match=rf"pip install 'geocompile\[{extra}\]'"):
        bundle.session(target)


@pytest.mark.parametrize(
    ("target", "file"), [("onnx", "m.onnx"), ("torchscript", "m.ts"), ("aotinductor", "m.pt2")]
)
@pytest.mark.parametrize("content", [b"", b"not a model", b"\x80\x04\x95 pickled"])
def test_file_that_is_no_engine_is_refused(tmp_path: Path, target: str, file: str, content: bytes) -> None:
    with BundleWriter(tmp_path / "b") as writer:
        (writer.folder / file).write_bytes(content)
        writer.add_engine(EngineFiles(target=target, file=file))
        bundle = writer.finish(**handmade.FIELDS)
    with pytest.raises(BundleError, match=f"{file}: .* cannot open it"):
        bundle.session(target)


def test_onnx_model_of_another_signature_is_refused(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "b") as writer:
        handmade.write_onnx(writer.folder / "model.onnx")
        writer.add_engine(EngineFiles(target="onnx", file="model.onnx"))
        bundle = writer.finish(
            **handmade.FIELDS | {"inputs": (TensorSpec("x", "float32", ("num_nodes", 4)),)}
        )
    with pytest.raises(BundleError, match="does not have the inputs and outputs that the manifest names"):
        bundle.session("onnx")
