"""The layers against recorded values of torch_geometric 1.2.0, under the rulings of the semantics table."""

from collections.abc import Callable

import pytest

from tests.conformance.golden import DATA, Values, all_golden, layer_of, values

CHECKS = all_golden()
RECORDED = sorted(path.stem for path in DATA.glob("*.npz"))


@pytest.mark.parametrize(("name", "check"), CHECKS.items(), ids=CHECKS)
def test_the_layer_equals_the_record(name: str, check: Callable[[Values], None]) -> None:
    check(values(name))


def test_every_record_of_a_checked_layer_is_checked() -> None:
    checked = {layer_of(name) for name in CHECKS}
    assert sorted(CHECKS) == [name for name in RECORDED if layer_of(name) in checked]
