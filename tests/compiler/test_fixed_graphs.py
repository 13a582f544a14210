"""A graph that the model holds is a constant of its engines: cached layers, graphs in buffers, sizes fixed by hand."""

import numpy as np
import pytest
import torch
import torch_geometric.nn as pyg

import geocompile
from geocompile import layers
from geocompile.errors import CaptureError

ENGINES = ("onnx", "torchscript")
NUM_NODES = 6


def features(*shape):
    return torch.randn(NUM_NODES, *shape, generator=torch.Generator().manual_seed(2))


def edges(num_edges=9):
    return torch.randint(0, NUM_NODES, (2, num_edges), generator=torch.Generator().manual_seed(num_edges))


def operators(folder):
    graph = torch.jit.load(folder / "model.ts").inlined_graph
    return {node.kind().removeprefix("geocompile::") for node in graph.nodes()}


class TwoLayers(torch.nn.Module):
    """The model of many a PyG program: every layer caches the one graph of the dataset."""

    def __init__(self, conv):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = conv(4, 8, cached=True), conv(8, 3, cached=True)

    def forward(self, x, edge_index):
        return self.second(self.first(x, edge_index).relu(), edge_index)


CACHED = {
    "GCNConv": (lambda: layers.GCNConv(4, 3, cached=True), (features(4),)),
    "GCNConv without loops": (
        lambda: layers.GCNConv(4, 3, cached=True, add_self_loops=False),
        (features(4),),
    ),
    "GCN2Conv": (lambda: layers.GCN2Conv(4, 0.1, cached=True), (features(4), features(4))),
    "APPNP": (lambda: layers.APPNP(2, 0.1, cached=True), (features(4),)),
    "DNAConv": (lambda: layers.DNAConv(4, cached=True), (features(2, 4),)),
    "two layers": (lambda: TwoLayers(layers.GCNConv), (features(4),)),
    "two layers of PyG": (lambda: TwoLayers(pyg.GCNConv), (features(4),)),
}


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
@pytest.mark.parametrize("name", CACHED)
def test_a_cached_graph_is_a_constant_of_the_engines(tmp_path, name, filled):
    make, nodes = CACHED[name]
    model = make().eval()
    if filled:
        with torch.no_grad():
            model(*nodes, edges())
    bundle = geocompile.compile(model, (*nodes, edges()), ENGINES, tmp_path / "b", measure=False)
    assert [spec.shape[0] for spec in bundle.manifest.inputs] == [*[NUM_NODES] * len(nodes), 2]
    assert not operators(bundle.path) & {"csr_from_coo", "gcn_norm"}
    with torch.no_grad():
        expected = model(*nodes, edges()).numpy()
    inputs = [tensor.numpy() for tensor in nodes]
    for target in bundle.targets:
        engine = bundle.session(target)
        for num_edges in (9, 0, 30):  # the edges of later calls do not count
            np.testing.assert_allclose(
                engine(*inputs, edges(num_edges).numpy()), expected, rtol=1e-5, atol=1e-6
            )


def test_features_of_another_graph_are_refused_by_name(tmp_path):
    model = layers.GCNConv(4, 3, cached=True).eval()
    bundle = geocompile.compile(model, (features(4), edges()), ENGINES, tmp_path / "b", measure=False)
    for target in bundle.targets:
        with pytest.raises(ValueError, match=r"input 'x' has shape \[7, 4\], expected \[6, 4\]"):
            bundle.session(target)(np.zeros((7, 4), np.float32), edges().numpy())


def test_sgconv_in_an_engine_propagates_what_it_is_given(tmp_path):
    """Eager refuses another x, which is not what it has propagated."""
    model = layers.SGConv(4, 3, K=2, cached=True).eval()
    with pytest.warns(UserWarning, match="with cached=True the features propagated on the first call"):
        bundle = geocompile.compile(model, (features(4), edges()), ENGINES, tmp_path / "b", measure=False)
    assert bundle.manifest.verification["ok"]
    assert not operators(bundle.path) & {"csr_from_coo", "gcn_norm"}
    plain = layers.SGConv(4, 3, K=2)
    plain.load_state_dict(model.state_dict())
    for x in (features(4), -2 * features(4)):
        with torch.no_grad():
            expected = plain(x, edges()).numpy()
        for target in bundle.targets:
            result = bundle.session(target)(x.numpy(), edges(30).numpy())
            np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def test_sgconv_takes_its_own_features_rounded_and_no_others():
    conv = layers.SGConv(4, 3, cached=True)
    x = features(4)
    first = conv(x, edges())
    assert torch.equal(conv(x * (1 + 1e-7), edges()), first)
    with pytest.raises(ValueError, match="this x is another one"):
        conv(x * (1 + 1e-5), edges())


class InBuffer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = layers.GCNConv(4, 3)
        self.register_buffer("edges", edges())

    def forward(self, x):
        return self.conv(x, self.edges)


@pytest.mark.parametrize("fixed", [(), {}, [NUM_NODES, 4]], ids=str)
def test_a_graph_in_a_buffer_is_a_constant(tmp_path, fixed):
    bundle = geocompile.compile(
        InBuffer().eval(), features(4), ENGINES, tmp_path / "b", dynamic={"x": fixed}, measure=False
    )
    assert bundle.manifest.inputs[0].shape == (NUM_NODES, 4)
    assert not operators(bundle.path) & {"csr_from_coo", "gcn_norm"}


class OnTargets(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = layers.GCNConv(4, 3, cached=True)

    def forward(self, x, x_target, edge_index):
        return self.conv(x_target, edge_index) + x.sum()


def test_a_cached_graph_of_other_nodes_fixes_those_alone(tmp_path):
    call = (torch.randn(11, 2), features(4), edges())
    bundle = geocompile.compile(OnTargets().eval(), call, ENGINES, tmp_path / "b", measure=False)
    assert [spec.shape[0] for spec in bundle.manifest.inputs] == ["num_nodes", NUM_NODES, 2]


def test_dimensions_that_are_said_to_vary_are_refused_where_the_graph_is_cached(tmp_path):
    model = layers.GCNConv(4, 3, cached=True).eval()
    with pytest.raises(CaptureError, match="the cached graph has 6 nodes, x has num_nodes; use cached=False"):
        geocompile.compile(
            model, (features(4), edges()), ENGINES, tmp_path / "b", dynamic={"x": {0: "num_nodes"}}
        )
