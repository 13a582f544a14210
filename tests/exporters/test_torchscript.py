"""The TorchScript engine: scripted source, readable parameters, nothing of the machine baked in."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from geocompile.capture import capture
from geocompile.errors import ExportError
from geocompile.examples import normalize_examples
from geocompile.exporters import aotinductor, get_exporter
from geocompile.exporters.program import CapturedProgram
from geocompile.exporters.torchscript import script
from geocompile.exporters.torchscript_source import write_source
from geocompile.passes import run_passes
from tests.exporters.models import GCN, Everything, inputs_of


def captured(model: nn.Module, *names: str) -> CapturedProgram:
    return capture(model, normalize_examples(model, tuple(inputs_of(list(names), 6, 9))))


def test_parameters_have_readable_names(tmp_path: Path) -> None:
    files = get_exporter("torchscript")(captured(GCN(), "x", "edge_index"), tmp_path)
    names = {name for name, _ in torch.jit.load(str(tmp_path / files.file)).named_parameters()}
    assert names == {"conv1_bias", "conv1_lin_weight", "conv2_bias", "conv2_lin_weight"}


def test_created_tensors_follow_the_inputs_device() -> None:
    text = write_source(captured(Everything(), "x", "edge_index", "edge_weight")).text
    assert "cpu" not in text
    assert "device=x.device" in text


def test_sizes_are_read_from_tensors() -> None:
    text = write_source(captured(Everything(), "x", "edge_index", "edge_weight")).text
    assert ".size(0)" in text
    assert "1001" not in text


def test_assertions_of_the_capture_are_dropped() -> None:
    text = write_source(captured(GCN(), "x", "edge_index", "batch")).text
    assert "assert" not in text


def test_input_names_that_are_keywords_of_the_script_work(tmp_path: Path) -> None:
    class Shadow(nn.Module):
        def forward(self, x: Tensor, torch: Tensor) -> Tensor:
            return x + torch

    example = (torch.randn(3, 2), torch.randn(3, 2))
    program = capture(Shadow(), normalize_examples(Shadow(), example), {"torch": {0: "num_nodes"}})
    for version in (program, run_passes(program)[0]):
        get_exporter("torchscript")(version, tmp_path)
        assert torch.jit.load(str(tmp_path / "model.ts"))(*example).equal(example[0] + example[1])


def test_unknown_target_lists_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match="unknown target 'tensorrt', expected one of onnx, torchscript, aotinductor"
    ):
        get_exporter("tensorrt")


def test_missing_compiler_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aotinductor.shutil, "which", lambda name: None)
    with pytest.raises(ExportError, match=r"needs a C\+\+ compiler.*apt install g\+\+"):
        aotinductor.export(captured(GCN(), "x", "edge_index"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_sizes_rounded_from_fractions_vary() -> None:
    class Keep(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[: math.ceil(0.8 * x.size(0))][math.floor(x.size(0) / 3) :]

    engine = script(captured(Keep(), "x"))
    for num_nodes in (0, 1, 5, 6, 40):
        (x,) = inputs_of(["x"], num_nodes, 0)
        assert engine(x).equal(Keep()(x))


@pytest.mark.parametrize("number", [1e10, -1e10, 2.0**52, 1e16, 1e9, -3.4028234663852886e38])
def test_large_whole_numbers_are_read_back_as_floats(number: float, tmp_path: Path) -> None:
    class Large(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            replaced = torch.nan_to_num(x, nan=number, posinf=number / 2)
            return torch.cat([replaced, x.long() + number])

    x = torch.tensor([math.nan, math.inf, 2.0])
    get_exporter("torchscript")(capture(Large(), normalize_examples(Large(), (torch.ones(3),))), tmp_path)
    assert torch.jit.load(str(tmp_path / "model.ts"))(x[1:]).equal(Large()(x[1:]))
    assert torch.jit.load(str(tmp_path / "model.ts"))(x)[0] == torch.tensor(number)
