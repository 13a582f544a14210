"""What a person sees in the ONNX file: few nodes, plain names, function bodies for what is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import onnx
import onnx.numpy_helper
import onnxruntime
import pytest
import torch
from torch import Tensor

from geocompile.capture import capture
from geocompile.errors import ExportError
from geocompile.examples import normalize_examples
from geocompile.exporters import onnx as exporter
from geocompile.exporters.program import CapturedProgram
from geocompile.passes import run_passes
from tests.exporters.models import GCN, inputs_of


def captured(*names: str) -> CapturedProgram:
    model = GCN()
    return run_passes(capture(model, normalize_examples(model, tuple(inputs_of(list(names), 6, 9)))))[0]


@pytest.fixture
def model(tmp_path: Path) -> onnx.ModelProto:
    exporter.export(captured("x", "edge_index"), tmp_path)
    return onnx.load(tmp_path / "model.onnx")


def test_two_layer_gcn_is_minimal(model: onnx.ModelProto) -> None:
    counts = Counter(node.op_type for node in model.graph.node)
    assert counts == {
        "Gather": 2, "CsrFromCoo": 1, "GcnNorm": 1, "Gemm": 2, "GatherSegmentSumWeightedSelf": 2, "Add": 2, "Relu": 1,
    }  # fmt: skip


def test_function_bodies_are_those_of_the_used_operators(model: onnx.ModelProto) -> None:
    assert {function.name for function in model.functions} == {
        "CsrFromCoo",
        "GcnNorm",
        "GatherSegmentSumWeightedSelf",
    }


def test_versions_and_producer(model: onnx.ModelProto) -> None:
    assert model.ir_version <= 10
    assert {opset.domain: opset.version for opset in model.opset_import} == {"": 20, "geocompile": 1}
    assert model.producer_name == "geocompile"


def test_names_are_the_model_s_own(model: onnx.ModelProto) -> None:
    assert [value.name for value in model.graph.input] == ["x", "edge_index"]
    assert [value.name for value in model.graph.output] == ["output"]
    assert {"conv1.bias", "conv1.lin.weight", "conv2.bias", "conv2.lin.weight"} <= {
        tensor.name for tensor in model.graph.initializer
    }


def test_no_dimension_keeps_the_tracer_s_name(tmp_path: Path) -> None:
    exporter.export(captured("x", "edge_index", "batch"), tmp_path)
    graph = onnx.load(tmp_path / "model.onnx").graph
    dims = {
        d.dim_param
        for v in [*graph.input, *graph.output, *graph.value_info]
        for d in v.type.tensor_type.shape.dim
    }
    assert dims - {""} == {"num_nodes", "num_edges", "num_graphs"}


def test_large_weights_go_to_an_external_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = captured("x", "edge_index")
    monkeypatch.setattr(exporter, "MAX_INLINE_BYTES", 100)
    files = exporter.export(program, tmp_path)
    assert files.extra_files == ["model.onnx.data"]
    weight = next(
        t for t in onnx.load(tmp_path / "model.onnx").graph.initializer if t.name == "conv1.lin.weight"
    )
    expected = program.exported.state_dict["conv1.lin.weight"].detach().numpy()
    assert (onnx.numpy_helper.to_array(weight) == expected).all()


def test_operator_without_onnx_form_is_named() -> None:
    class Special(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.special.bessel_j1(x)

    program = capture(Special(), normalize_examples(Special(), (torch.randn(3, 2),)))
    with pytest.raises(ExportError, match="bessel_j1"):
        exporter.to_onnx(program)


@pytest.mark.parametrize("reduce", [torch.mean, torch.sum, torch.amax], ids=lambda reduce: reduce.__name__)
def test_reductions_along_the_last_dimensions_are_right_without_nodes_too(
    reduce: Callable[..., Tensor], tmp_path: Path
) -> None:
    class OfHeads(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return reduce(x.unflatten(1, [2, 3]), dim=-2)

    model = OfHeads()
    program = capture(model, normalize_examples(model, (torch.randn(5, 6),)))
    exporter.export(run_passes(program)[0], tmp_path)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for num_nodes in (5, 0):
        x = torch.randn(num_nodes, 6)
        (found,) = session.run(None, {"x": x.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), model(x))
