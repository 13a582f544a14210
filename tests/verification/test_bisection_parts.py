"""The parts of a bisection: nothing is called wrong that is right, and what is cut out computes what it did."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
import typer
from torch import Tensor, nn

from geocompile.capture import capture
from geocompile.cli.outcome import Outcome, reported
from geocompile.errors import CaptureError, VerificationError
from geocompile.examples import normalize_examples
from geocompile.exporters.program import CapturedProgram
from geocompile.passes import PASSES, run_passes
from geocompile.progress import SilentProgress
from geocompile.verification.bisection import cutting
from geocompile.verification.bisection.budget import Budget, OutOfTime
from geocompile.verification.bisection.capturing import first_wrong_layer
from geocompile.verification.bisection.exporting import ExporterSearch
from geocompile.verification.bisection.interpreter import NodeError, as_array, run_nodes
from geocompile.verification.bisection.layers import run_layers
from geocompile.verification.bisection.nodes import computed_tensors, layer_of, nodes_by_name, stored_tensors
from geocompile.verification.bisection.parts import frontier, with_outputs
from geocompile.verification.bisection.passing import first_changed
from geocompile.verification.bisection.showing import show
from geocompile.verification.bisection.source import write_source
from geocompile.verification.bisection.values import NodeValues
from geocompile.verification.fault import Fault
from tests.exporters.models import GCN, Everything, inputs_of
from tests.verification.broken import Blocks

MODELS: list[tuple[type[nn.Module], list[str]]] = [
    (GCN, ["x", "edge_index", "batch"]),
    (Everything, ["x", "edge_index", "edge_weight"]),
    (Blocks, ["x", "edge_index"]),
]


def captured(model: nn.Module, names: list[str]) -> CapturedProgram:
    return capture(model, normalize_examples(model, tuple(inputs_of(names, 6, 9))))


def graph(names: list[str], nodes: int = 20, edges: int = 60) -> dict[str, Any]:
    return {name: tensor.numpy() for name, tensor in zip(names, inputs_of(names, nodes, edges), strict=True)}


@pytest.mark.parametrize(("model", "names"), MODELS)
def test_values_of_nodes_are_the_programs(model: type[nn.Module], names: list[str]) -> None:
    program, inputs = captured(model(), names), graph(names)
    values = run_nodes(program, inputs)
    outputs = program.exported.module()(*(torch.tensor(inputs[spec.name]) for spec in program.inputs))
    for node, output in zip(program.exported.graph_signature.user_outputs, outputs, strict=True):
        np.testing.assert_array_equal(values[node], output.detach().numpy())


@pytest.mark.parametrize(("model", "names"), [MODELS[0], MODELS[2]])
def test_float64_values_are_those_of_the_float64_model(model: type[nn.Module], names: list[str]) -> None:
    """`Everything` makes float32 tensors by itself, so that there is no float64 eager to compare with."""
    torch.manual_seed(2)
    eager = model().eval()
    program, inputs = captured(eager, names), graph(names)
    values = NodeValues(program, [inputs])
    wide = {
        name: torch.tensor(array).double() if array.dtype.kind == "f" else torch.tensor(array)
        for name, array in inputs.items()
    }
    if model is Everything:
        pytest.skip(
            "the model makes float32 tensors by itself, so that it has no float64 eager to compare with"
        )
    expected = eager.double()(**wide).detach().numpy()
    (name,) = program.exported.graph_signature.user_outputs
    np.testing.assert_allclose(values.exact(name), expected, rtol=1e-12)
    assert values.check(name, values.eager(name)).ok
    assert not values.check(name, values.eager(name) * np.float32(1.0001)).ok


@pytest.mark.parametrize("target", ["onnx", "torchscript"])
@pytest.mark.parametrize(("model", "names"), MODELS)
def test_a_right_engine_has_no_wrong_node(model: type[nn.Module], names: list[str], target: str) -> None:
    program, _ = run_passes(captured(model(), names))
    inputs = graph(names)
    values = NodeValues(program, [inputs, graph(names, 40, 150)])
    budget = Budget(SilentProgress())
    assert ExporterSearch(program, target, False, inputs, values, budget).first_wrong() is None


@pytest.mark.parametrize("name", [step.name for step in PASSES])
@pytest.mark.parametrize(("model", "names"), MODELS)
def test_a_right_pass_changes_no_node(model: type[nn.Module], names: list[str], name: str) -> None:
    before, inputs = captured(model(), names), graph(names)
    after, _ = run_passes(before, [name])
    assert first_changed(after, inputs, NodeValues(before, [inputs])) is None


@pytest.mark.parametrize(("model", "names"), MODELS)
def test_a_right_capture_has_no_wrong_layer(model: type[nn.Module], names: list[str]) -> None:
    eager = model()
    program, inputs = captured(eager, names), graph(names)
    values = NodeValues(program, [inputs])
    assert first_wrong_layer(program, values, run_layers(eager, inputs), same_operators=True) is None


@pytest.mark.parametrize(("model", "names"), MODELS)
def test_the_source_of_every_piece_computes_its_node(model: type[nn.Module], names: list[str]) -> None:
    program, inputs = captured(model(), names), graph(names)
    values = run_nodes(program, inputs)
    for node in computed_tensors(program):
        for piece in (cutting.one_node(program, node.name), cutting.from_inputs(program, node.name)):
            result = run_source(program, piece, values)
            assert result.dtype == values[node.name].dtype
            np.testing.assert_array_equal(result, values[node.name])


def run_source(program: CapturedProgram, piece: cutting.Piece, values: dict[str, Any]) -> Any:
    import math
    import operator

    source, stored = write_source(piece), stored_tensors(program)
    lines = "\n".join(f"    {line}" for line in source.lines)
    scope: dict[str, Any] = {"torch": torch, "math": math, "operator": operator}
    exec(f"def forward({', '.join(['self', *source.arguments.values()])}):\n{lines}", scope)
    module = type("Weights", (), {name: stored[node] for name, node in source.weights.items()})()
    given = [torch.tensor(values[name]) for name in source.arguments]
    with torch.no_grad():
        return as_array(scope["forward"](module, *given))


@pytest.mark.parametrize(("model", "names"), MODELS)
def test_a_cut_program_gives_what_its_nodes_are_worth(model: type[nn.Module], names: list[str]) -> None:
    program, inputs = captured(model(), names), graph(names)
    values = run_nodes(program, inputs)
    for node in computed_tensors(program)[::3]:
        wanted = frontier(program, node.name)
        cut = with_outputs(program, wanted)
        cut.exported.validate()
        outputs = cut.exported.module()(*(torch.tensor(inputs[spec.name]) for spec in cut.inputs))
        assert wanted[-1] == node.name
        for name, output in zip(wanted, outputs, strict=True):
            np.testing.assert_array_equal(output.detach().numpy(), values[name])


def test_whatever_is_wrong_passes_through_every_frontier() -> None:
    """From a node of the frontier or before it, every path to an output meets the frontier."""
    program = captured(Blocks(), ["x", "edge_index"])
    nodes = computed_tensors(program)
    order = {node: k for k, node in enumerate(program.exported.graph.nodes)}
    for last in nodes:
        live = set(frontier(program, last.name))
        for node in nodes:
            if order[node] <= order[last] and node.name not in live:
                assert all(order[user] <= order[last] for user in node.users)


def test_layers_of_one_class_are_told_apart_by_path_and_call() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared = nn.Linear(8, 8)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.shared(self.shared(x).relu())

    model = Twice()
    run = run_layers(model, graph(["x", "edge_index"]))
    assert [(call.path, call.number) for call in run.calls] == [("shared", 0), ("shared", 1), ("", 0)]
    nodes = nodes_by_name(captured(model, ["x", "edge_index"]))
    assert layer_of(nodes["linear_1"]) == "shared (Linear)"
    assert layer_of(nodes["relu"]) == "the model itself (Twice)"


def test_a_node_that_raises_is_named() -> None:
    program = captured(Blocks(), ["x", "edge_index"])
    node = nodes_by_name(program)["sub_1"]
    node.target = torch.ops.aten.mm.default
    with pytest.raises(NodeError, match="RuntimeError: mat1 and mat2") as caught:
        run_nodes(program, graph(["x", "edge_index"]))
    assert caught.value.node == "sub_1"


def test_a_budget_refuses_a_step_after_its_end() -> None:
    with pytest.raises(OutOfTime):
        Budget(SilentProgress(), -1.0).step("too late")


def test_a_value_is_like_a_node_only_within_the_bound_everywhere() -> None:
    program, inputs = captured(Blocks(), ["x", "edge_index"]), graph(["x", "edge_index"])
    values = NodeValues(program, [inputs])
    name = computed_tensors(program)[-1].name
    mine = values.eager(name)
    assert values.is_like(name, mine)
    assert not values.is_like(name, mine.astype(np.float64))
    assert not values.is_like(name, mine[:-1])
    for index in np.ndindex(mine.shape):
        other = mine.copy()
        other[index] += 1e-3
        assert not values.is_like(name, other)
        other[index] = np.nan
        assert not values.is_like(name, other)


@pytest.mark.parametrize(
    ("value", "code", "said"),
    [
        (np.float32([1, 2.0000001]), 0, "within the bound"),
        (np.float32([1, 2.5]), 1, "gives 2.5 at [1], expected 2: distance 0.5, allowed 0.001"),
        (np.float32([1, np.nan]), 1, "gives nan at [1]"),
        (np.float32([1]), 1, "gives shape [1], expected [2]"),
        (np.float64([1, 2]), 1, "gives float64, expected float32"),
        (CaptureError("no capture"), 2, "cannot be told: no capture"),
        (ImportError("no runtime"), 2, "cannot be told: no runtime"),
        (RuntimeError("out of luck"), 2, "fails: RuntimeError: out of luck"),
    ],
)
def test_a_script_says_what_it_finds(
    value: Any, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def compute() -> list[Any]:
        if isinstance(value, Exception):
            raise value
        return [np.float32([1, 2]), value]

    expected, bound = torch.tensor([1.0, 2.0]).double(), torch.tensor(1e-3)
    assert show(compute, expected, bound, "float32", "onnx") == code
    assert said in capsys.readouterr().out
    if type(value) is RuntimeError:
        assert show(compute, expected, bound, "float32", "onnx", raises=True) == 1


def test_the_command_line_tells_the_fault_and_where_the_report_is(capsys: pytest.CaptureFixture[str]) -> None:
    fault = Fault(
        "pass", pass_name="fuse", node="sub_1", operator="aten.sub.Tensor", layer="convs.1 (GCNConv)"
    )

    def fail(error: BaseException) -> tuple[int, str]:
        @reported
        def command(as_json: bool, debug: bool) -> Outcome:
            raise error

        with pytest.raises(typer.Exit) as ended:
            command(as_json=True, debug=False)
        return ended.value.exit_code, capsys.readouterr().out

    code, text = fail(VerificationError("it differs", fault))
    assert code == 1
    assert json.loads(text)["error"]["fault"]["layer"] == "convs.1 (GCNConv)"
    code, text = fail(KeyboardInterrupt("the report is in build/gcn.failed"))
    assert code == 130
    assert "build/gcn.failed" in json.loads(text)["error"]["message"]


def test_a_fault_survives_json_and_what_is_none_is_refused() -> None:
    fault = Fault("pass", pass_name="fuse", node="sub_1", error=float("inf"), bound=1e-6)
    assert Fault.from_json({**fault.to_json(), "of a later version": 1}) == fault
    assert "inf" in fault.sentence()
    with pytest.raises(ValueError, match="not a fault"):
        Fault.from_json({"stage": "weather"})


def test_values_without_columns_are_judged_like_others() -> None:
    class Empty(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 2 + torch.cat([x[:, :0].relu(), x], dim=1)

    values = NodeValues(captured(Empty(), ["x"]), [graph(["x"]), graph(["x"], nodes=0)])
    assert "relu" in values
    for name in values.names():
        assert values.is_like(name, values.eager(name))
        assert values.check(name, values.eager(name)).ok
