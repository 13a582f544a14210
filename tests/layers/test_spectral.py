"""What the conformance cases do not say of the layers on normalised graphs: caches, options that are refused."""

from collections.abc import Callable

import pytest
import torch

import geocompile
from geocompile import layers
from geocompile.pyg.replace import from_pyg_report

X = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
EDGES = torch.tensor([[0, 1, 2, 2], [1, 0, 1, 2]])
OTHER = torch.tensor([[3], [0]])


@pytest.mark.parametrize(
    ("conv", "x"),
    [
        (layers.APPNP(2, 0.1, cached=True), (X,)),
        (layers.GCN2Conv(3, 0.1, cached=True), (X, X)),
        (layers.DNAConv(3, cached=True), (X.unsqueeze(1),)),
    ],
    ids=["APPNP", "GCN2Conv", "DNAConv"],
)
def test_a_cached_graph_is_used_again_until_it_is_forgotten(
    conv: torch.nn.Module, x: tuple[torch.Tensor, ...]
) -> None:
    first = conv(*x, EDGES)
    assert torch.equal(conv(*x, OTHER), first)
    conv.double()
    torch.testing.assert_close(conv(*(one.double() for one in x), OTHER).float(), first)
    conv.float()._cached = None
    assert not torch.equal(conv(*x, OTHER), first)


def test_sg_conv_uses_what_it_propagated_again_and_refuses_another_x() -> None:
    conv = layers.SGConv(3, 2, K=2, cached=True)
    first = conv(X, EDGES)
    assert torch.equal(conv(X.clone(), OTHER), first)
    with pytest.raises(ValueError, match="this x is another one"):
        conv(X + 1, EDGES)
    scripted = torch.jit.script(layers.SGConv(3, 2, K=2, cached=True))
    scripted(X, EDGES)
    with pytest.raises(torch.jit.Error, match="this x is another one"):
        scripted(X + 1, EDGES)
    conv.reset_parameters()
    conv(X + 1, EDGES)


def test_what_pyg_has_cached_is_carried_over_or_refused() -> None:
    nn = pytest.importorskip("torch_geometric.nn")
    theirs = nn.APPNP(2, 0.1, cached=True)
    expected = theirs(X, EDGES)
    torch.testing.assert_close(geocompile.from_pyg(theirs)(X, OTHER), expected)
    filled = nn.SGConv(3, 2, cached=True)
    filled(X, EDGES)
    _, report = from_pyg_report(filled)
    assert "does not tell the x" in report.kept[0].reason


def test_cheb_conv_takes_the_largest_eigenvalue_as_a_number_too() -> None:
    conv = layers.ChebConv(3, 2, K=3)
    assert torch.equal(conv(X, EDGES, lambda_max=1.5), conv(X, EDGES, lambda_max=torch.tensor(1.5)))


def test_appnp_leaves_weights_out_in_training_only() -> None:
    conv = layers.APPNP(3, 0.1, dropout=0.5)
    plain = layers.APPNP(3, 0.1)(X, EDGES)
    assert not torch.equal(conv(X, EDGES), plain)
    assert torch.equal(conv.eval()(X, EDGES), plain)


@pytest.mark.parametrize(
    "conv",
    [layers.ChebConv(-1, 2, 2), layers.SGConv(-1, 2), layers.TAGConv(-1, 2), layers.LEConv(-1, 2)],
    ids=lambda conv: type(conv).__name__,
)
def test_the_input_size_is_taken_from_the_first_input(conv: torch.nn.Module) -> None:
    assert conv(X, EDGES).shape == (4, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.ChebConv(3, 2, 0), "K must be at least 1"),
        (lambda: layers.ChebConv(3, 2, 2, normalization="row"), "normalization must be 'sym', 'rw' or None"),
        (lambda: layers.APPNP(2, 0.1, normalize=False, add_self_loops=True), "needs normalize=True"),
        (lambda: layers.APPNP(2, 0.1, dropout=0.5, aggr="max"), "dropout has no meaning"),
        (lambda: layers.ARMAConv(-1, 2), "in_channels must be an integer of at least 1"),
        (lambda: layers.DNAConv(8, heads=3), "heads must divide channels=8"),
        (lambda: layers.DNAConv(12, heads=2, groups=3), "one must divide the other"),
        (lambda: layers.GCN2Conv(3, 0.1, theta=0.5), "theta and layer go together"),
        (lambda: layers.LEConv(3, 2, aggr="max"), "aggr must be add or mean"),
        (lambda: layers.GatedGraphConv(2, 1)(X, EDGES), "at most 2 channels"),
        (lambda: layers.AGNNConv()(X.unsqueeze(0), EDGES), r"x must have shape \[num_nodes, channels\]"),
        (lambda: layers.SignedConv(3, 2, True)((X, None), EDGES, OTHER), "both elements of a pair"),
        (lambda: layers.TAGConv(3, 2)(X, EDGES, torch.ones(2)), "one value for each edge"),
    ],
)
def test_what_has_no_meaning_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_the_third_argument_of_appnp_is_no_dropout() -> None:
    with pytest.raises(TypeError, match="dropout is a keyword"):
        layers.APPNP(2, 0.1, 0.5)  # type: ignore[arg-type]
