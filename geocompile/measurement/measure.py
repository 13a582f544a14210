"""`measure`: eager and the engines of a bundle on its smallest and largest sample: time, memory, operators."""

import functools
import os
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from geocompile.measurement import onnx_operators, torch_operators
from geocompile.measurement.memory import CannotMeasure, peak_of
from geocompile.measurement.memory_worker import peak_of_engine, smallest_and_largest
from geocompile.measurement.results import Contender, Latency, MeasuredGraph, Measurement
from geocompile.progress import Progress
from geocompile.runtimes.libtorch import limited_threads
from geocompile.timing import MIN_ROUNDS, WARM_UP_CALLS, seconds_of, time_side_by_side
from geocompile.verification.inputs import symbolic_sizes
from geocompile.verification.report import first_line

if TYPE_CHECKING:
    from geocompile.bundle import Bundle

THREADS = 1  # with more, other work on the machine makes them wait for each other and decides the figures
SECONDS = 0.5  # per contender and graph; there are at most two graphs
PROFILE_SECONDS = 0.3
MAX_PROFILED_CALLS = 50

EAGER = "eager"
Inputs = Mapping[str, Any]
Call = Callable[[], object]


def measure(
    bundle: "Bundle", model: torch.nn.Module, progress: Progress, seconds: float = SECONDS
) -> Measurement:
    """Measure eager and every engine side by side. What cannot be measured is noted with its reason, never raised.

    Args:
        bundle: An opened bundle with at least one sample.
        model: The model, in eval mode.
        progress: Where to report progress.
        seconds: Time for each contender and graph, about; a call that takes longer is timed a few times only.
    """
    samples = [inputs for inputs, _ in bundle.samples()]
    chosen = smallest_and_largest(samples)
    graphs = [
        MeasuredGraph(f"example {k}", symbolic_sizes(bundle.manifest.inputs, samples[k])) for k in chosen
    ]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    with limited_threads(torch, THREADS):
        calls, contenders = _open(bundle, model, [samples[k] for k in chosen])
        with progress.step("timing eager and the engines side by side"):
            for graph, by_name in zip(graphs, calls, strict=True):
                _time(contenders, graph.name, by_name, seconds)
        for name, call in calls[-1].items():
            with progress.step(f"measuring memory and operators of {name}"):
                peak = _peak(bundle, name, call)
                operators = _operators(bundle, name, call, samples[chosen[-1]], contenders[name])
                contenders[name] = replace(contenders[name], **peak, **operators)
    return Measurement(tuple(contenders.values()), tuple(graphs), THREADS, _machine(), load, seconds)


def _open(
    bundle: "Bundle", model: torch.nn.Module, graphs: list[Inputs]
) -> tuple[list[dict[str, Call]], dict[str, Contender]]:
    """Per graph, the call of each contender that works; and all contenders, with the problems of those that do not."""
    calls: list[dict[str, Call]] = [{} for _ in graphs]
    contenders: dict[str, Contender] = {}
    for name in (EAGER, *bundle.targets):
        contenders[name] = Contender(name)
        try:
            made = (
                [_eager(model, graph) for graph in graphs] if name == EAGER else _engine(bundle, name, graphs)
            )
            for call in made:
                call()
        except Exception as error:  # a runtime that is missing, an engine that fails: the report says so
            contenders[name] = Contender(name, problem=first_line(error))
            continue
        for by_name, call in zip(calls, made, strict=True):
            by_name[name] = call
    return calls, contenders


def _eager(model: torch.nn.Module, inputs: Inputs) -> Call:
    tensors = {name: torch.tensor(array) for name, array in inputs.items()}

    def call() -> object:
        with torch.no_grad():
            return model(**tensors)

    return call


def _engine(bundle: "Bundle", target: str, graphs: list[Inputs]) -> list[Call]:
    session = bundle.session(target, num_threads=THREADS)
    return [functools.partial(session, **inputs) for inputs in graphs]


def _time(contenders: dict[str, Contender], graph: str, calls: dict[str, Call], seconds: float) -> None:
    if not calls:
        return
    slowest = max(seconds_of(call) for call in calls.values())
    rounds = max(1, min(MIN_ROUNDS, int(seconds / (2 * slowest))))
    timings = time_side_by_side(calls, seconds, rounds, warm_up=WARM_UP_CALLS if rounds == MIN_ROUNDS else 0)
    for name, timing in timings.items():
        latency = Latency(graph, timing.p50, timing.calls)
        contenders[name] = replace(contenders[name], latencies=(*contenders[name].latencies, latency))


def _peak(bundle: "Bundle", name: str, call: Call) -> dict[str, Any]:
    """Eager's model lives in this process only; each engine gets a process of its own."""
    try:
        return {"peak_bytes": peak_of(call) if name == EAGER else peak_of_engine(bundle.path, name, THREADS)}
    except CannotMeasure as error:
        return {"memory_problem": str(error)}


def _operators(
    bundle: "Bundle", name: str, call: Call, inputs: Inputs, contender: Contender
) -> dict[str, Any]:
    calls = max(1, min(MAX_PROFILED_CALLS, int(PROFILE_SECONDS / contender.latencies[-1].median)))
    engine = next((engine for engine in bundle.manifest.engines if engine.target == name), None)
    try:
        if engine is not None and name == "onnx":
            return {"operators": onnx_operators.operator_times(bundle.path, engine, inputs, calls, THREADS)}
        return {"operators": torch_operators.operator_times(call, calls, whole=name != "aotinductor")}
    except Exception as error:  # a profiler that fails costs the report one figure, not the bundle
        return {"operators_problem": first_line(error)}


def _machine() -> str:
    try:
        name = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        name = None
    return f"{name[1] if name else platform.processor() or platform.machine()}, {os.cpu_count()} cores"
