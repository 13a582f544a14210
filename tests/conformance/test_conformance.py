"""A sample of the conformance table: what is quick for every case, more for the first of each layer, engines for some.

`python -m tests.conformance` runs all and writes the table.
"""

import re

import pytest
import torch

from tests.conformance.case import LayerCase
from tests.conformance.cases import all_cases
from tests.conformance.columns import COLUMNS
from tests.conformance.reference import SECTIONS
from tests.conformance.store import ROOT

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),  # a target here on purpose
    pytest.mark.filterwarnings("ignore:.*An output with one or more elements was resized"),
]
QUICK = ("formula", "PyG", "script")
EAGER = ("export", "gradients", "trains")
ENGINES = ("TorchScript", "ONNX", "ONNX without our library")
CASES = all_cases()


def parameters(cases: list[LayerCase], columns: tuple[str, ...]) -> list[object]:
    """The cases with the columns that apply to them."""
    return [
        pytest.param(case, column, id=f"{case.name}-{column}")
        for case in cases
        for column in columns
        if column not in case.without
    ]


def firsts() -> list[LayerCase]:
    """The first case of each layer."""
    return list({case.layer: case for case in reversed(CASES)}.values())[::-1]


@pytest.mark.parametrize(("case", "column"), parameters(CASES, QUICK))
def test_the_layer_holds(case: LayerCase, column: str) -> None:
    torch.manual_seed(0)
    COLUMNS[column](case)


@pytest.mark.parametrize(("case", "column"), parameters(firsts(), EAGER))
def test_the_first_of_a_layer_exports_and_trains(case: LayerCase, column: str) -> None:
    torch.manual_seed(0)
    COLUMNS[column](case)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "column"), parameters([case for case in CASES if case not in firsts()], EAGER)
)
def test_every_other_case_exports_and_trains(case: LayerCase, column: str) -> None:
    torch.manual_seed(0)
    COLUMNS[column](case)


@pytest.mark.parametrize(("case", "column"), parameters(firsts()[::6], ENGINES))
def test_the_engine_equals_eager(case: LayerCase, column: str) -> None:
    torch.manual_seed(0)
    COLUMNS[column](case)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "column"), parameters([case for k, case in enumerate(firsts()) if k % 6], ENGINES)
)
def test_every_other_engine_equals_eager(case: LayerCase, column: str) -> None:
    torch.manual_seed(0)
    COLUMNS[column](case)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "column"), parameters(firsts()[::6], ("AOTInductor",)))
def test_an_aotinductor_engine_equals_eager(case: LayerCase, column: str) -> None:
    torch.manual_seed(0)
    COLUMNS[column](case)


def test_no_two_cases_have_one_name() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


def test_a_name_is_the_same_in_every_run() -> None:
    assert not [case.name for case in CASES if " at 0x" in case.name]


def test_a_column_that_does_not_apply_says_why() -> None:
    assert all(reason.strip() for case in CASES for reason in case.without.values())
    assert all(case.pyg is not None or "PyG" in case.without for case in CASES)


def test_a_test_that_a_reason_names_is_there_and_speaks_of_the_layer() -> None:
    named = [
        (case.layer, path)
        for case in CASES
        for reason in case.without.values()
        for path in re.findall(r"tests/\S*[^\s,.;:]", reason)
    ]
    assert named
    assert not [(layer, path) for layer, path in named if layer not in (ROOT / path).read_text()]


def test_every_class_of_the_reference_has_a_case_and_every_case_a_row() -> None:
    assert {case.layer for case in CASES} == {layer for layers in SECTIONS.values() for layer in layers}
