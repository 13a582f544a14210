"""Our operators against the stored answers of the peers; needs none of them installed."""

from pathlib import Path

import numpy as np
import pytest

from tests.peers.answers import FOLDER, provenance, stored
from tests.peers.case import Case
from tests.peers.cases import cases
from tests.peers.compare import assert_same, magnitudes_of
from tests.peers.coverage import ROUTES
from tests.peers.ours import Route
from tests.peers.tensors import answer


def _answerable() -> list[tuple[Case, Route]]:
    return [(case, route) for case in cases() for route in ROUTES[case.function] if route.takes(case)]


@pytest.mark.parametrize(
    ("case", "route"), [pytest.param(c, r, id=f"{c.key} by {r.through}") for c, r in _answerable()]
)
def test_we_answer_as_the_peer_or_differ_as_settled(case: Case, route: Route) -> None:
    ours, theirs = answer(route.function, case), stored(case.function, case.name)
    assert set(ours) == set(theirs) - route.lacks
    expected = theirs if case.difference is None else case.difference.ours
    magnitudes = magnitudes_of(route.function, case)
    for name, output in ours.items():
        assert_same(output, expected[name], case, magnitudes.get(name))


@pytest.mark.parametrize("case", [pytest.param(c, id=c.key) for c in cases() if c.difference])
def test_a_difference_is_one(case: Case) -> None:
    assert case.difference is not None
    theirs = stored(case.function, case.name)
    assert set(case.difference.ours) == set(theirs)
    assert not all(np.array_equal(case.difference.ours[n], theirs[n], equal_nan=True) for n in theirs)


def test_every_function_is_answered_in_full() -> None:
    assert {case.function for case in cases()} == set(ROUTES)
    for case in cases():
        missed = [route.lacks for route in ROUTES[case.function] if route.takes(case)]
        assert missed, case.key
        assert not frozenset.intersection(*missed), case.key


def test_each_stored_answer_is_to_the_question_that_is_asked() -> None:
    asked = {case.key: case.digest() for case in cases()}
    assert len(asked) == len(cases())
    assert provenance()["cases"] == asked, "cases changed: make peers && python -m tests.peers.record"
    assert {path.stem for path in FOLDER.glob("*.npz")} == {case.function for case in cases()}


def test_provenance_says_who_answered_when_and_how() -> None:
    recorded = provenance()
    assert {"torch-scatter", "torch-cluster", "torch-sparse", "torch-spline-conv", "torch"} <= set(
        recorded["versions"]
    )
    assert all(recorded[entry] for entry in ("command", "date", "platform"))


def test_stored_answers_stay_small_and_hold_plain_arrays() -> None:
    files: list[Path] = list(FOLDER.glob("*.npz"))
    assert sum(path.stat().st_size for path in files) < 1_000_000
    for path in files:
        with np.load(path, allow_pickle=False) as arrays:
            assert all(arrays[name].dtype.kind in "if" for name in arrays.files)
