"""Every exporter's engine gives eager's numbers, for graphs of every size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from geocompile.capture import capture
from geocompile.examples import normalize_examples
from geocompile.exporters import get_exporter
from geocompile.passes import run_passes
from tests.exporters.models import GCN, SIZES, Everything, inputs_of

Run = Callable[[list[Tensor]], list[Tensor]]


def open_torchscript(path: Path) -> Run:
    module = torch.jit.load(str(path))
    return lambda inputs: pytree.tree_leaves(module(*inputs))


def open_onnx(path: Path) -> Run:
    """Without our library: the function bodies must do."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(path))

    def run(inputs: list[Tensor]) -> list[Tensor]:
        feed = {i.name: np.asarray(t) for i, t in zip(session.get_inputs(), inputs, strict=True)}
        return [torch.from_numpy(array) for array in session.run(None, feed)]

    return run


def open_aotinductor(path: Path) -> Run:
    loader = torch._C._aoti.AOTIModelPackageLoader(str(path), "model", False, 1, -1)
    return lambda inputs: list(loader.boxed_run(list(inputs)))


OPEN = {"torchscript": open_torchscript, "onnx": open_onnx, "aotinductor": open_aotinductor}
CASES = {
    "nodes": (GCN, ["x", "edge_index"]),
    "graphs": (GCN, ["x", "edge_index", "batch"]),
    "everything": (Everything, ["x", "edge_index", "edge_weight"]),
}


@pytest.mark.parametrize("optimised", [True, False], ids=["passes", "no_passes"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("target", ["torchscript", "onnx"])
def test_engine_equals_eager_on_every_size(target: str, case: str, optimised: bool, tmp_path: Path) -> None:
    check(target, case, optimised, tmp_path)


@pytest.mark.parametrize("case", ["graphs", "everything"])
def test_aotinductor_engine_equals_eager_on_every_size(case: str, tmp_path: Path) -> None:
    check("aotinductor", case, True, tmp_path)


def check(target: str, case: str, optimised: bool, folder: Path) -> None:
    check_model(target, *CASES[case], optimised, folder)


def check_model(target: str, kind: type[nn.Module], names: list[str], optimised: bool, folder: Path) -> None:
    """Exported from one graph, run on graphs of all sizes."""
    torch.manual_seed(0)
    model = kind().eval()
    program = capture(model, normalize_examples(model, tuple(inputs_of(names, 6, 9))))
    if optimised:
        program, _ = run_passes(program)
    files = get_exporter(target)(program, folder)
    run = OPEN[target](folder / files.file)
    for num_nodes, num_edges in SIZES:
        inputs = inputs_of(names, num_nodes, num_edges)
        with torch.no_grad():
            expected = eager(model, inputs)
            actual = run(inputs)
        torch.testing.assert_close(actual, expected)


def eager(model: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(model(*inputs)) if leaf is not None]
