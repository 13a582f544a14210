"""Layers that somebody has added to, derived from, wrapped or compiled: converted where that is not lost, else kept."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import geocompile
from geocompile import layers
from geocompile.pyg import from_pyg_report

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),  # a target here on purpose
    pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated:DeprecationWarning"),
]
pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")
explain = pytest.importorskip("torch_geometric.explain.algorithm.utils")
X, EDGES = torch.randn(5, 4), torch.randint(0, 5, (2, 9))


class Net(torch.nn.Module):
    """One layer after the other."""

    def __init__(self, *convs: torch.nn.Module) -> None:
        super().__init__()
        self.convs = torch.nn.ModuleDict({f"conv{k}": conv for k, conv in enumerate(convs)})

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for conv in self.convs.values():
            x = conv(x, edge_index)
        return x


class Encoded(torch.nn.Module):
    """A model of PyG's by what it encodes."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.model.encode(x, edge_index)


class Moments(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mean, self.spread = pyg.GCNConv(4, 4), pyg.GCNConv(4, 4)

    def forward(self, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean(x, edge_index), self.spread(x, edge_index)


class Twice(pyg.GCNConv):
    def message(self, x_j: Tensor, edge_weight: Tensor) -> Tensor:
        return 2 * x_j


class Squared(pyg.GATConv):
    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return super().forward(x, edge_index).square()


class Own(pyg.MessagePassing):
    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x)

    def message(self, x_j: Tensor) -> Tensor:
        return x_j


class MyModel(pyg.GAE):
    pass


def hooked(layer: torch.nn.Module, part: str = "") -> torch.nn.Module:
    """A hook that doubles what a part gives."""
    layer.get_submodule(part).register_forward_hook(lambda module, given, out: 2 * out)
    return layer


def with_fused_hook() -> torch.nn.Module:
    conv = pyg.GCNConv(4, 4)
    conv.register_message_and_aggregate_forward_hook(lambda *_: None)
    return conv


def with_state_hook() -> torch.nn.Module:
    conv = pyg.GCNConv(4, 4)
    conv.register_state_dict_pre_hook(lambda *_: None)
    return conv


def with_own_forward(conv: torch.nn.Module, part: str) -> torch.nn.Module:
    conv.get_submodule(part).forward = lambda x: x[:, :4]
    return conv


def parametrized(layer: torch.nn.Module, name: str) -> torch.nn.Module:
    torch.nn.utils.parametrize.register_parametrization(layer, name, torch.nn.Tanh())
    return layer


def quantised(layer: torch.nn.Module) -> torch.nn.Module:
    return torch.ao.quantization.quantize_dynamic(layer, {torch.nn.Linear, torch.nn.GRUCell})


def pna() -> torch.nn.Module:
    return pyg.PNAConv(4, 4, ["mean"], ["linear"], torch.tensor([1, 2]))


KEPT: dict[str, tuple[Callable[[], torch.nn.Module], str]] = {
    "hook of GEN's network": (lambda: hooked(pyg.GENConv(4, 4), "mlp"), "its mlp carries hooks"),
    "hook of GEN's norm": (
        lambda: hooked(pyg.GENConv(4, 4, msg_norm=True), "msg_norm"),
        "its msg_norm carries hooks",
    ),
    "hook of PNA's tower": (lambda: hooked(pna(), "pre_nns.0"), "its pre_nns.0 carries hooks"),
    "hook of PNA's mean": (lambda: hooked(pna(), "aggr_module.aggr.aggrs.0"), "aggrs.0 carries hooks"),
    "forward of PNA's tower": (
        lambda: with_own_forward(pna(), "post_nns.0"),
        "its post_nns.0 carries forward",
    ),
    "hook of CG's gate": (lambda: hooked(pyg.CGConv(4), "lin_f"), "its lin_f carries hooks"),
    "hook of a fused message": (with_fused_hook, "it carries hooks"),
    "hook of the state": (with_state_hook, "it carries hooks"),
    "parametrized bias": (lambda: parametrized(pyg.GCNConv(4, 4), "bias"), "its bias is parametrized"),
    "parametrized attention": (
        lambda: parametrized(pyg.GATConv(4, 4), "att_src"),
        "its att_src is parametrized",
    ),
    "own message": (lambda: Twice(4, 4), "it derives from PyG's GCNConv and may compute something else"),
    "own forward": (lambda: Squared(4, 4), "it derives from PyG's GATConv"),
    "own layer": (Own, "it derives from PyG's MessagePassing"),
    "scripted": (
        lambda: torch.jit.script(pyg.GCNConv(4, 4)),
        "it is TorchScript; convert the model before it",
    ),
    "traced": (lambda: torch.jit.trace(pyg.SAGEConv(4, 4), (X, EDGES)), "it is TorchScript"),
    "quantised gate": (lambda: quantised(pyg.CGConv(4)), "dynamic.modules.linear.Linear, not torch's Linear"),
    "quantised cell": (
        lambda: quantised(pyg.GatedGraphConv(4, 2)),
        "dynamic.modules.rnn.GRUCell, not a torch",
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_a_changed_layer_is_kept_with_the_reason_and_its_neighbours_are_replaced(name: str) -> None:
    make, reason = KEPT[name]
    theirs = Net(pyg.GCNConv(4, 4), make()).eval()
    ours, report = from_pyg_report(theirs)
    assert [entry.path for entry in report.replaced] == ["convs.conv0"]
    assert [entry.path for entry in report.kept] == ["convs.conv1"]
    assert reason in report.kept[0].reason
    torch.testing.assert_close(ours(X, EDGES), theirs(X, EDGES))


def explained_before() -> torch.nn.Module:
    model = Net(pyg.GCNConv(4, 4), pyg.GATConv(4, 4))
    explain.set_masks(model, torch.nn.Parameter(torch.rand(9)), EDGES)
    model(X, EDGES)
    explain.clear_masks(model)
    return model


def with_scripted_networks() -> torch.nn.Module:
    network = torch.jit.script(torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU()))
    return Net(pyg.GINConv(network), pyg.GINConv(network))


def of_scripted_layers() -> torch.nn.Module:
    """Scripting writes notes into the layer that it is given."""
    conv = pyg.GENConv(4, 4)
    torch.jit.script(torch.nn.BatchNorm1d(4))
    torch.jit.script(conv.mlp[1])
    return Net(conv)


def compiled(model: torch.nn.Module) -> torch.nn.Module:
    return torch.compile(model, backend="eager")


def filled() -> torch.nn.Module:
    model = Net(*(pyg.GCNConv(4, 4, cached=True, normalize=normalize) for normalize in (True, False)))
    with torch.no_grad():
        model(X, EDGES)
    return model


REPLACED: dict[str, tuple[Callable[[], torch.nn.Module], list[str]]] = {
    "explained before": (explained_before, ["convs.conv0", "convs.conv1"]),
    "scripted networks": (with_scripted_networks, ["convs.conv0", "convs.conv1"]),
    "scripted before": (of_scripted_layers, ["convs.conv0"]),
    "a compiled layer": (lambda: Net(compiled(pyg.GCNConv(4, 4))), ["convs.conv0._orig_mod"]),
    "a compiled model": (lambda: compiled(Net(pyg.GCNConv(4, 4))), ["_orig_mod.convs.conv0"]),
    "on several devices": (lambda: torch.nn.DataParallel(Net(pyg.GCNConv(4, 4))), ["module.convs.conv0"]),
    "filled caches": (filled, ["convs.conv0", "convs.conv1"]),
}


@pytest.mark.parametrize("name", REPLACED)
def test_what_loses_nothing_is_replaced(name: str) -> None:
    make, paths = REPLACED[name]
    theirs = make().eval()
    ours, report = from_pyg_report(theirs)
    assert [entry.path for entry in report.replaced] == paths
    assert not report.kept
    torch.testing.assert_close(ours(X, EDGES), theirs(X, EDGES))


def test_a_compiled_layer_runs_the_layer_that_replaced_it() -> None:
    ours = geocompile.from_pyg(compiled(pyg.GCNConv(4, 4)))
    with torch.no_grad():
        ours._orig_mod.lin.weight.zero_()
        ours._orig_mod.lin.weight = torch.nn.Parameter(torch.ones(4, 4))
    torch.testing.assert_close(ours(X, EDGES), ours._orig_mod(X, EDGES))


@pytest.mark.parametrize(
    ("make", "paths"),
    [
        (lambda: hooked(pyg.GAE(pyg.GCNConv(4, 4))), ["model.encoder", "model.decoder"]),
        (lambda: MyModel(pyg.GCNConv(4, 4)), ["model.encoder", "model.decoder"]),
        (lambda: hooked(pyg.GINConv(Net(pyg.GCNConv(4, 4)))), ["model.nn.convs.conv0"]),
    ],
    ids=["a hooked model", "a model of one's own", "a hooked layer"],
)
def test_inside_a_model_that_is_kept_layers_are_replaced(make: Callable[[], Any], paths: list[str]) -> None:
    theirs = Encoded(make()).eval()
    ours, report = from_pyg_report(theirs)
    assert [entry.path for entry in report.replaced] == paths
    assert [entry.path for entry in report.kept] == ["model"]
    if hasattr(theirs.model, "encode"):
        torch.testing.assert_close(ours(X, EDGES), theirs(X, EDGES))


def test_a_kept_variational_model_computes_what_it_did() -> None:
    theirs = Encoded(hooked(pyg.ARGVA(Moments(), torch.nn.Linear(4, 1)))).eval()
    ours, report = from_pyg_report(theirs)
    assert [entry.path for entry in report.kept] == ["model"]
    assert "model.encoder.mean" in [entry.path for entry in report.replaced]
    torch.testing.assert_close(ours(X, EDGES), theirs(X, EDGES))
    torch.testing.assert_close(ours.model.kl_loss(), theirs.model.kl_loss())


class Doubling(torch.nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


def with_linear(lin: torch.nn.Module) -> torch.nn.Module:
    conv = layers.GCNConv(4, 4)
    conv.lin = lin
    return conv


OURS: dict[str, tuple[Callable[[], torch.nn.Module], str]] = {
    "hook": (lambda: hooked(layers.GCNConv(4, 4)), "it carries hooks"),
    "hook of a map": (lambda: hooked(layers.GCNConv(4, 4), "lin"), "its lin carries hooks"),
    "forward": (lambda: with_own_forward(layers.GCNConv(4, 4), ""), "it carries forward"),
    "another map": (lambda: with_linear(Doubling(4, 4, bias=False)), "its lin is a .*Doubling"),
    "parametrized map": (
        lambda: with_linear(parametrized(torch.nn.Linear(4, 4, bias=False), "weight")),
        "its lin is a .*ParametrizedLinear",
    ),
}


@pytest.mark.parametrize("name", OURS)
def test_what_pygs_layer_would_lose_is_refused(name: str) -> None:
    make, reason = OURS[name]
    with pytest.raises(ValueError, match=rf"to_pyg: convs.conv0 \(.*GCNConv\): {reason}"):
        geocompile.to_pyg(Net(make()))


def test_a_layer_that_no_converter_can_read_is_kept_and_does_not_end_the_conversion() -> None:
    theirs = Net(pyg.GCNConv(4, 4), pyg.GCNConv(4, 4))
    del theirs.convs["conv0"].improved
    _, report = from_pyg_report(theirs)
    assert [entry.path for entry in report.replaced] == ["convs.conv1"]
    assert "no geocompile layer can be made of it: 'GCNConv' object has no attribute" in report.kept[0].reason
