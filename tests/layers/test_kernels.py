"""What the conformance cases do not say of the layers that weigh neighbours by kernels: memory, sizes, refusals."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geocompile.layers import CGConv, GINEConv, GMMConv, NNConv, RGCNConv, SplineConv
from tests.layers.test_memory_and_docs import LargestTensor

NUM_NODES, NUM_EDGES, CHANNELS = 10, 97, 5
RANDOM = torch.Generator().manual_seed(0)
X = torch.randn(NUM_NODES, CHANNELS, generator=RANDOM)
EDGES = torch.randint(0, NUM_NODES, (2, NUM_EDGES), generator=RANDOM)
PLACES = torch.rand(NUM_EDGES, 2, generator=RANDOM)
TYPES = torch.randint(0, 3, (NUM_EDGES,), generator=RANDOM)


def edge_network(last: int = CHANNELS * CHANNELS) -> nn.Module:
    return nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, last))


KERNELS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "RGCNConv": (lambda: RGCNConv(CHANNELS, CHANNELS, 3), TYPES),
    "GMMConv": (lambda: GMMConv(CHANNELS, CHANNELS, 2, 2), PLACES),
    "SplineConv": (lambda: SplineConv(CHANNELS, CHANNELS, 1, 3), PLACES[:, :1]),
    "NNConv": (lambda: NNConv(CHANNELS, CHANNELS, edge_network()), PLACES),
}


@pytest.mark.parametrize("name", KERNELS)
def test_no_tensor_has_a_row_of_features_for_each_edge(name: str) -> None:
    """Edges have a number for each of two kernels (or nodes), and nodes a row for each of three."""
    make, edge_attr = KERNELS[name]
    with LargestTensor() as largest:
        make()(X.clone().requires_grad_(), EDGES, edge_attr).sum().backward()
    assert largest.numel <= 2 * NUM_EDGES


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", KERNELS)
def test_under_autocast_features_of_either_dtype_give_nearly_the_same(name: str, dtype: torch.dtype) -> None:
    make, edge_attr = KERNELS[name]
    conv = make()
    with torch.autocast("cpu", torch.bfloat16):
        out = conv(X.to(dtype), EDGES, edge_attr)
    bound = 60 * torch.finfo(torch.bfloat16).eps
    torch.testing.assert_close(out.float(), conv(X, EDGES, edge_attr), rtol=bound, atol=bound)
    out.float().sum().backward()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", KERNELS)
def test_in_half_precision_they_give_nearly_the_same(name: str, dtype: torch.dtype) -> None:
    make, edge_attr = KERNELS[name]
    conv, attr = make().to(dtype), edge_attr if edge_attr is TYPES else edge_attr.to(dtype)
    out = conv(X.to(dtype), EDGES, attr)
    assert out.dtype == dtype
    exact = copy.deepcopy(conv).double()(
        X.to(dtype).double(), EDGES, attr if attr is TYPES else attr.double()
    )
    bound = 60 * torch.finfo(dtype).eps
    torch.testing.assert_close(out.double(), exact, rtol=bound, atol=bound)


@pytest.mark.parametrize(
    "conv",
    [
        lambda: GMMConv(-1, 4, 2, 3),
        lambda: GMMConv(-1, 4, 2, 3, separate_gaussians=True),
        lambda: SplineConv(-1, 4, 2, 3),
        lambda: SplineConv((-1, CHANNELS), 4, 2, 3),
    ],
)
def test_sizes_come_from_the_first_input_or_the_state_that_is_loaded(conv: Callable[[], nn.Module]) -> None:
    first, second = conv(), conv()
    expected = first(X, EDGES, PLACES)
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(second(X, EDGES, PLACES), expected)


def test_a_network_that_is_replaced_is_read_anew() -> None:
    conv = NNConv(CHANNELS, CHANNELS, edge_network())
    conv.nn = nn.Sequential(nn.Linear(2, CHANNELS * CHANNELS), nn.Tanh())
    matrices = conv.nn(PLACES).view(-1, CHANNELS, CHANNELS)
    sums = torch.zeros(NUM_NODES, CHANNELS).index_add(
        0, EDGES[1], torch.einsum("ei,eio->eo", X[EDGES[0]], matrices)
    )
    torch.testing.assert_close(conv(X, EDGES, PLACES), sums + conv.lin(X) + conv.bias)


def test_a_hook_on_the_last_map_of_the_network_is_called() -> None:
    conv = NNConv(CHANNELS, CHANNELS, edge_network())
    plain = conv(X, EDGES, PLACES)
    conv.nn[2].register_forward_hook(lambda module, inputs, output: 0 * output)
    assert not torch.allclose(conv(X, EDGES, PLACES), plain)


def test_pseudo_coordinates_outside_wrap_around_where_they_are_not_looked_for() -> None:
    conv = SplineConv(CHANNELS, 4, 2, 3, is_open_spline=False, check_pseudo=False)
    torch.testing.assert_close(conv(X, EDGES, PLACES + 1.0), conv(X, EDGES, PLACES), rtol=1e-4, atol=1e-4)


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "bases and blocks": (
        lambda: RGCNConv(4, 4, 2, num_bases=2, num_blocks=2),
        ValueError,
        "num_bases or num_blocks",
    ),
    "blocks": (lambda: RGCNConv(5, 4, 2, num_blocks=2), ValueError, "num_blocks=2 must divide in_channels=5"),
    "no relations": (
        lambda: RGCNConv(5, 4, 0),
        ValueError,
        "num_relations must be an integer of at least 1, got 0",
    ),
    "blocks of numbers": (
        lambda: RGCNConv(10, 4, 3, num_blocks=2)(None, EDGES, TYPES),
        ValueError,
        "num_blocks needs node features",
    ),
    "relation outside": (
        lambda: RGCNConv(5, 4, 2)(X, EDGES, TYPES),
        IndexError,
        r"edge_type holds 2, but its values must lie in \[0, 2\)",
    ),
    "fractional relations": (
        lambda: RGCNConv(5, 4, 3)(X, EDGES, TYPES.float()),
        TypeError,
        "edge_type must be a tensor of dtype int64 or int32",
    ),
    "few relations": (
        lambda: RGCNConv(5, 4, 3)(X, EDGES, TYPES[1:]),
        ValueError,
        r"edge_type must have shape \[97\]",
    ),
    "no places": (
        lambda: GMMConv(5, 4, 2, 3)(X, EDGES),
        ValueError,
        "edge_attr is missing; give the pseudo-coordinates",
    ),
    "places of another size": (
        lambda: GMMConv(5, 4, 3, 3)(X, EDGES, PLACES),
        ValueError,
        r"must have shape \[97, 3\]",
    ),
    "no Gaussians": (
        lambda: GMMConv(5, 4, 2, 0),
        ValueError,
        "kernel_size must be an integer of at least 1, got 0",
    ),
    "places outside": (
        lambda: SplineConv(5, 4, 2, 3)(X, EDGES, PLACES + 3),
        ValueError,
        r"its values must lie in \[0, 1\]",
    ),
    "degree": (lambda: SplineConv(5, 4, 2, 5, degree=4), ValueError, "degree must be 1, 2 or 3, got 4"),
    "few knots": (
        lambda: SplineConv(5, 4, 2, 2, degree=2),
        ValueError,
        "above degree=2 where the spline is open",
    ),
    "three sizes": (lambda: SplineConv(5, 4, 2, [3, 3, 3]), ValueError, "kernel_size must be one value or 2"),
    "function": (lambda: NNConv(5, 4, torch.tanh), TypeError, "NNConv: nn must be a torch.nn.Module"),
    "small network": (
        lambda: NNConv(5, 5, edge_network(7))(X, EDGES, PLACES),
        ValueError,
        r"nn must give in_channels \* out_channels = 25 numbers",
    ),
    "few edges": (
        lambda: NNConv(5, 5, edge_network())(X, EDGES, PLACES[1:]),
        ValueError,
        "one row for each of the 97 edges",
    ),
    "edges without features": (lambda: CGConv(5, 2)(X, EDGES), ValueError, "edge_attr is missing"),
    "no channels": (lambda: CGConv(0), ValueError, "channels must be at least 1"),
    "unknown width": (lambda: GINEConv(nn.Tanh(), edge_dim=2), ValueError, "give it as in_channels"),
    "wide edges": (
        lambda: GINEConv(nn.Identity())(X, EDGES, PLACES),
        ValueError,
        r"edge_attr must have shape \[97, 5\]",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_meaning_is_refused(name: str) -> None:
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_relation_outside_is_refused_by_the_script_too() -> None:
    with pytest.raises((IndexError, RuntimeError, torch.jit.Error)):
        torch.jit.script(RGCNConv(CHANNELS, 4, 2))(X, EDGES, TYPES)
