"""What no layer may take for an answer: the first conformance case of each, with one input spoiled."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from geocompile import custom_ops
from tests.conformance.case import LayerCase
from tests.conformance.model import positional
from tests.conformance.test_conformance import firsts

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # a target here on purpose
FEATURES = ("x", "z", "pos")
ENDS = {"sender": 0, "receiver": 1}


def drawn(case: LayerCase) -> dict[str, Any]:
    torch.manual_seed(0)
    return case.draw(case.sizes[0])


def edges_of(case: LayerCase) -> list[str]:
    return [name for name in drawn(case) if name.endswith("edge_index")]


def spoiled_edges(inputs: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """One node number at either end is negative, or that of the first node that does not exist."""
    nodes = next(inputs[feature] for feature in FEATURES if feature in inputs)
    for end, row in ENDS.items():
        for number in (-1, nodes.size(0)):
            edge_index = inputs[name].clone()
            edge_index[row, 2] = number
            yield f"{end} {number}", {**inputs, name: edge_index}


def refused_by(case: LayerCase, name: str, number: str) -> str:
    if case.layer in custom_ops.__all__:  # an operator, which names its own arguments
        return rf"geocompile\.(\w+): '(index|col)'\[\d+\] is {number}, "
    return rf"geocompile\.(\w+): ({name}|edge_index) holds {number}, but its values must lie in \[0, 6\)"


def refusal(model: Any, inputs: tuple[Any, ...]) -> BaseException | None:
    try:
        model(*inputs)
    except Exception as error:
        return error
    return None


WITH_EDGES = [pytest.param(case, id=case.layer) for case in firsts() if edges_of(case)]


@pytest.mark.parametrize("scripted", [False, True], ids=["eager", "script"])
@pytest.mark.parametrize("case", WITH_EDGES)
def test_a_node_that_does_not_exist(case: LayerCase, scripted: bool) -> None:
    layer = case.make().eval()
    model = torch.jit.script(layer) if scripted else layer
    found = {}
    for name in edges_of(case):
        for what, inputs in spoiled_edges(drawn(case), name):
            error = refusal(model, positional(layer, inputs))
            is_right = isinstance(
                error, (IndexError, RuntimeError, torch.jit.Error) if scripted else IndexError
            )
            if not is_right or not re.search(refused_by(case, name, what.split()[1]), str(error)):
                found[f"{name}, {what}"] = repr(error)[-300:]
    assert not found
