"""Second derivatives of every operator that has a first one, on a small case of each form of a call."""

from typing import Any

import pytest
import torch

from geocompile.custom_ops.registry import OPERATORS
from tests.operators.cases import Case
from tests.operators.test_torch import CASES, arguments_of, is_for_gradcheck, operator_of, trainable


def number_of_values(case: Case) -> int:
    arguments = list(case.arguments.values())
    return sum(arguments[i].size for i in trainable(case))


def small_cases() -> list[Case]:
    """Of each form the smallest case that has something to sum; a spline's degree is a form too."""
    found: dict[Any, Case] = {}
    for case in sorted(filter(is_for_gradcheck, CASES), key=number_of_values):
        form = (*case.form, case.arguments.get("degree"))
        if form not in found or number_of_values(found[form]) < 20:
            found[form] = case
    return list(found.values())


@pytest.mark.filterwarnings("error:.*an autograd kernel was not registered")
@pytest.mark.parametrize("case", small_cases(), ids=str)
def test_second_derivatives_equal_differences(case: Case) -> None:
    arguments, places = arguments_of(case), trainable(case)
    inputs = [arguments[i].clone(memory_format=torch.contiguous_format).requires_grad_() for i in places]

    def call(*values: torch.Tensor) -> Any:
        filled = list(arguments)
        for i, value in zip(places, values, strict=True):
            filled[i] = value
        return operator_of(case)(*filled)

    torch.manual_seed(0)
    assert torch.autograd.gradgradcheck(call, inputs)


def test_no_differentiable_public_operator_is_left_out() -> None:
    public = {name for name, entry in OPERATORS.items() if entry.differentiable and entry.onnx_types}
    assert public <= {case.operator for case in small_cases()}
