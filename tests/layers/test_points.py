"""What the conformance cases do not say of the layers on points: loops, zero vectors, few points, refusals."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import geocompile
from geocompile.layers import DynamicEdgeConv, EdgeConv, MetaLayer, PointConv, PPFConv, XConv
from geocompile.layers.conv.ppf_conv import point_pair_features

RANDOM = torch.Generator().manual_seed(0)
X, POS = torch.randn(5, 4, generator=RANDOM), torch.randn(5, 3, generator=RANDOM)
EDGES = torch.tensor([[0, 1, 2, 2, 2], [1, 0, 1, 2, 2]])


@pytest.mark.parametrize("conv", [PointConv(), PointConv(aggr="add"), PPFConv(aggr="mean")])
def test_a_node_counts_once_however_many_loops_it_has(conv: nn.Module) -> None:
    normals = (POS,) if isinstance(conv, PPFConv) else ()
    without_loops = EDGES[:, EDGES[0] != EDGES[1]]
    assert torch.equal(conv(X, POS, *normals, EDGES), conv(X, POS, *normals, without_loops))


def test_the_angle_of_a_zero_vector_is_0_of_either_sign_and_has_a_gradient() -> None:
    d = torch.tensor([[0.0, 0.0, 0.0], [-0.0, -0.0, -0.0]], requires_grad=True)
    normals = torch.tensor([[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]], requires_grad=True)
    features = point_pair_features(d, normals, normals)
    assert torch.equal(features, torch.zeros(2, 4))
    features.sum().backward()
    assert d.grad is not None
    assert normals.grad is not None
    assert torch.isfinite(d.grad).all()
    assert torch.isfinite(normals.grad).all()


def test_opposite_and_right_angles() -> None:
    a, b = torch.tensor([[1.0, 0.0, 0.0]] * 2), torch.tensor([[-2.0, 0.0, 0.0], [0.0, 5.0, 0.0]])
    expected = torch.tensor([[2.0, torch.pi], [5.0, torch.pi / 2]])
    torch.testing.assert_close(point_pair_features(b, a, a)[:, :2], expected)


def test_x_conv_draws_in_training_and_takes_every_second_point_else() -> None:
    conv = XConv(4, 6, 3, 2, dilation=2)
    torch.manual_seed(0)
    drawn = {tuple(conv._places(POS).flatten().tolist()) for _ in range(5)}
    assert len(drawn) > 1
    assert conv.eval()._places(POS).tolist() == [[0, 2]]
    plain = XConv(4, 6, 3, 2, dilation=2, random_dilation=False)
    assert plain._places(POS).tolist() == [[0, 2]]


def test_x_conv_takes_features_and_positions_of_one_dimension() -> None:
    conv = XConv(1, 6, 1, 2, hidden_channels=2).eval()
    assert torch.equal(conv(X[:, 0], POS[:, 0]), conv(X[:, :1], POS[:, :1]))


def test_pyg_has_no_counterpart_of_loops_in_one_cloud_only() -> None:
    pytest.importorskip("torch_geometric")
    with pytest.raises(ValueError, match="say add_self_loops=True or False"):
        geocompile.to_pyg(PointConv())
    assert type(geocompile.to_pyg(PointConv(add_self_loops=True))).__name__ == "PointNetConv"


def test_functions_are_models_too() -> None:
    layer = MetaLayer(node_model=lambda x, edge_index, edge_attr, u, batch: x + 1)
    x, edge_attr, u = layer(X, EDGES)
    assert torch.equal(x, X + 1)
    assert edge_attr is None
    assert u is None


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "function": (lambda: EdgeConv(torch.tanh), TypeError, "EdgeConv: nn must be a torch.nn.Module"),
    "no quarter": (
        lambda: XConv(2, 4, 3, 2),
        ValueError,
        "hidden_channels, if not given, is a quarter of in_channels=2, which is 0; give it",
    ),
    "function of points": (lambda: PointConv(torch.tanh), TypeError, "local_nn must be a torch.nn.Module"),
    "one side": (lambda: EdgeConv(nn.Identity())((X, None), EDGES), ValueError, "receiving nodes too"),
    "other channels": (
        lambda: EdgeConv(nn.Identity())((X, POS), EDGES),
        ValueError,
        r"x must have shape \[num_nodes, 4\], got \[5, 3\]",
    ),
    "no neighbours": (lambda: DynamicEdgeConv(nn.Identity(), 0), ValueError, "k must be an integer of at"),
    "few points": (lambda: PointConv()(X, POS[1:], EDGES), ValueError, "x has 5 rows and pos 4"),
    "points on a plane": (
        lambda: PPFConv()(None, POS[:, :2], POS[:, :2], EDGES),
        ValueError,
        r"pos must have shape \[num_nodes, 3\], got \[5, 2\]",
    ),
    "normals on a plane": (
        lambda: PPFConv()(None, POS, POS[:, :2], EDGES),
        ValueError,
        r"norm must have shape \[num_nodes, 3\], got \[5, 2\]",
    ),
    "no hidden channels": (
        lambda: XConv(4, 6, 3, 2, hidden_channels=0),
        ValueError,
        "hidden_channels must be an integer of at least 1, got 0",
    ),
    "no features": (lambda: XConv(4, 6, 3, 2)(None, POS), ValueError, "x is missing"),
    "other positions": (
        lambda: XConv(4, 6, 2, 2)(X, POS),
        ValueError,
        r"pos must have shape \[num_nodes, 2\]",
    ),
    "fewer features": (lambda: XConv(4, 6, 3, 2)(X[1:], POS), ValueError, "x has 4 rows and pos 5"),
    "no model": (
        lambda: MetaLayer(3),
        TypeError,
        "edge_model must be a module or a function, got <class 'int'>",
    ),
    "edges": (lambda: MetaLayer()(X, EDGES.float()), TypeError, "edge_index must be of dtype int64 or int32"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_meaning_is_refused(name: str) -> None:
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


def test_two_clouds_have_no_neighbours_in_each_other() -> None:
    def differences(found: Tensor) -> Tensor:
        return found[:, 3:].abs().sum(1)

    batch = torch.tensor([0, 0, 1, 1, 1])
    far = POS + 100.0 * batch.unsqueeze(1)
    out = DynamicEdgeConv(nn.Identity(), 3)(far, batch)
    assert (differences(out) < 50).all()
