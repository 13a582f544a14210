"""`geocompile bench`: the latency of a bundle's engines, side by side, eager beside them where the model is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

import geocompile
from geocompile.cli import tables
from geocompile.cli.options import (
    BundleArgument,
    DebugOption,
    JsonOption,
    ModelOption,
    TargetsOption,
    ThreadsOption,
    WeightsOption,
)
from geocompile.cli.outcome import InputError, Outcome, reported
from geocompile.cli.terminal_progress import TerminalProgress
from geocompile.timing import Timing, time_side_by_side

if TYPE_CHECKING:
    from geocompile.bundle import Bundle

EPILOG = """Examples:

geocompile bench build/gcn

geocompile bench build/gcn --model train:make_model --weights gcn.safetensors

geocompile bench build/gcn --input big.npz --target onnx --num-threads 1 --json
"""

Contender = Callable[..., object]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("bench", epilog=EPILOG)(bench)


@reported
def bench(
    bundle: BundleArgument,
    target: TargetsOption = None,
    input: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="Time this graph (.npz, .safetensors) in place of the bundle's samples.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    num_threads: ThreadsOption = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Time for each engine and graph.")] = 2.0,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> Outcome:
    """Time a bundle's engines on its samples or on your graphs.

    The engines take turns, after a warm-up; p50 is the median latency of one call, p99 the slow end. With --model,
    eager PyTorch is timed beside them.
    """
    if weights is not None and model is None:
        raise InputError("--weights goes with --model MODULE:CALLABLE")
    progress = TerminalProgress()
    opened = geocompile.load(bundle)
    graphs = _graphs(opened, input or [])
    with progress.step("Opening the engines"):
        contenders = _contenders(opened, target or list(opened.targets), num_threads)
        if model is not None:
            contenders = {"eager": _eager(model, weights, num_threads), **contenders}
    results = []
    for name, tensors in graphs.items():
        with progress.step(f"Timing {name}"):
            calls = {contender: _bound(run, tensors) for contender, run in contenders.items()}
            timings = time_side_by_side(calls, seconds)
        results.append({"graph": name, "sizes": _sizes(opened, tensors), "engines": _rows(timings)})
    content = {"ok": True, "bundle": str(opened.path), "num_threads": num_threads, "graphs": results}
    return Outcome(content, lambda console: draw(console, results))


def draw(console: Console, results: list[dict[str, Any]]) -> None:
    """Print one table per graph."""
    for result in results:
        sizes = ", ".join(f"{name} = {value:,}" for name, value in result["sizes"].items())
        rows = tables.table(
            "engine",
            "p50",
            "p99",
            "speed",
            "calls",
            title=f"{result['graph']}  {sizes}",
            right=("p50", "p99", "speed", "calls"),
        )
        slowest = max(row["p50"] for row in result["engines"])
        reference = next((row["p50"] for row in result["engines"] if row["engine"] == "eager"), slowest)
        for row in result["engines"]:
            p50, p99 = tables.milliseconds(row["p50"]), tables.milliseconds(row["p99"])
            rows.add_row(
                escape(row["engine"]), p50, p99, f"{reference / row['p50']:.1f}x", f"{row['calls']:,}"
            )
        console.print(rows)


def _graphs(bundle: Bundle, files: list[Path]) -> dict[str, dict[str, Any]]:
    from geocompile.cli.tensor_files import read_tensors

    if files:
        return {str(path): read_tensors(path) for path in files}
    samples = {f"sample {k}": inputs for k, (inputs, _) in enumerate(bundle.samples())}
    if not samples:
        raise InputError("the bundle has no samples: give a graph with --input")
    return samples


def _contenders(bundle: Bundle, targets: list[str], num_threads: int | None) -> dict[str, Contender]:
    contenders: dict[str, Contender] = {
        name: bundle.session(name, num_threads=num_threads) for name in targets
    }
    if not contenders:
        raise InputError("the bundle has no engine: compile it anew")
    return contenders


def _eager(reference: str, weights: Path | None, num_threads: int | None) -> Contender:
    import torch

    from geocompile.cli.references import load_model

    model = load_model(reference, weights)
    if num_threads is not None:
        torch.set_num_threads(num_threads)

    def eager(**arrays: Any) -> object:
        with torch.no_grad():
            return model(**arrays)

    return eager


def _bound(contender: Contender, tensors: dict[str, Any]) -> Callable[[], object]:
    """A call without arguments. Eager gets torch tensors, made once; each session takes numpy as it is."""
    if getattr(contender, "__name__", "") == "eager":
        import torch

        tensors = {name: torch.from_numpy(array) for name, array in tensors.items()}
    return lambda: contender(**tensors)


def _sizes(bundle: Bundle, tensors: dict[str, Any]) -> dict[str, int]:
    return {
        dimension: tensors[spec.name].shape[axis]
        for spec in bundle.manifest.inputs
        for axis, dimension in enumerate(spec.shape)
        if isinstance(dimension, str)
    }


def _rows(timings: dict[str, Timing]) -> list[dict[str, Any]]:
    return [
        {"engine": name, "p50": timing.p50, "p99": timing.p99, "calls": timing.calls, "unit": "s"}
        for name, timing in timings.items()
    ]
