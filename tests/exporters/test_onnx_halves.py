"""Models that aggregate in half precision somewhere: one body of a name serves the nodes of every dtype."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from geocompile.capture import capture
from geocompile.custom_ops import csr_from_coo, gather_segment_reduce
from geocompile.custom_ops.libraries import ort_library
from geocompile.examples import normalize_examples
from geocompile.exporters import onnx as exporter

ONE_HALF = (torch.float16,)
MIXED = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


class Aggregates(torch.nn.Module):
    """Aggregates in each of the given dtypes; takes and gives float32, and the first result in its own."""

    def __init__(self, dtypes: tuple[torch.dtype, ...]) -> None:
        super().__init__()
        self.dtypes = dtypes

    def forward(self, x: Tensor, edge_index: Tensor) -> tuple[Tensor, ...]:
        rowptr, _, col = csr_from_coo(edge_index[1], x, edge_index[0])
        return tuple(gather_segment_reduce(x.to(d), rowptr, col, reduce="mean").float() for d in self.dtypes)


def with_library(options: onnxruntime.SessionOptions) -> None:
    options.register_custom_ops_library(str(ort_library()))


def alone(options: onnxruntime.SessionOptions) -> None:
    """Function bodies only."""


@pytest.mark.parametrize("dtypes", [ONE_HALF, (torch.bfloat16,), MIXED], ids=["half", "bfloat16", "mixed"])
@pytest.mark.parametrize("runtime", [with_library, alone])
def test_halves_are_exported_for_every_runtime(
    dtypes: tuple[torch.dtype, ...],
    runtime: Callable[[onnxruntime.SessionOptions], None],
    tmp_path: Path,
) -> None:
    model = Aggregates(dtypes)
    inputs = torch.randn(6, 5), torch.randint(0, 6, (2, 30))
    exporter.export(capture(model, normalize_examples(model, inputs)), tmp_path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    runtime(options)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", options)
    larger = torch.randn(11, 5), torch.randint(0, 11, (2, 70))
    outputs = session.run(None, {"x": larger[0].numpy(), "edge_index": larger[1].numpy()})
    for got, want, dtype in zip(outputs, model(*larger), dtypes, strict=True):
        # A body and a kernel may sum in another order in float32: the half next to the right one at the most.
        unit = max(torch.finfo(dtype).eps, torch.finfo(torch.float32).eps * 70)
        np.testing.assert_allclose(got, want.numpy(), rtol=unit, atol=unit)


def test_halves_among_other_dtypes_are_cast_on_the_way(tmp_path: Path) -> None:
    model = Aggregates(MIXED)
    inputs = torch.randn(6, 5), torch.randint(0, 6, (2, 30))
    exporter.export(capture(model, normalize_examples(model, inputs)), tmp_path)
    saved = onnx.load(tmp_path / "model.onnx")
    assert [f.name for f in saved.functions].count("GatherSegmentMean") == 1
    assert sum(node.op_type == "GatherSegmentMean" for node in saved.graph.node) == len(MIXED)
