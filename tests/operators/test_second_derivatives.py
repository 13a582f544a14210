"""Second derivatives of every operator that has a first one, on a small case of each form of a call."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from geocompile.custom_ops.operators import additive_attention_second
from geocompile.custom_ops.registry import OPERATORS
from tests.operators.cases import Case, Graph, graphs
from tests.operators.cases.edge_attention import additive_arguments
from tests.operators.test_torch import CASES, arguments_of, is_for_gradcheck, operator_of, trainable

# Sums of values that nothing multiplies, or a choice among them; `mul` multiplies the values with each other.
SUMS_OF_VALUES = {"from_dense", "scatter", "scatter_arg", "segment_reduce", "to_dense"}
# Sums of products of a value and its weight: where there is no weight, sums of values.
SUMS_OF_WEIGHTED_VALUES = {"gather_segment_reduce", "gather_sparse_kernel_reduce", "kernel_contract"}
# Of degree 1 and in one dimension the basis is linear between the knots, and its gradient constant.
SPLINES = {"spline_basis", "spline_basis_backward"}


def is_linear(case: Case) -> bool:
    """Whether the second derivative is 0 everywhere."""
    if case.operator in SUMS_OF_VALUES:
        return case.arguments.get("reduce") != "mul"
    if case.operator in SUMS_OF_WEIGHTED_VALUES:
        return len(trainable(case)) == 1 and case.arguments.get("reduce") != "mul"
    return case.operator in SPLINES and case.arguments["degree"] == case.arguments["pseudo"].shape[1] == 1


def has_something_to_sum(case: Case) -> bool:
    """Several rows of several edges: with one edge a softmax is constant, and a sum its own term."""
    starts = case.arguments.get("rowptr", case.arguments.get("ptr"))
    is_filled = all(array.size > 0 for array in arrays_of(case))
    if starts is not None:
        return is_filled and int((np.diff(starts) > 1).sum()) >= 2
    values = list(case.arguments.values())
    return is_filled and sum(values[i].size for i in trainable(case)) >= 20


def arrays_of(case: Case) -> list[np.ndarray]:
    return [argument for argument in case.arguments.values() if isinstance(argument, np.ndarray)]


def small_cases() -> list[Case]:
    """Of each form the smallest case that is able to fail; a spline's degree and a switch are forms too."""
    found: dict[Any, Case] = {}
    for case in sorted(filter(is_for_gradcheck, CASES), key=lambda c: sum(a.size for a in arrays_of(c))):
        switches = [a for a in case.arguments.values() if isinstance(a, bool)]
        form = (*case.form, case.arguments.get("degree"), *switches)
        if has_something_to_sum(case) and (form not in found or is_linear(found[form]) > is_linear(case)):
            found[form] = case
    return list(found.values())


def call_of(case: Case) -> tuple[Callable[..., Any], list[Tensor]]:
    """The operator as a function of what it is differentiated by, and the values of that."""
    arguments, places = arguments_of(case), trainable(case)

    def call(*values: Tensor) -> Any:
        filled = list(arguments)
        for i, value in zip(places, values, strict=True):
            filled[i] = value
        return operator_of(case)(*filled)

    torch.manual_seed(0)
    return call, [arguments[i].clone(memory_format=torch.contiguous_format).requires_grad_() for i in places]


@pytest.mark.filterwarnings("error:.*an autograd kernel was not registered")
@pytest.mark.parametrize("case", small_cases(), ids=str)
def test_second_derivatives_equal_differences(case: Case) -> None:
    call, inputs = call_of(case)
    assert torch.autograd.gradgradcheck(call, inputs)


@pytest.mark.parametrize("case", small_cases(), ids=str)
def test_second_derivatives_are_not_zero_unless_the_operator_is_linear(case: Case) -> None:
    """Nothing is compared where both sides are 0."""
    call, inputs = call_of(case)
    first = _gradients(call(*inputs), inputs)
    assert any(bool(gradient.any()) for gradient in first)
    assert any(bool(gradient.any()) for gradient in _gradients(first, inputs)) != is_linear(case)


def _gradients(outputs: Any, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    """Of the outputs, weighted at random."""
    each = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
    total = sum((torch.randn_like(o) * o).sum() for o in each if o.requires_grad)
    if not isinstance(total, Tensor):
        return ()
    options: dict[str, Any] = {"create_graph": True, "allow_unused": True, "materialize_grads": True}
    return torch.autograd.grad(total, inputs, **options)


GRADIENTS_OF_ADDITIVE_ATTENTION = {"additive_edge_gradients", "additive_sums"}


@pytest.mark.parametrize("operator", sorted(GRADIENTS_OF_ADDITIVE_ATTENTION))
def test_gradients_of_additive_attention_have_both_derivatives(operator: str) -> None:
    """They take no half precision, so that the table has no cases of them."""
    g, edge_channels = graphs()[2], 2
    given: dict[str, Any] = {
        name: torch.from_numpy(value).requires_grad_(value.dtype == np.float64)
        if isinstance(value, np.ndarray)
        else value
        for name, value in additive_arguments(g, np.float64, 2, 3, edge_channels).items()
    }
    given["weight"] = torch.randn(g.num_edges, 2, dtype=torch.float64, requires_grad=True)
    given["row"] = torch.from_numpy(np.sort(g.target))
    call = getattr(torch.ops.geocompile, operator).default
    arguments = [given[argument.name] for argument in call._schema.arguments]
    assert torch.autograd.gradcheck(call, arguments)
    assert torch.autograd.gradgradcheck(call, arguments)


class LargestTensor(TorchDispatchMode):
    """Notes the number of elements of the largest tensor that an operation gives."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        sizes = [leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        self.elements = max(self.elements, *sizes, 0)
        return result


def test_second_derivatives_of_additive_attention_store_nothing_per_edge_and_channel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    g = Graph("many-edges", 50, rng.integers(0, 50, 1000), rng.integers(0, 50, 1000))
    call, inputs = call_of(
        Case("additive_attention", g.name, additive_arguments(g, np.float64, 2, 30, edge_channels=2))
    )
    results = []
    for block_size, is_small in ((additive_attention_second.BLOCK_SIZE, False), (600, True)):
        monkeypatch.setattr(additive_attention_second, "BLOCK_SIZE", block_size)
        torch.manual_seed(0)
        with LargestTensor() as largest:
            results.append(_gradients(_gradients(call(*inputs), inputs), inputs))
        assert (largest.elements < g.num_edges * 2 * 30) == is_small
        assert (largest.elements == max(g.num_edges * 2, g.num_nodes * 2 * 30)) == is_small
    torch.testing.assert_close(*results)


def test_no_differentiable_operator_is_left_out() -> None:
    differentiable = {name for name, entry in OPERATORS.items() if entry.differentiable}
    assert differentiable == {case.operator for case in small_cases()} | GRADIENTS_OF_ADDITIVE_ATTENTION
