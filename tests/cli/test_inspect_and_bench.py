"""`geocompile inspect` and `geocompile bench` on a bundle written by hand."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from geocompile.bundle import load
from geocompile.bundle.integrity import file_record
from geocompile.cli.op_counts import count_operators
from geocompile.report import write_report
from geocompile.timing import Timing, time_side_by_side
from tests.cli.conftest import Command
from tests.report.test_data import FULL
from tests.report.test_large_models import deep_model
from tests.report.test_page import evil_data


def test_inspect_shows_tensors_engines_passes_and_versions(command: Command, bundle: Path) -> None:
    result = command("inspect", bundle)
    assert result.code == 0
    for text in ("Dense", "float32 [num_nodes, 3]", "scores", "model.onnx", "merge_equal_nodes (2)", "numpy"):
        assert text in result.out


@pytest.fixture
def reported(bundle: Path) -> Path:
    """The bundle with a report of everything, which its manifest vouches for."""
    write_report(bundle, load(bundle).manifest, FULL)
    vouch(bundle)
    return bundle


def vouch(bundle: Path) -> None:
    values = json.loads((bundle / "manifest.json").read_text())
    for name in ("report.html", "report.json"):
        values["files"][name] = asdict(file_record(bundle / name))
    (bundle / "manifest.json").write_text(json.dumps(values))


def test_inspect_prints_the_report_within_a_hundred_columns(command: Command, reported: Path) -> None:
    result = command("inspect", reported)
    assert result.code == 0, result.err
    for text in (
        "9 parameters",
        "4 operators, 3 after the passes",
        "GCNConv",
        "2 → 1",
        "merge_equal_nodes (2)",
        "onnx out",
        "40 numbers, 40 exact",
        "several graphs",
        "the model has no batch vector",
        "2.00 ms",
        "2.0\N{MULTIPLICATION SIGN} eager's speed",
        "30.0 MB",
        "not measured: no such kernel",
        "not measured: MissingRuntimeError: no compiler",
        "batch_ptr",
        "Mine",
        "InferenceSession",
    ):
        assert text in result.out
    code = ("  ", "cmake", "session", "output,", "bundle", "options", "sha256")
    long = [line for line in result.out.splitlines() if len(line) > 100 and not line.startswith(code)]
    assert long == []


def test_inspect_prints_equal_layers_once(command: Command, bundle: Path) -> None:
    write_report(bundle, load(bundle).manifest, replace(FULL, model=deep_model(150)))
    vouch(bundle)
    result = command("inspect", bundle)
    assert result.code == 0, result.err
    assert "l.0 … l.148" in result.out
    assert "149 \N{MULTIPLICATION SIGN} GCNConv" in result.out
    assert "20 each" in result.out
    assert "l.7 " not in result.out
    table = result.out.partition("What was compiled")[2].partition("Mine")[0]
    assert len(table.splitlines()) < 12


def test_inspect_as_json_holds_layers_and_measurement(command: Command, reported: Path) -> None:
    content = command("inspect", reported, "--json").json
    assert content["layers"]["parameters"] == 9
    assert content["measurement"]["contenders"][0]["peak_bytes"] == 30_000_000


def test_inspect_does_not_read_a_report_that_the_manifest_does_not_list(
    command: Command, bundle: Path
) -> None:
    (bundle / "report.json").write_text("{")
    assert command("inspect", bundle).code == 0


def test_inspect_refuses_a_report_that_is_none(command: Command, reported: Path) -> None:
    (reported / "report.json").write_text('{"model": 3}')
    vouch(reported)
    result = command("inspect", reported)
    assert result.code == 2
    assert "report.json.model must be an object" in result.err


def test_inspect_shows_markup_of_others_as_text(command: Command, bundle: Path) -> None:
    write_report(bundle, load(bundle).manifest, evil_data())
    vouch(bundle)
    result = command("inspect", bundle)
    assert result.code == 0, result.err
    assert "<script>alert(1)</script>" in result.out


def test_inspect_as_json_pins_the_bundle(command: Command, bundle: Path) -> None:
    content = command("inspect", bundle, "--json").json
    assert content["digest"] == load(bundle).digest
    assert content["engines"][0]["operators"] == {"MatMul": 1, "Relu": 1}
    assert content["verified"] is None


def test_inspect_names_a_missing_file(command: Command, bundle: Path) -> None:
    (bundle / "model.onnx").unlink()
    result = command("inspect", bundle)
    assert result.code == 2
    assert "model.onnx" in result.err


def test_torchscript_operators_are_counted_without_torch(tmp_path: Path) -> None:
    import torch

    class Twice(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(torch.relu(x).add(x))

    torch.jit.script(Twice()).save(str(tmp_path / "model.ts"))
    counts = count_operators(tmp_path / "model.ts", "torchscript")
    assert counts == {"relu": 2, "add": 1}


def test_bench_times_every_sample(command: Command, bundle: Path) -> None:
    content = command("bench", bundle, "--seconds", 0.1, "--num-threads", 1, "--json").json
    assert [graph["sizes"] for graph in content["graphs"]] == [{"num_nodes": 4}, {"num_nodes": 50}]
    for graph in content["graphs"]:
        (engine,) = graph["engines"]
        assert engine["engine"] == "onnx"
        assert 0 < engine["p50"] <= engine["p99"]


def test_bench_with_a_model_shows_eager_and_takes_a_graph_of_ones_own(
    command: Command, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dense_model.py").write_text(
        "from torch import nn\nclass Dense(nn.Module):\n"
        "    def forward(self, x):\n        return (x[:, :2]).relu()\n"
    )
    np.savez(tmp_path / "graph.npz", x=np.ones((7, 3), np.float32))
    monkeypatch.chdir(tmp_path)
    result = command(
        "bench", bundle, "--model", "dense_model:Dense", "--input", "graph.npz", "--seconds", 0.1
    )
    assert result.code == 0, result.err
    assert "eager" in result.out
    assert "num_nodes = 7" in result.out


def test_weights_without_a_model_are_refused(command: Command, bundle: Path) -> None:
    assert command("bench", bundle, "--weights", "w.safetensors").code == 2


def test_contenders_take_turns_and_each_is_timed_by_itself() -> None:
    calls: list[str] = []
    contenders = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    timings = time_side_by_side(contenders, seconds=0.01)
    turns = [name for k, name in enumerate(calls) if k == 0 or calls[k - 1] != name]
    assert len(turns) >= 4
    assert timings["a"].calls > 5
    assert timings["b"].calls > 5


def test_p99_of_a_few_calls_is_the_slowest() -> None:
    timing = Timing.of([3.0, 1.0, 2.0])
    assert (timing.p50, timing.p99, timing.calls) == (2.0, 3.0, 3)
