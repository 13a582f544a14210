"""A failed verification names the node, the layer and the stage that are wrong, and leaves a script that shows it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import geocompile
from geocompile.verification.report import Report
from tests.verification.broken import (
    Block,
    Blocks,
    add_pass,
    drop_the_second_bias,
    example,
    fault_of,
    run_script,
    spoil_onnx,
    spoil_torchscript,
    swap_a_subtraction,
    swap_arguments_in_place,
)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "blocks"


@pytest.mark.parametrize("rewrite", [swap_a_subtraction, swap_arguments_in_place])
def test_a_pass_that_swaps_a_subtraction_is_named_with_its_node_and_layer(rewrite, output, monkeypatch):
    with monkeypatch.context() as patched:
        add_pass(patched, "be_clever", rewrite)
        fault, message = fault_of(Blocks(), output)
        assert (fault.stage, fault.pass_name, fault.target) == ("pass", "be_clever", "")
        assert fault.operator == "aten.sub.Tensor"
        assert fault.layer == "blocks.2 (Block)"
        assert fault.error > fault.bound > 0
        for part in (fault.node, "blocks.2 (Block)", "the pass be_clever", "reproduce.py", "blocks.failed"):
            assert part in message
        code, said = run_script(output)
        assert code == 1
        assert "the graph after be_clever gives" in said
    add_pass(monkeypatch, "be_clever", lambda editor: [])
    assert run_script(output)[0] == 0


def test_a_pass_that_drops_the_bias_of_the_second_layer_is_named(output, monkeypatch):
    with monkeypatch.context() as patched:
        add_pass(patched, "drop_bias", drop_the_second_bias)
        fault, _ = fault_of(Blocks(), output)
        assert (fault.stage, fault.pass_name) == ("pass", "drop_bias")
        assert (fault.operator, fault.layer) == ("aten.linear.default", "blocks.1.lin (Linear)")
        assert run_script(output)[0] == 1
    add_pass(monkeypatch, "drop_bias", lambda editor: [])
    assert run_script(output)[0] == 0


@pytest.mark.parametrize(("number", "layer"), [(0, "blocks.0 (Block)"), (2, "blocks.2 (Block)")])
def test_a_wrong_torchscript_node_is_named(number, layer, output, monkeypatch):
    with monkeypatch.context() as patched:
        spoil_torchscript(patched, "relu", number, " + 0.25")
        fault, _ = fault_of(Blocks(), output)
        assert (fault.stage, fault.target, fault.operator) == ("exporter", "torchscript", "aten.relu.default")
        assert fault.layer == layer
        assert fault.error == pytest.approx(0.25, rel=1e-4)
        assert run_script(output)[0] == 1
    code, said = run_script(output)
    assert code == 0
    assert "within the bound" in said


class Deep(Block):
    """A block whose square root stands in the second one only, behind a flag."""

    number = 0

    def __init__(self) -> None:
        super().__init__()
        self.rooted = Deep.number % 3 == 1
        Deep.number += 1

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = super().forward(x, edge_index)
        return torch.sqrt(x + 1) if self.rooted else x


def test_a_wrong_onnx_translation_is_named_and_its_file_kept(output, monkeypatch):
    with monkeypatch.context() as patched:
        spoil_onnx(patched, "Sqrt", "Exp")
        fault, _ = fault_of(Blocks(Deep), output, ("onnx",))
        assert (fault.stage, fault.target, fault.operator) == ("exporter", "onnx", "aten.sqrt.default")
        assert fault.layer == "blocks.1 (Deep)"
        assert run_script(output)[0] == 1
    assert run_script(output)[0] == 0
    assert run_script(output, "--file")[0] == 1  # the file holds the fault as it was
    assert (output.parent / "blocks.failed/reproduce.onnx").stat().st_size < 2000


def test_an_engine_that_fails_is_traced_to_the_node_that_it_fails_at(output, monkeypatch):
    spoil_torchscript(monkeypatch, "relu", 1, ".view(-1, 7, 11)")
    fault, message = fault_of(Blocks(), output)
    assert (fault.stage, fault.target, fault.operator) == ("exporter", "torchscript", "aten.relu.default")
    assert fault.layer == "blocks.1 (Block)"
    assert "the engine fails" in message
    assert run_script(output)[0] == 1


class Chameleon(Block):
    """Computes something else while it is captured, in the second block."""

    number = 0

    def __init__(self) -> None:
        super().__init__()
        self.changes = Chameleon.number % 3 == 1
        Chameleon.number += 1

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = super().forward(x, edge_index)
        return x.square() + x if self.changes and torch.compiler.is_exporting() else x + x


def test_a_layer_that_is_captured_wrongly_is_named(output):
    fault, message = fault_of(Blocks(Chameleon), output)
    assert fault.stage == "capture"
    assert (fault.operator, fault.layer) == ("aten.square.default", "blocks.1 (Chameleon)")
    assert "first go wrong in capture at node" in message
    code, said = run_script(output)
    assert code == 1
    assert "what capture made of the layer gives" in said


class BetweenLayers(Blocks):
    """The model's own forward, between two right layers, is captured wrongly."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = self.blocks[0](x, edge_index)
        x = x.cos() if torch.compiler.is_exporting() else x.sin()
        return self.head(self.blocks[1](x, edge_index))


