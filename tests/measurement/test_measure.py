"""What is measured is near to what is known beforehand, and what cannot be measured is said, never raised."""

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import geocompile
from geocompile.bundle import Bundle
from geocompile.errors import MissingRuntimeError
from geocompile.measurement import memory, memory_worker, onnx_operators
from geocompile.measurement.measure import measure
from geocompile.measurement.memory import CannotMeasure, peak_of
from geocompile.measurement.memory_worker import peak_of_engine, smallest_and_largest
from geocompile.measurement.onnx_operators import read_profile
from geocompile.measurement.results import OperatorTime
from geocompile.measurement.torch_operators import GENERATED, MAX_EVENTS, operator_times
from geocompile.progress import SilentProgress

MEGABYTE = 2**20
SLACK = MEGABYTE  # the kernel counts pages in batches, per core


def test_the_peak_of_a_call_is_what_it_allocates() -> None:
    size = 64 * MEGABYTE
    peak = peak_of(lambda: np.ones(size, np.uint8).sum())
    assert size - SLACK <= peak <= 1.2 * size


def test_memory_that_was_freed_before_counts_again() -> None:
    def call() -> object:
        return [
            np.ones(100_000, np.uint8) for _ in range(400)
        ]  # below malloc's threshold for pages of their own

    call()
    assert peak_of(call) >= 0.8 * 40_000_000


def test_the_peak_between_two_steps_is_seen() -> None:
    def call() -> None:
        np.ones(48 * MEGABYTE, np.uint8)
        np.ones(8 * MEGABYTE, np.uint8)

    assert 47 * MEGABYTE <= peak_of(call) <= 58 * MEGABYTE


def test_a_system_without_the_figure_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_CLEAR_REFS", tmp_path / "absent" / "clear_refs")
    with pytest.raises(CannotMeasure, match="does not reset"):
        peak_of(lambda: None)
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "absent")
    with pytest.raises(CannotMeasure, match="no /proc/self/status"):
        peak_of(lambda: None)


def test_a_process_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotMeasure, match="is not a bundle"):
        peak_of_engine(tmp_path, "onnx", 1)
    monkeypatch.setattr(memory_worker.sys, "executable", str(tmp_path / "no_python"))
    with pytest.raises(CannotMeasure, match="did not start"):
        peak_of_engine(tmp_path, "onnx", 1)


def test_the_smallest_and_the_largest_sample_are_chosen() -> None:
    samples = [{"x": np.zeros(size)} for size in (5, 2, 9)]
    assert smallest_and_largest(samples) == [1, 2]
    assert smallest_and_largest(samples[:1]) == [0]
    assert smallest_and_largest([samples[0], samples[0]]) == [0]


def test_torchs_operators_are_counted_per_call() -> None:
    a = torch.randn(200, 200)
    times = {entry.operator: entry for entry in operator_times(lambda: (a @ a @ a).relu(), calls=5)}
    assert times["aten::mm"].calls == 2
    assert times["aten::mm"].seconds > 0
    assert GENERATED not in times


def test_what_the_profiler_does_not_see_is_the_rest() -> None:
    def call() -> object:
        time.sleep(0.02)
        return torch.ones(3)

    times = operator_times(call, calls=3, whole=False)
    assert times[0].operator == GENERATED
    assert 0.015 < times[0].seconds < 0.2


def test_a_call_of_many_operators_is_profiled_a_few_times_only() -> None:
    a, calls = torch.zeros(1), []

    def call() -> None:
        calls.append(1)
        for _ in range(1000):
            a.add(1)

    times = {entry.operator: entry for entry in operator_times(call, calls=50)}
    assert 2 < len(calls) <= 1 + MAX_EVENTS // 1000
    assert times["aten::add"].calls == 1000


