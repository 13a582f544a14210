"""The library in ONNX Runtime: preferred to function bodies, shared by sessions and threads, defaults, old runtimes."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from geocompile.custom_ops.libraries import ort_library
from tests.onnx.models import Call, call_of, feeds, model_of, session, with_library, without_library
from tests.operators.cases import Case, graphs, heavy_graph
from tests.operators.oracles import expected


def test_library_is_preferred_to_the_function_body_in_the_same_file() -> None:
    """Both refuse the index, and only the kernel's message is ours."""
    call = Call("GatherSegmentSum", [np.ones((3, 2), np.float32), np.array([0, 1, 1, 1]), np.array([-1])])
    model = model_of(call)
    with pytest.raises(Exception, match=r"geocompile\.gather_segment_reduce: 'col'\[0\] is -1"):
        session(model, library=True).run(None, feeds(model, call))
    with pytest.raises(Exception, match="out of data bounds") as error:
        session(model, library=False).run(None, feeds(model, call))
    assert "geocompile.gather_segment_reduce" not in str(error.value)


@pytest.mark.parametrize("run", [with_library, without_library])
def test_attributes_that_a_node_does_not_write_have_their_defaults(run) -> None:  # type: ignore[no-untyped-def]
    g = graphs()[2]
    arguments = {"rowptr": g.rowptr, "col": g.col, "like": np.zeros(4), "weight": None}
    case = Case("gcn_norm", "defaults", {**arguments, "fill_value": 1.0, "add_self_loops": True})
    outputs = run(Call("GcnNorm", call_of(case).inputs))
    for got, want in zip(outputs, expected("gcn_norm", case.arguments), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("value", [2, "2.0", [2.0]])
def test_an_attribute_of_the_wrong_type_is_refused_when_the_model_is_loaded(value: object) -> None:
    """ONNX Runtime does not check the attributes of custom operators; the default would answer instead."""
    inputs = [np.array([0, 0]), np.array([], np.int64), np.ones((1, 1), np.float32)]
    with pytest.raises(Exception, match=r"geocompile\.GcnNorm: attribute 'fill_value' must be a float"):
        with_library(Call("GcnNorm", inputs, {"fill_value": value}))
    with pytest.raises(Exception, match=r"geocompile\.GcnNorm: attribute 'add_self_loops' must be an int"):
        with_library(Call("GcnNorm", inputs, {"add_self_loops": 1.0}))


def test_one_session_serves_many_threads() -> None:
    g = heavy_graph()
    call = Call("GatherSegmentSum", [np.random.default_rng(0).normal(size=(50, 8)), g.rowptr, g.col])
    model = model_of(call, with_function=False)
    running = session(model, library=True)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: running.run(None, feeds(model, call))[0].tobytes(), range(64)))
    assert len(set(results)) == 1


def test_a_runtime_before_1_18_is_refused_with_what_to_do() -> None:
    messages: list[bytes] = []
    create_status = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)
    get_api = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32)
    get_version = ctypes.CFUNCTYPE(ctypes.c_void_p)
    version = ctypes.create_string_buffer(b"1.17.3")

    class Api(ctypes.Structure):
        _fields_ = (("create_status", create_status),)

    class ApiBase(ctypes.Structure):
        _fields_ = (("get_api", get_api), ("get_version", get_version))

    api = Api(create_status(lambda code, message: messages.append(message) or 1))
    base = ApiBase(
        get_api(lambda wanted: ctypes.addressof(api) if wanted <= 17 else None),
        get_version(lambda: ctypes.addressof(version)),
    )
    register = ctypes.CDLL(str(ort_library())).RegisterCustomOps
    register.restype = ctypes.c_void_p
    assert register(None, ctypes.byref(base)) == 1
    assert messages == [
        b"geocompile: ONNX Runtime 1.18 or later is needed, this is 1.17.3; upgrade onnxruntime"
    ]
