"""The layers against recorded values of torch_geometric 1.2.0, under the rulings of the semantics table."""

from collections.abc import Callable

import pytest

from tests.conformance.golden import DATA, Values, all_golden, values

CHECKS = all_golden()
RECORDED = sorted(path.stem for path in DATA.glob("*.npz"))


@pytest.mark.parametrize(("name", "check"), CHECKS.items(), ids=CHECKS)
def test_the_layer_equals_the_record(name: str, check: Callable[[Values], None]) -> None:
    check(values(name))


def test_every_record_is_checked() -> None:
    assert sorted(CHECKS) == RECORDED
