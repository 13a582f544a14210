"""Input that the kernels refuse fails the run in ONNX Runtime with our own message, and leaves the session usable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.onnx.models import ENGINES, call_of, feeds, model_of, session, with_library
from tests.operators.cases import Case, refused


def negative() -> list[Case]:
    """Every index argument with one negative element, which wraps around in standard operators."""
    norm = {"like": np.ones(2), "weight": None, "fill_value": 1.0, "add_self_loops": True}
    found: list[tuple[str, dict[str, Any]]] = []
    for index in (
        np.array([0, -1]),
        np.array([-2, 0]),
        np.array([-1, -1], np.int32),
        np.array([-(2**62), 1]),
    ):
        rowptr = np.array([0, 2, 2], index.dtype)
        found += [
            ("csr_from_coo", {"index": index, "like": np.ones(2), "other": None}),
            ("batch_ptr", {"batch": index}),
            ("segment_reduce", {"src": np.ones(2), "rowptr": rowptr, "perm": index, "reduce": "sum"}),
            (
                "gather_segment_reduce",
                {
                    "x": np.ones(2),
                    "rowptr": rowptr,
                    "col": index,
                    "weight": None,
                    "self_weight": None,
                    "reduce": "max",
                },
            ),
            (
                "gather_segment_reduce",
                {
                    "x": np.ones(2),
                    "rowptr": rowptr,
                    "col": index,
                    "weight": np.ones(2),
                    "self_weight": None,
                    "reduce": "sum",
                },
            ),
            ("gcn_norm", {"rowptr": rowptr, "col": index, **norm}),
        ]
    return [
        Case(operator, f"negative-{number}", arguments, (IndexError, "must not be negative"))
        for number, (operator, arguments) in enumerate(found)
    ]


# An element type that no kernel has is refused by ONNX Runtime itself when the model is loaded.
REFUSED_AT_LOAD = {
    "bool-src",
    "float-batch",
    "float-index",
    "integer-features",
    "integer-like",
    "integer-src",
    "integer-weight",
    "narrow-start",
}
REFUSED_AT_LOAD |= {"int32-perm", "int32-kernel-size"}
REFUSED_AT_LOAD |= {
    "fill-0.5-in-int64",
    "fill-nan-in-int64",
    f"fill-{2.0**63}-in-int64",
    "fill-1e+30-in-int32",
}
NO_SUCH_OP_TYPE = {"unknown-degree", "unknown-reduction"}
# What a body cannot refuse, and why that is borne.
SHAPES = "standard operators spread a size of one and go on with more dimensions; the sizes of a model's inputs are "
SHAPES += "those it was captured with, and a session checks them before a call"
ATTRIBUTES = "an attribute is written by our exporter, from a call that eager took"
INDICES = "a body casts indices of any width to int64: its numbers are those of equal widths"
NOT_REFUSED_BY_BODIES = {
    "csr_from_coo-mixed-index-types": INDICES,
    "segment_softmax-mixed-index-types": INDICES,
    "knn-mixed-batches": INDICES,
    "radius-mixed-batches": INDICES,
    "gather_sparse_kernel_reduce-mixed-indices": INDICES,
    "gather_segment_reduce-heads-of-one-weight": SHAPES,
    "gat_coefficients-heads-of-target": SHAPES,
    "gat_aggregate-heads-of-target": SHAPES,
    "dot_coefficients-heads-of-edge-query": SHAPES,
    "dot_attention-heads-of-edge-query": SHAPES,
    "dot_attention-heads-of-value": SHAPES,
    "knn-three-axes": SHAPES,
    "radius-three-axes": SHAPES,
    "nearest-three-axes": SHAPES,
    "graclus-short-weight": SHAPES,
    "coalesce-three-rows": SHAPES,
    "consecutive-matrix": SHAPES,
    "gather_kernel_reduce-flat-weight": SHAPES,
    "filter_edges-transposed": SHAPES,
    "renumber_edges-transposed": SHAPES,
    "renumber_edges-mixed": INDICES,
    "spline_basis-short-kernel-size": SHAPES,
    "spline_basis-short-open": SHAPES,
    "spline_basis-empty-kernel-size": "the sizes of a kernel are constants of a model, which eager took",
    "spline_basis-absurd-kernel-size": "the sizes of a kernel are constants of a model, which eager took",
    "knn-two-clouds": f"skip_self: {ATTRIBUTES}",
    "knn-self-in-two-graphs": f"skip_self: {ATTRIBUTES}",
    "topk-zero-ratio": ATTRIBUTES,
    "topk-nan-ratio": ATTRIBUTES,
}
POINTS_OUTSIDE = [case for case in (*refused(), *negative()) if case.error and case.error[0] is IndexError]
WRONG = [
    case
    for case in refused()
    if case.error and case.error[0] is ValueError and case.name not in NO_SUCH_OP_TYPE | REFUSED_AT_LOAD
]
CASES = [case for case in (*refused(), *negative()) if case.name not in NO_SUCH_OP_TYPE]


@pytest.mark.parametrize("case", [c for c in CASES if c.name not in REFUSED_AT_LOAD], ids=str)
def test_refused_input_gives_our_message(case: Case) -> None:
    assert case.error is not None
    with pytest.raises(Exception, match="INVALID_ARGUMENT") as error:
        with_library(call_of(case))
    assert f"geocompile.{case.operator}: " in str(error.value)
    assert case.error[1] in str(error.value)


@pytest.mark.parametrize("case", [c for c in CASES if c.name in REFUSED_AT_LOAD], ids=str)
def test_wrong_element_type_is_refused_when_the_model_is_loaded(case: Case) -> None:
    with pytest.raises(Exception, match=r"(?i)type") as error:
        with_library(call_of(case))
    assert call_of(case).op_type in str(error.value)


@pytest.mark.parametrize("engine", ["portable", "reference"])
@pytest.mark.parametrize("case", POINTS_OUTSIDE, ids=str)
def test_a_body_fails_on_an_index_out_of_range(case: Case, engine: str) -> None:
    """Whose words it does so in is up to the engine; numbers would be silently wrong."""
    with pytest.raises(Exception, match=r"(?i)index|indices|out of (data )?bounds|out of range"):
        ENGINES[engine](call_of(case))


@pytest.mark.parametrize("engine", ["portable", "reference"])
@pytest.mark.parametrize("case", [c for c in WRONG if str(c) not in NOT_REFUSED_BY_BODIES], ids=str)
def test_a_body_gives_no_numbers_for_a_wrong_argument(case: Case, engine: str) -> None:
    with pytest.raises(Exception, match=r"\S"):
        ENGINES[engine](call_of(case))


@pytest.mark.parametrize("case", [c for c in WRONG if str(c) in NOT_REFUSED_BY_BODIES], ids=str)
def test_what_a_body_is_said_to_take_is_taken(case: Case) -> None:
    """So that the list holds no case that a body refuses by now."""
    ENGINES["reference"](call_of(case))


def test_the_list_of_what_bodies_take_names_cases() -> None:
    assert set(NOT_REFUSED_BY_BODIES) <= {str(case) for case in WRONG}


def test_a_session_works_on_after_a_refused_input() -> None:
    good = Case("batch_ptr", "good", {"batch": np.array([1, 0, 1])})
    bad = Case("batch_ptr", "bad", {"batch": np.array([1, -1, 1])})
    model = model_of(call_of(good), with_function=False)
    running = session(model, library=True)
    for _ in range(3):
        with pytest.raises(Exception, match=r"geocompile\.batch_ptr: 'batch'\[1\] is -1"):
            running.run(None, feeds(model, call_of(bad)))
        ptr, perm = running.run(None, feeds(model, call_of(good)))
        assert ptr.tolist() == [0, 1, 3]
        assert perm.tolist() == [1, 0, 2]


def test_a_model_without_its_function_needs_the_library() -> None:
    case = Case("batch_ptr", "good", {"batch": np.array([1, 0, 1])})
    with pytest.raises(Exception, match="BatchPtr"):
        session(model_of(call_of(case), with_function=False), library=False)