def test_what_is_wrong_between_layers_is_the_models_own(output):
    fault, _ = fault_of(BetweenLayers(), output)
    assert (fault.stage, fault.operator) == ("capture", "aten.cos.default")
    assert fault.layer == "the model itself (BetweenLayers)"


def test_the_script_runs_alone(output, monkeypatch):
    """In a new process, where nothing is broken: it needs neither the model nor this test."""
    with monkeypatch.context() as patched:
        spoil_torchscript(patched, "relu", 1, " * 2")
        fault_of(Blocks(), output)
    folder = output.parent / "blocks.failed"
    text = (folder / "reproduce.py").read_text()
    assert "torch.ops.aten.relu.default" in text
    assert "Blocks" not in text
    done = subprocess.run(
        [sys.executable, "reproduce.py"], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "within the bound" in done.stdout


def test_the_report_shows_the_fault_and_keeps_it_as_json(output, monkeypatch):
    spoil_torchscript(monkeypatch, "relu", 1, " * 2")
    fault, _ = fault_of(Blocks(), output)
    folder = output.parent / "blocks.failed"
    assert sorted(path.name for path in folder.iterdir()) == [
        "report.html",
        "reproduce.py",
        "reproduce.safetensors",
        "verification.json",
    ]
    report = Report.from_json(json.loads((folder / "verification.json").read_text()))
    assert report.fault == fault
    assert report.stage == "the exporter of torchscript"
    page = (folder / "report.html").read_text()
    for part in (fault.node, fault.layer, "python reproduce.py"):
        assert part in page


def test_a_later_success_removes_the_script_and_a_later_failure_without_one_too(output, monkeypatch):
    with monkeypatch.context() as patched:
        spoil_torchscript(patched, "relu", 1, " * 2")
        fault_of(Blocks(), output)
        assert (output.parent / "blocks.failed/reproduce.py").is_file()
        patched.setattr("geocompile.verification.bisection.search.write_script", lambda *args: False)
        fault, message = fault_of(Blocks(), output)
        assert fault.script == ""
        assert "there is no script" in message
        assert not (output.parent / "blocks.failed/reproduce.py").exists()
    geocompile.compile(Blocks(), example(), ["torchscript"], output, measure=False)
    assert not (output.parent / "blocks.failed").exists()


def test_an_error_of_the_search_does_not_hide_the_failure(output, monkeypatch):
    spoil_torchscript(monkeypatch, "relu", 1, " * 2")

    def broken(*args: object) -> None:
        raise ZeroDivisionError("in the search")

    monkeypatch.setattr("geocompile.verification.bisection.search.ExporterSearch.first_wrong", broken)
    fault, message = fault_of(Blocks(), output)
    assert (fault.stage, fault.target, fault.node) == ("exporter", "torchscript", "")
    assert "The node could not be found (ZeroDivisionError: in the search)" in message
    assert "would have passed" in message


def test_ctrl_c_during_the_search_leaves_the_report(output, monkeypatch):
    spoil_torchscript(monkeypatch, "relu", 1, " * 2")

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("geocompile.verification.bisection.search.ExporterSearch.first_wrong", interrupted)
    with pytest.raises(KeyboardInterrupt, match=r"verification failed, the report is in .*blocks\.failed"):
        geocompile.compile(Blocks(), example(), ["torchscript"], output)
    folder = output.parent / "blocks.failed"
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "verification.json"]
    assert not output.exists()


def test_the_limit_in_time_is_told(output, monkeypatch):
    spoil_torchscript(monkeypatch, "relu", 1, " * 2")
    monkeypatch.setattr(
        "geocompile.verification.bisection.budget.time.monotonic", iter(range(0, 10**6, 50)).__next__
    )
    fault, message = fault_of(Blocks(), output)
    assert fault.stage == "exporter"
    assert "stopped after 120 s" in message


