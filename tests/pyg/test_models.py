"""PyG's models converted and back: what is shared stays shared, what cannot be carried says why."""

import pytest
import torch
from torch import Tensor

import geocompile
from geocompile import layers
from geocompile.pyg import from_pyg_report

pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")


class Moments(torch.nn.Module):
    """An encoder of mean and spread."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.spread = pyg.GCNConv(3, 2), pyg.GCNConv(3, 2)

    def forward(self, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean(x, edge_index), self.spread(x, edge_index)


def edges() -> Tensor:
    return torch.tensor([[0, 1, 2, 0, 2], [1, 2, 0, 0, 1]])


def test_the_encoder_inside_a_model_is_converted_too_and_shared_parts_stay_shared() -> None:
    theirs = torch.nn.ModuleDict({"model": pyg.GAE(pyg.GCNConv(3, 2))})
    theirs["encoder"] = theirs["model"].encoder
    ours, report = from_pyg_report(theirs)
    assert not report.kept
    assert type(ours["model"]) is layers.GAE
    assert type(ours["model"].encoder) is layers.GCNConv
    assert ours["encoder"] is ours["model"].encoder


@pytest.mark.parametrize("name", ["VGAE", "ARGVA"])
def test_a_variational_model_draws_and_weighs_as_pygs_does(name: str) -> None:
    parts = [Moments(), *([torch.nn.Linear(2, 1)] if name == "ARGVA" else [])]
    theirs = getattr(pyg, name)(*parts).double()
    with torch.no_grad():
        theirs.encode(torch.ones(3, 3, dtype=torch.float64), edges())
    ours = geocompile.from_pyg(theirs)
    x = torch.randn(3, 3, dtype=torch.float64)
    results = []
    for model in (theirs, ours, geocompile.to_pyg(ours)):
        torch.manual_seed(4)
        results.append((model.encode(x, edges()), model.kl_loss()))
    for z, loss in results[1:]:
        torch.testing.assert_close(z, results[0][0], rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(loss, results[0][1], rtol=1e-10, atol=1e-12)


def test_the_losses_of_an_adversary_are_pygs() -> None:
    theirs = pyg.ARGA(pyg.GCNConv(3, 2), torch.nn.Linear(2, 1)).double()
    ours = geocompile.from_pyg(theirs)
    z = torch.randn(5, 2, dtype=torch.float64)
    torch.testing.assert_close(ours.reg_loss(z), theirs.reg_loss(z), rtol=1e-10, atol=0)
    losses = []
    for model in (theirs, ours):
        torch.manual_seed(1)
        losses.append(model.discriminator_loss(z))
    torch.testing.assert_close(*losses, rtol=1e-10, atol=0)


def test_an_odd_lstm_is_rounded_down_as_in_pyg() -> None:
    theirs = pyg.JumpingKnowledge("lstm", channels=3, num_layers=3).double()
    ours = geocompile.from_pyg(theirs)
    xs = [torch.randn(4, 3, dtype=torch.float64) for _ in range(3)]
    torch.testing.assert_close(ours(xs), theirs(xs), rtol=1e-10, atol=1e-12)


def test_signed_losses_are_pygs_for_the_pairs_that_it_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch_geometric.nn.models.signed_gcn as home

    theirs = pyg.SignedGCN(3, 4, 2, lamb=3, bias=False).double()
    ours = geocompile.from_pyg(theirs)
    friends, foes, none = torch.randint(0, 6, (3, 2, 8))
    others = torch.randint(0, 6, (8,))
    monkeypatch.setattr(home, "negative_sampling", lambda edges, num_nodes: none)
    monkeypatch.setattr(home, "structured_negative_sampling", lambda edges, num_nodes: (*edges, others))
    z = ours(torch.randn(6, 3, dtype=torch.float64), friends, foes)
    parts = (
        ours.nll_loss(z, friends, foes, none_edge_index=none),
        ours.pos_embedding_loss(z, friends, others=others),
        ours.neg_embedding_loss(z, foes, others=others),
    )
    found = parts[0] + ours.lamb * (parts[1] + parts[2])
    torch.testing.assert_close(found, theirs.loss(z, friends, foes), rtol=1e-10, atol=1e-12)
    again = geocompile.to_pyg(layers.SignedGCN(3, 4, 2, bias=False).double())
    assert again.lin.bias is None
    assert torch.isfinite(again(torch.randn(6, 3, dtype=torch.float64), friends, foes)).all()


def test_a_signed_network_of_odd_size_stays_pygs() -> None:
    kept = from_pyg_report(pyg.SignedGCN(3, 5, 2))[1].kept
    assert "odd size" in kept[0].reason


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: layers.VGAE(torch.nn.Identity()), "log sigma"),
        (lambda: layers.ARGVA(torch.nn.Identity(), torch.nn.Identity()), "log sigma"),
        (lambda: layers.RENet(3, 2, 2, 2, num_layers=2), "more than one recurrent layer"),
    ],
    ids=["VGAE", "ARGVA", "RENet"],
)
def test_what_pyg_cannot_compute_is_refused_with_the_reason(make, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        geocompile.to_pyg(make())
