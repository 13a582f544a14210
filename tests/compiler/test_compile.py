"""`compile` gives a verified bundle or leaves everything as it was."""

import contextlib
import copy
import json

import numpy as np
import pytest
import torch
import torch_geometric.nn as pyg

import geocompile
from geocompile import compiler, passes
from geocompile.errors import BundleError, VerificationError
from geocompile.exporters import get_exporter
from geocompile.layers import GCNConv, GraphConv, global_max_pool, global_mean_pool
from geocompile.passes import Pass

FAST = ("onnx", "torchscript")  # AOTInductor compiles for many seconds; it has a test of its own


class GCN(torch.nn.Module):
    def __init__(self, conv=GCNConv):
        super().__init__()
        torch.manual_seed(0)
        self.conv1 = conv(8, 16)
        self.dropout = torch.nn.Dropout(0.5)
        self.conv2 = conv(16, 4)

    def forward(self, x, edge_index):
        return self.conv2(self.dropout(torch.relu(self.conv1(x, edge_index))), edge_index)


class Steps:
    """Remembers the steps; presses Ctrl-C when the one called `interrupt` ends."""

    def __init__(self, interrupt=None):
        self.titles = []
        self.interrupt = interrupt

    @contextlib.contextmanager
    def step(self, title):
        self.titles.append(title)
        yield
        if title == self.interrupt:
            raise KeyboardInterrupt


def examples():
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.randn(n, 8, generator=generator), torch.randint(0, n, (2, e), generator=generator))
        for n, e in ((30, 100), (50, 140))
    ]


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def old_bundle(tmp_path):
    return geocompile.compile(
        GCN(), examples(), ["torchscript"], tmp_path / "gcn", verify=False, measure=False
    )


def test_one_call_gives_a_verified_bundle(tmp_path):
    model = GCN().train()
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    bundle = geocompile.compile(model, examples(), FAST, tmp_path / "gcn")
    assert bundle.targets == FAST
    assert repr(bundle) == f"Bundle({str(tmp_path / 'gcn')!r}, engines={FAST}, verified)"
    verification = bundle.manifest.verification
    assert verification["ok"]
    assert [engine["engine"] for engine in verification["engines"]] == [
        "onnx",
        "onnx (portable)",
        "torchscript",
    ]
    assert len(json.dumps(verification)) < 5000
    assert "Verified" in (bundle.path / "report.html").read_text()
    assert files_in(tmp_path) == ["gcn"]

    again = geocompile.load(tmp_path / "gcn", digest=bundle.digest)
    x, edge_index = examples()[0]
    with torch.no_grad():
        expected = model.eval()(x, edge_index)
    for target in FAST:
        torch.testing.assert_close(again.session(target)(x, edge_index), expected)
    for inputs, outputs in again.samples():
        assert (
            np.abs(again.session("onnx")(**inputs) - outputs["output"]).max()
            <= again.manifest.tolerances["output"].atol
        )
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())


def test_the_model_stays_in_training_mode_and_keeps_its_layers(tmp_path):
    model = GCN(pyg.GCNConv).train()
    bundle = geocompile.compile(model, examples(), ["torchscript"], tmp_path / "gcn", measure=False)
    assert model.training
    assert model.conv1.training
    assert isinstance(model.conv1, pyg.GCNConv)
    replaced = bundle.manifest.passes[0]
    assert (replaced["name"], replaced["changed"]) == ("from_pyg", 2)
    assert bundle.manifest.verification["ok"]


