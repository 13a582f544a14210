"""What no layer may take for an answer: the first conformance case of each, with one input spoiled."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from geocompile import custom_ops, layers
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


ANY = "what each channel gives does not depend on how many there are"
MOVED = "features are moved, not multiplied"
COUNTED = "x tells the number of nodes"
OWN = "what is computed is the user's"
PROMOTED = "representations of several dtypes are stacked in the widest"
TAKEN: dict[str, dict[str, str]] = {
    "MessagePassing": {"integers": OWN, "float32": OWN, "width": OWN},
    "MetaLayer": {"integers": OWN, "float32": OWN, "width": OWN},
    "JumpingKnowledge": {"integers": PROMOTED, "float32": PROMOTED},
    "GatedGraphConv": {"width": "up to out_channels: the rest is filled with zeros"},
    "InnerProductDecoder": {"integers": "products of integers are some", "width": ANY},
    "max_pool": {"integers": MOVED, "width": MOVED},
    "avg_pool": {"integers": MOVED, "width": MOVED},
    "max_pool_x": {"integers": MOVED, "width": MOVED},
    "avg_pool_x": {"integers": MOVED, "width": MOVED},
    "graclus": {"integers": COUNTED, "width": COUNTED},
    "APPNP": {"width": ANY},
    "AGNNConv": {"width": ANY},
    "SoftmaxAggregation": {"width": ANY},
    "dense_diff_pool": {"width": ANY},
    "global_add_pool": {"width": ANY},
    "global_mean_pool": {"width": ANY},
    "global_max_pool": {"width": ANY},
    "global_sort_pool": {"width": ANY},
    "knn_interpolate": {"width": ANY},
    "voxel_grid": {"width": ANY},
    "fps": {"width": ANY},
    "knn_graph": {"width": ANY},
    "radius_graph": {"width": ANY},
}
"""What a layer takes that others refuse, or leaves to what the user wrote, and why."""


def spoiled_features(layer: torch.nn.Module, x: Tensor) -> Iterator[tuple[str, Tensor]]:
    yield "integers", x.long()
    yield "width", torch.cat([x, x[..., :1]], dim=-1)
    if any(True for _ in layer.parameters()):
        yield "float32", x.float()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.layer) for case in firsts()])
def test_features_of_another_dtype_or_width(case: LayerCase) -> None:
    layer, inputs = case.make().eval(), drawn(case)
    found = {}
    for name in [name for name in FEATURES if name in inputs]:
        for what, spoiled in spoiled_features(layer, inputs[name]):
            error = refusal(layer, positional(layer, {**inputs, name: spoiled}))
            of_layer = rf"geocompile\.\w+: .*\b({name}|xs)\b"
            said = r"geocompile\.\w+: '" if case.layer in custom_ops.__all__ else of_layer
            is_refused = isinstance(error, (TypeError, ValueError)) and re.match(said, str(error)) is not None
            if is_refused == (what in TAKEN.get(case.layer, {})):
                found[f"{name}, {what}"] = repr(error)[:300]
    assert not found


TRACED = [
    layers.GCNConv(3, 4),
    layers.GATConv(3, 4),
    layers.GraphConv(3, 4),
    layers.EdgeConv(torch.nn.Linear(6, 2)),
]


@pytest.mark.parametrize("layer", TRACED, ids=lambda layer: type(layer).__name__)
def test_numbers_without_values_are_not_looked_at(layer: torch.nn.Module) -> None:
    x, edge_index = torch.randn(5, 3), torch.randint(0, 5, (2, 9))
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        assert layer(mode.from_tensor(x), mode.from_tensor(edge_index)).shape[0] == 5
    traced = make_fx(layer)(x, edge_index)
    torch.testing.assert_close(traced(x, edge_index.flip(0)), layer(x, edge_index.flip(0)))
