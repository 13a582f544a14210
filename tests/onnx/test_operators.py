"""Every operator case gives the oracle's values in ONNX Runtime with our library, without it, and in the reference."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import onnx
import onnx.shape_inference
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocompile.custom_ops import onnx as operators
from tests.onnx.models import ENGINES, call_of, model_of, with_library, without_library
from tests.operators.cases import REDUCTIONS, Case, Graph, cases, heavy_graph
from tests.operators.oracles import expected
from tests.operators.rounding import bounds_of


def check(case: Case, outputs: Sequence[np.ndarray]) -> None:
    for got, want in zip(outputs, expected(case.operator, case.arguments), strict=False):
        assert got.shape == want.shape
        if want.dtype.kind == "f":
            assert case.value_dtype is not None
            name = case.value_dtype.name
            assert got.dtype.name in (name, "float32" if name == "bfloat16" else name)
            with np.errstate(over="ignore"):
                want = want.astype(case.value_dtype).astype(np.float64)  # a half has its own largest number
            relative, absolute = bounds_of(case, want, case.value_dtype)
            np.testing.assert_allclose(got.astype(np.float64), want, relative, absolute)
        else:
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", cases(), ids=str)
def test_engine_gives_the_oracles_values(case: Case, engine: str) -> None:
    check(case, ENGINES[engine](call_of(case)))


def test_the_cases_cover_every_op_type() -> None:
    assert {call_of(case).op_type for case in cases()} == set(operators.OP_TYPES)


@pytest.mark.parametrize("case", {call_of(c).op_type: c for c in cases()}.values(), ids=str)
def test_models_pass_the_onnx_checker(case: Case) -> None:
    operators.register_schemas()
    model = onnx.shape_inference.infer_shapes(model_of(call_of(case)), strict_mode=True)
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_nan_in_the_rows_own_term_travels(reduce: str, engine: str) -> None:
    x = np.array([[np.nan, 1.0], [2.0, np.inf]])
    arguments = {"x": x, "rowptr": np.array([0, 1, 1]), "col": np.array([1]), "weight": None}
    case = Case(
        "gather_segment_reduce", "nan-self", {**arguments, "self_weight": np.ones(2), "reduce": reduce}
    )
    check(case, ENGINES[engine](call_of(case)))


@pytest.mark.parametrize("case", [c for c in cases() if "heavy-row" in c.name], ids=str)
def test_library_gives_the_same_bits_on_any_number_of_threads(case: Case) -> None:
    one = with_library(call_of(case), num_threads=1)
    for threads in (2, 3, 8):
        assert [a.tobytes() for a in with_library(call_of(case), num_threads=threads)] == [
            a.tobytes() for a in one
        ]


def test_large_graph_is_sorted_on_several_threads_as_on_one() -> None:
    g = heavy_graph()
    index = np.tile(g.target, 8)
    case = Case("csr_from_coo", "large", {"index": index, "like": np.zeros(g.num_nodes), "other": index})
    rowptr, perm, other = with_library(call_of(case), num_threads=4)
    np.testing.assert_array_equal(perm, np.argsort(index, kind="stable"))
    np.testing.assert_array_equal(np.diff(rowptr), np.bincount(index, minlength=g.num_nodes))
    np.testing.assert_array_equal(other, np.sort(index))


@st.composite
def _graphs(draw: st.DrawFn) -> Graph:
    index = draw(st.sampled_from([np.int64, np.int32]))
    num_nodes = draw(st.integers(0, 6))
    node = st.integers(0, num_nodes - 1)
    edges = draw(st.lists(st.tuples(node, node), max_size=12)) if num_nodes else []
    source, target = np.array(edges, index).reshape(-1, 2).T
    return Graph("drawn", num_nodes, source, target)


@settings(max_examples=60, deadline=None)
@given(
    _graphs(), st.sampled_from(REDUCTIONS), st.booleans(), st.booleans(), st.randoms(use_true_random=False)
)
def test_any_graph_reduces_and_normalizes_alike(
    g: Graph, reduce: str, weighted: bool, with_self: bool, random: Random
) -> None:
    def values(*shape: int) -> np.ndarray:
        flat = [random.choice([0.5, -2.0, 3.0, 0.0, np.inf, np.nan]) for _ in range(int(np.prod(shape)))]
        return np.array(flat, np.float64).reshape(shape)

    gather = {
        "x": values(g.num_nodes, 2),
        "rowptr": g.rowptr,
        "col": g.col,
        "weight": values(g.num_edges) if weighted else None,
        "self_weight": values(g.num_nodes) if with_self else None,
        "reduce": reduce,
    }
    norm = {
        "rowptr": g.rowptr,
        "col": g.col,
        "like": np.zeros(g.num_nodes),
        "weight": np.arange(1.0, g.num_edges + 1) if weighted else None,
        "fill_value": 2.0,
        "add_self_loops": with_self,
    }
    with np.errstate(invalid="ignore"):
        for case in (Case("gather_segment_reduce", "drawn", gather), Case("gcn_norm", "drawn", norm)):
            check(case, with_library(call_of(case)))
            check(case, without_library(call_of(case)))
