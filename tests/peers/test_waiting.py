"""The stored answers that wait for an operator, against dense formulas: good data to build the operators on."""

from typing import Any

import numpy as np
import pytest

from tests.peers.answers import stored
from tests.peers.case import Case
from tests.peers.cases import cases
from tests.peers.coverage import WAITING


def asked(*functions: str) -> pytest.MarkDecorator:
    chosen = [pytest.param(c, id=c.key) for c in cases() if c.function in functions and not c.difference]
    return pytest.mark.parametrize("case", chosen)


def test_every_waiting_function_is_checked_here() -> None:
    here = {name for test in list(globals().values()) for name in _functions_of(test)}
    assert here == set(WAITING)


def _functions_of(test: Any) -> set[str]:
    marks = getattr(test, "pytestmark", [])
    return {p.values[0].function for mark in marks if mark.name == "parametrize" for p in mark.args[1]}


@asked("spline_basis")
def test_spline_basis_sums_to_one_over_places_of_the_kernel(case: Case) -> None:
    answer, kernel_size = stored("spline_basis", case.name), case.arguments["kernel_size"]
    num_edges, dimension = case.arguments["pseudo"].shape
    assert answer["out"].shape == (num_edges, (case.arguments["degree"] + 1) ** dimension)
    eps = np.finfo(answer["out"].dtype).eps
    np.testing.assert_allclose(answer["out"].sum(axis=1), 1, atol=32 * eps)
    assert (answer["weight_index"] >= 0).all()
    assert (answer["weight_index"] < kernel_size.prod()).all()