def test_a_call_of_more_operators_than_are_read_is_profiled_once() -> None:
    a, calls = torch.zeros(1), []

    def call() -> None:
        calls.append(1)
        for _ in range(MAX_EVENTS // 2 + 1):
            a.add(1)

    times = {entry.operator: entry for entry in operator_times(call, calls=50)}
    assert len(calls) == 1
    assert times["aten::add"].calls == MAX_EVENTS // 2 + 1


def test_onnx_runtimes_profile_is_read_without_the_calls_before() -> None:
    def kernel(name: str, ts: int, dur: int) -> dict[str, Any]:
        return {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "args": {"op_name": name}}

    def run(ts: int) -> dict[str, Any]:
        return {"cat": "Session", "name": "model_run", "ts": ts, "dur": 40}

    events = [
        run(0),
        kernel("Gemm", 1, 1000),
        run(100),
        kernel("Gemm", 101, 10),
        kernel("CsrFromCoo", 112, 4),
    ]
    events += [
        run(200),
        kernel("Gemm", 201, 14),
        {"cat": "Node", "name": "Gemm_fence_before", "ts": 201, "dur": 9},
    ]
    first, second = read_profile(events, calls=2, ours={"CsrFromCoo"})
    assert (first.operator, first.seconds, first.calls, first.ours) == (
        "Gemm",
        pytest.approx(12e-6),
        1.0,
        False,
    )
    assert (second.operator, second.calls, second.ours) == ("geocompile::CsrFromCoo", 0.5, True)


class Big(torch.nn.Module):
    """Its result is small, on the way there are 64 MB for each thousand rows."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.unsqueeze(2).expand(-1, -1, 1000).relu().sum(2)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, torch.nn.Module]:
    model = Big().eval()
    folder = tmp_path_factory.mktemp("big") / "bundle"
    examples = [(torch.rand(7, 16),), (torch.rand(1000, 16),)]
    return geocompile.compile(model, examples, ["onnx", "torchscript"], folder, measure=False), model


def test_eager_and_engines_are_measured(compiled: tuple[Bundle, torch.nn.Module]) -> None:
    bundle, model = compiled
    found = measure(bundle, model, SilentProgress(), seconds=0.1)
    assert [contender.name for contender in found.contenders] == ["eager", "onnx", "torchscript"]
    assert [graph.sizes for graph in found.graphs] == [{"num_nodes": 7}, {"num_nodes": 1000}]
    for contender in found.contenders:
        assert contender.problem == ""
        small, large = contender.latencies
        assert 0 < small.median < large.median
        assert contender.peak_bytes is not None, contender.memory_problem
        assert 60e6 < contender.peak_bytes < 300e6
        assert contender.operators, contender.operators_problem
        assert sum(entry.seconds for entry in contender.operators) > 0
    assert torch.get_num_threads() >= 1


def test_an_onnx_graph_of_many_nodes_is_profiled_a_few_times_only(
    compiled: tuple[Bundle, torch.nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, _ = compiled
    engine = next(engine for engine in bundle.manifest.engines if engine.target == "onnx")
    inputs = next(iter(bundle.samples()))[0]
    counted = []

    def read(events: list[dict[str, Any]], calls: int, ours: set[str]) -> tuple[OperatorTime, ...]:
        counted.append((calls, sum(event.get("name") == "model_run" for event in events)))
        return read_profile(events, calls, ours)

    monkeypatch.setattr(onnx_operators, "read_profile", read)
    assert onnx_operators.operator_times(bundle.path, engine, inputs, 9, 1)
    monkeypatch.setattr(onnx_operators, "MAX_KERNELS", 1)
    assert onnx_operators.operator_times(bundle.path, engine, inputs, 9, 1)
    assert counted == [(9, 10), (1, 2)]


def test_an_engine_whose_runtime_is_missing_is_told(compiled: tuple[Bundle, torch.nn.Module]) -> None:
    bundle, model = compiled

    def session(target: str, **options: Any) -> Any:
        if target == "onnx":
            raise MissingRuntimeError("geocompile: the onnx engine needs onnxruntime")
        return bundle.session(target, **options)

    fake: Any = SimpleNamespace(
        path=bundle.path,
        manifest=bundle.manifest,
        targets=bundle.targets,
        samples=bundle.samples,
        session=session,
    )
    found = {c.name: c for c in measure(fake, model, SilentProgress(), seconds=0.05).contenders}
    assert "needs onnxruntime" in found["onnx"].problem
    assert found["onnx"].latencies == ()
    assert found["torchscript"].latencies


def test_a_model_that_takes_long_is_called_a_few_times_only(compiled: tuple[Bundle, torch.nn.Module]) -> None:
    bundle, _ = compiled
    calls = []

    class Slow(Big):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            calls.append(1)
            time.sleep(0.3)
            return super().forward(x)

    found = measure(bundle, Slow(), SilentProgress(), seconds=0.05)
    assert len(calls) < 20
    assert found.contenders[0].latencies[-1].median > 0.3


def test_a_compiled_bundle_holds_the_measurement(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    geocompile.compile(model, [(torch.rand(5, 4),), (torch.rand(9, 4),)], ["onnx"], tmp_path / "b")
    content = json.loads((tmp_path / "b" / "report.json").read_text())
    names = [contender["name"] for contender in content["measurement"]["contenders"]]
    assert names == ["eager", "onnx"]
    assert content["unmeasured"] == ""