def test_all_three_engines_with_a_batch_vector(tmp_path):
    class Classifier(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(2)
            self.conv = pyg.GCNConv(8, 16)
            self.linear = torch.nn.Linear(16, 3)

        def forward(self, x, edge_index, batch):
            return self.linear(pyg.global_mean_pool(self.conv(x, edge_index).relu(), batch))

    batch = torch.arange(4).repeat_interleave(10)
    x, edge_index = torch.randn(40, 8), torch.randint(0, 40, (2, 90))
    calls = [(x, edge_index, batch), (x[:30], edge_index % 30, batch[:30])]
    bundle = geocompile.compile(Classifier(), calls, output=tmp_path / "classifier", measure=False)
    assert bundle.targets == ("onnx", "torchscript", "aotinductor")
    names = {graph["name"] for graph in bundle.manifest.verification["graphs"]}
    assert "several graphs, one empty" in names


def test_without_verification_the_bundle_says_so(old_bundle):
    assert old_bundle.manifest.verification is None
    assert repr(old_bundle).endswith("engines=('torchscript',), not verified)")
    assert "Not verified" in (old_bundle.path / "report.html").read_text()


def test_nan_and_infinity_travel_through_every_engine_as_through_eager(tmp_path):
    class Extremes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv1, self.conv2 = GCNConv(8, 16), GraphConv(16, 4, aggr="max")

        def forward(self, x, edge_index, batch):
            x = self.conv2(torch.relu(self.conv1(x, edge_index)), edge_index)
            return global_max_pool(x, batch), global_mean_pool(x, batch)

    calls = [(x, edge_index, torch.arange(len(x)) // 10) for x, edge_index in examples()]
    model = Extremes()
    bundle = geocompile.compile(model, calls, FAST, tmp_path / "extremes", measure=False)
    x, edge_index, batch = calls[0]
    x = x.clone()
    x[3, 2], x[12, 1], x[25] = float("nan"), float("inf"), -float("inf")
    report = geocompile.verify(bundle, model, [(x, edge_index, batch)])
    report.raise_if_failed()
    assert [engine.engine for engine in report.engines] == ["onnx", "onnx (portable)", "torchscript"]


def test_a_model_of_which_rounding_decides_everything_is_not_verified(tmp_path):
    class Chaos(GCN):
        def forward(self, x, edge_index):
            return torch.sin(1e8 * super().forward(x, edge_index))

    with pytest.raises(
        VerificationError, match=r"could not be verified: on \d+ of \d+ graphs rounding alone"
    ):
        geocompile.compile(Chaos(pyg.GCNConv), examples(), ["onnx"], tmp_path / "chaos", measure=False)
    assert files_in(tmp_path) == ["chaos.failed"]


def test_bipartite_edges_are_verified_on_every_kind_of_graph(tmp_path):
    class Bipartite(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv = GraphConv((3, 4), 5)

        def forward(self, x_s, x_t, edge_index):
            return self.conv((x_s, x_t), edge_index)

    calls = [
        (
            torch.randn(s, 3),
            torch.randn(t, 4),
            torch.stack([torch.randint(0, s, (e,)), torch.randint(0, t, (e,))]),
        )
        for s, t, e in ((30, 8, 70), (20, 12, 50))
    ]
    bundle = geocompile.compile(Bipartite(), calls, FAST, tmp_path / "bipartite", measure=False)
    names = {graph["name"] for graph in bundle.manifest.verification["graphs"]}
    assert {"no edges", "self-loops", "all edges to one node", "zero nodes"} <= names


class OnlySixty(GCN):
    """Fails on graphs of more than 60 nodes."""

    def forward(self, x, edge_index):
        return super().forward(x, edge_index) + torch.zeros(60, 4)[torch.arange(x.size(0))]


def break_the_engine(monkeypatch, impostor=GCN, bias=0.125):
    """From here on what is captured is not the model."""
    right = compiler._Compilation._capture

    def wrong(self, dynamic):
        model, self._model = self._model, impostor()
        with torch.no_grad():
            self._model.eval().conv2.bias += bias
        try:
            return right(self, dynamic)
        finally:
            self._model = model

    monkeypatch.setattr(compiler._Compilation, "_capture", wrong)


def test_a_failed_verification_keeps_the_old_bundle_and_leaves_its_report(old_bundle, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        break_the_engine(patched)
        with pytest.raises(
            VerificationError,
            match=r"(onnx|torchscript).*'output'.*would have passed.*wrong in capture.*gcn\.failed",
        ):
            geocompile.compile(GCN(), examples(), FAST, tmp_path / "gcn", measure=False)
    assert geocompile.load(tmp_path / "gcn").digest == old_bundle.digest
    assert files_in(tmp_path) == ["gcn", "gcn.failed"]
    assert files_in(tmp_path / "gcn.failed") == [
        "report.html",
        "reproduce.py",
        "reproduce.safetensors",
        "verification.json",
    ]
    assert "Verification failed" in (tmp_path / "gcn.failed" / "report.html").read_text()

    geocompile.compile(GCN(), examples(), ["torchscript"], tmp_path / "gcn", measure=False)
    assert files_in(tmp_path) == ["gcn"]


def test_a_captured_program_that_raises_is_wrong_too(tmp_path, monkeypatch):
    break_the_engine(monkeypatch, OnlySixty, bias=0.0)
    with pytest.raises(VerificationError, match=r"fails on graph 'larger'.*first go wrong in capture"):
        geocompile.compile(GCN(), examples(), ["torchscript"], tmp_path / "gcn", measure=False)


def test_a_wrong_pass_is_named(tmp_path, monkeypatch):
    def spoil(editor):
        relu = next(node for node in editor.graph.nodes if node.target is torch.ops.aten.relu.default)
        relu.target = torch.ops.aten.neg.default
        return ["relu is neg now"]

    wrong = Pass("be_clever", "nothing", spoil)
    monkeypatch.setattr(passes, "PASSES", (*passes.PASSES, wrong))
    with pytest.raises(VerificationError, match="first go wrong in the pass be_clever"):
        geocompile.compile(GCN(), examples(), ["torchscript"], tmp_path / "gcn", measure=False)


def test_a_wrong_exporter_is_named(tmp_path, monkeypatch):
    def export(program, folder):
        shifted = copy.copy(program)
        shifted.exported = copy.deepcopy(program.exported)
        with torch.no_grad():
            for weight in shifted.exported.state_dict.values():
                weight.mul_(1.01)
        return get_exporter("torchscript")(shifted, folder)

    monkeypatch.setattr(compiler, "get_exporter", lambda target: export)
    with pytest.raises(VerificationError, match="first go wrong in the exporter of torchscript"):
        geocompile.compile(GCN(), examples(), ["torchscript"], tmp_path / "gcn", measure=False)


@pytest.mark.parametrize(
    "step",
    [
        "running the examples in eager",
        "capturing the model",
        "running the passes",
        "exporting torchscript",
        "verifying torchscript",
        "writing the bundle",
    ],
)
def test_ctrl_c_at_any_step_leaves_nothing(step, old_bundle, tmp_path):
    steps = Steps(interrupt=step)
    with pytest.raises(KeyboardInterrupt):
        geocompile.compile(
            GCN(), examples(), ["torchscript"], tmp_path / "new", progress=steps, measure=False
        )
    assert steps.titles[-1] == step
    if step == "writing the bundle":  # it was complete, and in place, when the key was pressed
        assert geocompile.load(tmp_path / "new").manifest.verification["ok"]
    else:
        assert files_in(tmp_path) == ["gcn"]


def half():
    return GCN().half()


def refused_models():
    lazy = torch.nn.Sequential(torch.nn.LazyLinear(3))
    return [
        ("gcn", TypeError, "model must be a torch.nn.Module, got str"),
        (GCN, TypeError, "got GCN; give an instance, not the class"),
        (half(), ValueError, "'conv1.*' is torch.float16, expected float32 or float64; call model.float"),
        (GCN().to("meta"), ValueError, "'conv1.*' is on meta, expected the CPU; call model.cpu"),
        (lazy, ValueError, "parameter '0.weight' has no shape yet"),
        (torch.jit.script(torch.nn.Linear(2, 2)), TypeError, "TorchScript module"),
    ]


@pytest.mark.parametrize(("model", "error", "message"), refused_models())
def test_refused_models(model, error, message, tmp_path):
    refuses(tmp_path, error, message, model, examples())


@pytest.mark.parametrize(
    ("calls", "error", "message"),
    [
        ([], ValueError, "no example"),
        (
            (torch.randn(3, 8).half(), torch.zeros(2, 0, dtype=torch.long)),
            ValueError,
            "example 0: 'x' is torch.float16",
        ),
        (
            (torch.randn(3, 8, device="meta"), torch.zeros(2, 0, dtype=torch.long)),
            ValueError,
            "'x' is on meta",
        ),
    ],
)
def test_refused_examples(calls, error, message, tmp_path):
    refuses(tmp_path, error, message, GCN(), calls)


@pytest.mark.parametrize(
    ("targets", "message"), [(["onxx"], "unknown target 'onxx', choose from: onnx"), ([], "no target given")]
)
def test_refused_targets(targets, message, tmp_path):
    refuses(tmp_path, ValueError, message, GCN(), examples(), targets)


def test_an_unknown_pass_is_refused(tmp_path):
    refuses(
        tmp_path,
        ValueError,
        "unknown pass 'go_faster', choose from: ",
        GCN(),
        examples(),
        chosen=["go_faster"],
    )


def refuses(tmp_path, error, message, model, calls, targets=FAST, chosen=None):
    steps = Steps()
    with pytest.raises(error, match=message):
        geocompile.compile(
            model, calls, targets, tmp_path / "gcn", passes=chosen, progress=steps, measure=False
        )
    assert steps.titles == []  # before any long work
    assert files_in(tmp_path) == []


def test_a_foreign_folder_is_refused_before_any_work(tmp_path):
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter1.tex").write_text("...")
    steps = Steps()
    with pytest.raises(BundleError, match="not a bundle"):
        geocompile.compile(GCN(), examples(), FAST, foreign, progress=steps, measure=False)
    assert steps.titles == []
    assert files_in(foreign) == ["chapter1.tex"]


def test_an_example_that_the_model_itself_refuses_is_named(tmp_path):
    x, edge_index = examples()[0]
    with pytest.raises(ValueError, match=r"the model itself fails on example 1: "):
        geocompile.compile(
            GCN(), [(x, edge_index), (x[:, :3], edge_index)], FAST, tmp_path / "gcn", measure=False
        )
    assert files_in(tmp_path) == []


def test_the_default_output_is_named_after_the_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    geocompile.compile(GCN(), examples()[0], ["torchscript"], verify=False, measure=False)
    assert files_in(tmp_path / "build") == ["gcn"]
