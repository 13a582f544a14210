"""Every operator still names its layer after the passes: the report's drawings depend on it."""

import torch

from geocompile.capture import capture
from geocompile.examples import normalize_examples
from geocompile.layers import GCNConv, GraphConv, global_mean_pool
from geocompile.passes import PASSES, run_passes
from geocompile.report.describe import read_graph, summarize
from geocompile.report.program import INPUT, OPERATOR, OUTPUT


class Net(torch.nn.Module):
    """Two layers that share a graph, one whose graph is fixed, and operators between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = GCNConv(4, 8)
        self.blocks = torch.nn.ModuleList([GraphConv(8, 8, aggr="mean"), GraphConv(8, 8)])
        self.drop = torch.nn.Dropout(0.5)
        self.head = torch.nn.Linear(8, 2)
        self.register_buffer("grid", torch.tensor([[0, 1, 2], [1, 2, 0]]))

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        h = self.first(x, edge_index).relu()
        for block in self.blocks:
            h = block(h, edge_index).relu()
        return self.head(self.drop(global_mean_pool(h, batch)))


def captured():
    model = Net().eval()
    graphs = [(torch.randn(n, 4), torch.randint(0, n, (2, 3 * n)), torch.arange(n) // 4) for n in (8, 12)]
    return model, capture(model, normalize_examples(model, graphs))


def test_operators_name_their_layers_before_and_after_every_pass() -> None:
    _, program = captured()
    before = read_graph(program)
    layers = {node.name: node.layers for node in before.nodes}
    expected = {"first", "blocks.0", "blocks.1", "drop", "head"}
    assert {node.layers[0] for node in before.nodes if node.layers} == expected
    for count in range(1, len(PASSES) + 1):
        changed, _ = run_passes(program, [step.name for step in PASSES[:count]])
        after = read_graph(changed)
        assert expected - {"drop"} <= {node.layers[0] for node in after.nodes if node.layers}
        for node in after.nodes:
            assert node.layers == layers.get(node.name, node.layers)


def test_a_folded_constant_names_the_layer_that_it_was_computed_in() -> None:
    class Fixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = torch.nn.Linear(3, 3)
            self.scale = Scale()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.scale(self.lin(x))

    class Scale(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.weight.exp()

    model = Fixed().eval()
    program = capture(model, normalize_examples(model, [(torch.randn(4, 3),), (torch.randn(6, 3),)]))
    changed, _ = run_passes(program, ["fold_constants"])
    (folded,) = [node for node in changed.exported.graph.nodes if node.name.startswith("folded_")]
    assert [path for path, _ in folded.meta["nn_module_stack"].values()][-1] == "scale"


def test_shapes_have_the_names_that_people_know() -> None:
    _, program = captured()
    graph = read_graph(program)
    results = {node.name: node.result for node in graph.nodes}
    assert results["x"] == "float32 [num_nodes, 4]"
    assert results["edge_index"] == "int64 [2, num_edges]"
    assert graph.nodes[-1].kind == OUTPUT
    assert [node.name for node in graph.nodes if node.kind == INPUT] == ["x", "edge_index", "batch"]
    assert any("[num_graphs, 2]" in node.result for node in graph.nodes)
    assert not any("s" + digit in node.result for node in graph.nodes for digit in "0123456789")


def test_weights_and_options_stand_at_their_operators() -> None:
    _, program = captured()
    nodes = read_graph(program).nodes
    head = next(node for node in nodes if node.layers == ("head",))
    assert head.weights == ("head.weight [2, 8]", "head.bias [2]")
    reduced = [node.variant for node in nodes if node.operator == "geocompile.gather_segment_reduce"]
    assert sorted(reduced) == ["", "", "mean"]  # an option that is the default is not written
    assert all(node.kind in (INPUT, OPERATOR, OUTPUT) for node in nodes)


def test_a_model_is_summed_up_with_shared_weights_counted_once() -> None:
    model, _ = captured()
    model.twin = model.head
    summary = summarize(model, {"first": "geocompile.layers.conv.gcn_conv.GCNConv"})
    assert summary.parameters == sum(tensor.numel() for tensor in model.parameters())
    assert summary.buffers == 6
    layers = {layer.path: layer for layer in summary.layers}
    assert layers["head"].kind == "Linear"
    assert layers["head"].parameters == 18
    assert "in_features=8" in layers["head"].settings
    assert layers["first"].replaced_by == "geocompile.layers.conv.gcn_conv.GCNConv"
    assert layers[""].kind == "Net"
