"""An engine's outputs are the caller's: writing into them changes no weight, no input, no other output."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from geocompile.capture import capture
from geocompile.examples import normalize_examples
from geocompile.exporters import get_exporter
from geocompile.exporters.outputs import with_own_outputs
from geocompile.exporters.program import CapturedProgram
from geocompile.passes import run_passes
from tests.exporters.models import GCN, inputs_of
from tests.exporters.test_engines_equal_eager import OPEN


class Shares(nn.Module):
    """Every way to hand out memory that is somebody else's."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4))
        self.register_buffer("table", torch.ones(5))
        self.lin = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = x * 2
        return {
            "weight": self.weight,
            "view of a weight": self.weight.t()[0].unsqueeze(0),
            "buffer": self.table,
            "input": x,
            "part of the input": x[:, :4],
            "copy": x.clone().detach(),
            "dropout": functional.dropout(x, training=False),
            "cast": x.float().type_as(x),
            "once": self.lin(x).relu(),
            "twice": self.lin(x).relu(),
            "y": y,
            "flat": y.view(-1),
            "half": y.chunk(2, dim=1)[0],
        }  # fmt: skip


def captured(model: nn.Module, *names: str) -> CapturedProgram:
    return capture(model, normalize_examples(model, tuple(inputs_of(list(names), 6, 9))))


@pytest.mark.parametrize("optimised", [True, False], ids=["passes", "no_passes"])
@pytest.mark.parametrize("target", ["torchscript", "aotinductor"])
def test_outputs_share_no_memory(target: str, optimised: bool, tmp_path: Path) -> None:
    model = Shares().eval()
    program = captured(model, "x")
    if optimised:
        program, _ = run_passes(program)
    run = OPEN[target](tmp_path / get_exporter(target)(program, tmp_path).file)
    (x,) = inputs_of(["x"], 6, 9)
    names = [spec.name for spec in program.outputs]
    with torch.no_grad():
        expected = list(model(x).values())
        given = x.clone()
        outputs = run([given])
        torch.testing.assert_close(outputs, expected)
        for name, output in zip(names, outputs, strict=True):
            before = [other.clone() for other in outputs]
            output += 1
            assert torch.equal(given, x), name
            changed = [n for n, a, b in zip(names, outputs, before, strict=True) if not torch.equal(a, b)]
            assert changed == [name]
        torch.testing.assert_close(run([x]), expected)


def test_fresh_outputs_are_not_copied() -> None:
    program = with_own_outputs(captured(GCN(), "x", "edge_index", "batch"))
    assert "clone" not in str(program.exported.graph)
    program.exported.validate()
