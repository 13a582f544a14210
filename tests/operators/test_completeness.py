"""Walks the registry: an operator that lacks one of its parts fails here, by name."""

import pytest
import torch

import geocompile.custom_ops as custom_ops
import geocompile.custom_ops.operators as operators
from geocompile.custom_ops import onnx as onnx_operators
from geocompile.custom_ops.registry import OPERATORS
from tests.operators.cases import cases, refused
from tests.operators.oracles import oracle_of

# What only gradients use needs no ONNX form and no public name.
PUBLIC = {name: operator for name, operator in OPERATORS.items() if operator.onnx_types}


def test_registry_holds_every_operator_of_the_library() -> None:
    schemas = {
        s.name.split("::")[1] for s in torch._C._jit_get_all_schemas() if s.name.startswith("geocompile::")
    }
    assert schemas == set(OPERATORS)


@pytest.mark.parametrize("name", OPERATORS)
def test_torch_has_kernel_and_fake(name: str) -> None:
    assert torch._C._dispatch_has_kernel_for_dispatch_key(f"geocompile::{name}", "CPU")
    assert torch._library.simple_registry.singleton.find(f"geocompile::{name}").fake_impl.kernel is not None


@pytest.mark.parametrize("name", OPERATORS)
def test_autograd_is_there_where_an_output_is_differentiable(name: str) -> None:
    has_gradient = torch._C._dispatch_has_kernel_for_dispatch_key(f"geocompile::{name}", "Autograd")
    assert has_gradient == OPERATORS[name].differentiable


@pytest.mark.parametrize("name", PUBLIC)
def test_public_operator_is_documented_and_exported(name: str) -> None:
    function = getattr(custom_ops, name)
    assert function is getattr(operators, name)
    assert all(section in function.__doc__ for section in ("Args:", "Returns:", "Raises:"))


def test_public_operators_are_listed_before_they_are_loaded() -> None:
    """What a shell completes; each is loaded by its first use."""
    assert sorted(dir(custom_ops)) == sorted(custom_ops.__all__)
    assert set(PUBLIC) <= set(dir(custom_ops))


@pytest.mark.parametrize("name", PUBLIC)
def test_public_operator_says_what_its_indices_index(name: str) -> None:
    """What an engine's session checks before a call, and names by input and place."""
    arguments = {argument.name for argument in getattr(torch.ops.geocompile, name).default._schema.arguments}
    indexes = OPERATORS[name].indexes
    assert set(indexes) | {bound for bound in indexes.values() if bound is not None} <= arguments
    assert arguments & {"col", "index", "batch"} <= set(indexes)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_operator_has_cases_refused_input_and_an_oracle(name: str) -> None:
    assert sum(case.operator == name for case in cases()) >= 5
    assert any(case.operator == name for case in refused())
    assert oracle_of(name) is not None


def test_onnx_knows_every_variant_and_no_other() -> None:
    assert {t for operator in OPERATORS.values() for t in operator.onnx_types} == set(onnx_operators.OP_TYPES)


@pytest.mark.parametrize("op_type", onnx_operators.OP_TYPES)
def test_onnx_type_has_schema_and_function_body(op_type: str) -> None:
    assert any(schema.name == op_type for schema in onnx_operators.schemas())
    function = onnx_operators.function_proto(op_type)
    assert {node.domain for node in function.node} <= {""}, "a body stands on standard operators alone"


def test_translation_covers_every_public_operator() -> None:
    translated = {overload.name().split("::")[1] for overload in onnx_operators.translation_table()}
    assert translated == set(PUBLIC)