def test_a_fault_that_hides_while_values_are_outputs_is_told_with_the_smallest_part_that_fails(
    output, monkeypatch
):
    """The second relu is wrong unless it is returned: as if it were compiled together with the addition after it."""
    with monkeypatch.context() as patched:
        spoil_torchscript(patched, "relu", 1, " * 2", unless_returned=True)
        fault, message = fault_of(Blocks(), output)
        assert (fault.stage, fault.target, fault.operator) == ("exporter", "torchscript", "aten.add.Tensor")
        assert fault.layer == "the model itself (Blocks)"
        assert "operators that are compiled together" in message
        assert run_script(output)[0] == 1
    assert run_script(output)[0] == 0


def test_an_engine_that_cannot_be_opened_is_traced_to_its_node(output, monkeypatch):
    from geocompile.exporters import torchscript

    right = torchscript.export

    def wrong(program, folder):
        files = right(program, folder)
        if "sqrt" in torchscript.write_source(program).text:
            (folder / files.file).write_bytes(b"no engine")
        return files

    with monkeypatch.context() as patched:
        patched.setattr(torchscript, "export", wrong)
        fault, message = fault_of(Blocks(Deep), output)
        assert (fault.operator, fault.layer) == ("aten.sqrt.default", "blocks.1 (Deep)")
        assert "cannot be opened" in message
        assert run_script(output)[0] == 1
    assert run_script(output)[0] == 0


def test_a_wrong_function_body_shows_in_the_portable_engine_only(output, monkeypatch):
    from geocompile.exporters import onnx_functions

    right = onnx_functions.function_for

    def wrong(op_type, *dtype):
        function = right(op_type, *dtype)
        if op_type.startswith("GatherSegment"):
            next(node for node in reversed(list(function)) if node.op_type == "Add").op_type = "Sub"
        return function

    with monkeypatch.context() as patched:
        patched.setattr(onnx_functions, "function_for", wrong)
        fault, _ = fault_of(Blocks(), output, ("onnx",))
        assert (fault.target, fault.operator) == (
            "onnx (portable)",
            "geocompile.gather_segment_reduce.default",
        )
        assert fault.layer == "blocks.0.conv (GCNConv)"
        assert run_script(output)[0] == 1
    assert run_script(output)[0] == 0


class PygBlocks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        geometric = pytest.importorskip("torch_geometric.nn", reason="needs torch_geometric")
        torch.manual_seed(0)
        self.convs = nn.ModuleList([geometric.GCNConv(8, 8) for _ in range(3)])

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for conv in self.convs:
            x = conv(x, edge_index).tanh()
        return x


def test_a_wrong_conversion_of_a_pyg_layer_is_told_from_a_wrong_capture(output, monkeypatch):
    from geocompile.pyg.converters import FROM_PYG

    model = PygBlocks()
    name = "torch_geometric.nn.conv.gcn_conv.GCNConv"
    right = FROM_PYG[name]

    def wrong(old):
        new = right(old)
        if torch.equal(old.lin.weight, model.convs[1].lin.weight):
            new.add_self_loops = False
        return new

    monkeypatch.setitem(FROM_PYG, name, wrong)
    fault, message = fault_of(model, output)
    assert (fault.stage, fault.pass_name, fault.layer) == ("capture", "from_pyg", "convs.1 (GCNConv)")
    assert "first go wrong in capture (from_pyg)" in message
    assert run_script(output)[0] == 1


def test_a_failure_that_a_new_engine_does_not_repeat_is_told_so(output, monkeypatch):
    """Only the first export is wrong."""
    first = iter([True])

    def once(*args: object) -> bool:
        return next(first, False)

    spoil_torchscript(monkeypatch, "relu", 1, " * 2", when=once)
    fault, message = fault_of(Blocks(), output)
    assert (fault.stage, fault.node, fault.script) == ("exporter", "", "")
    assert "the failure does not repeat" in message


@pytest.mark.slow
def test_an_aotinductor_engine_is_bisected(output, monkeypatch):
    """The exporter is handed a program in which the relu of the second block is a sigmoid."""
    from geocompile.exporters import aotinductor

    right = aotinductor.with_own_outputs

    def wrong(program):
        changed = right(program)
        relus = [n for n in changed.exported.graph.nodes if n.target is torch.ops.aten.relu.default]
        for node in relus[1:2]:
            node.target = torch.ops.aten.sigmoid.default
        changed.exported.graph_module.recompile()
        return changed

    with monkeypatch.context() as patched:
        patched.setattr(aotinductor, "with_own_outputs", wrong)
        fault, _ = fault_of(Blocks(), output, ("aotinductor",))
        assert (fault.target, fault.operator) == ("aotinductor", "aten.relu.default")
        assert fault.layer == "blocks.1 (Block)"
