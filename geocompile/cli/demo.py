"""`geocompile demo`: the whole road on real data, from training to engines that agree."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from geocompile.cli import tables
from geocompile.cli.options import DebugOption, JsonOption, TargetsOption
from geocompile.cli.outcome import FAILED, Outcome, reported
from geocompile.cli.terminal_progress import TerminalProgress

if TYPE_CHECKING:
    from geocompile.demo.road import DemoResult

EPILOG = """Examples:

geocompile demo

geocompile demo --output build/digits --seed 7

geocompile demo --target onnx --json
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("demo", epilog=EPILOG)(demo)


@reported
def demo(
    output: Annotated[Path, typer.Option("--output", metavar="FOLDER", help="Where the bundle goes.")] = Path(
        "build/digits"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the split and of the training.")] = 0,
    target: TargetsOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> Outcome:
    """Train on handwritten digits, compile to every engine, verify, and compare them on held-out digits.

    The data are scikit-learn's 1,797 handwritten digits as graphs of inked pixels; nothing is downloaded. It takes
    one to three minutes on two cores.
    """
    progress = TerminalProgress()
    with progress.step("Loading torch and the digits"):
        from geocompile.demo.road import TARGETS, run_demo
    result = run_demo(output, seed, targets=target or TARGETS, progress=progress)
    return Outcome(result.to_json(), lambda console: draw(console, result), 0 if result.ok else FAILED)


def draw(console: Console, result: DemoResult) -> None:
    """Print what the engines predicted, how fast they were, and what to do next."""
    _draw_engines(console, result)
    _draw_verdict(console, result)
    _draw_next(console, result)


def _draw_engines(console: Console, result: DemoResult) -> None:
    numbers = (
        "accuracy",
        "same as eager",
        "one digit",
        "speed",
        f"all {result.num_test}",
        "speed ",
        "digits/s",
    )
    rows = tables.table("engine", *numbers, right=numbers, title="Held-out digits, one thread each")
    eager = result.engines[0]
    for entry in result.engines:
        agree = "" if entry is eager else f"{entry.same}/{entry.of} {tables.mark(entry.same == entry.of)}"
        rows.add_row(
            entry.engine,
            f"{entry.accuracy:.2%}",
            agree,
            tables.milliseconds(entry.single.p50),
            f"{eager.single.p50 / entry.single.p50:.1f}x",
            tables.milliseconds(entry.batch.p50),
            f"{eager.batch.p50 / entry.batch.p50:.1f}x",
            f"{result.num_test / entry.batch.p50:,.0f}",
        )
    console.print()
    console.print(rows)


def _draw_verdict(console: Console, result: DemoResult) -> None:
    accuracy = result.engines[0].accuracy
    if result.ok:
        console.print(
            f"[green]✓[/] {accuracy:.2%} of {result.num_test} held-out digits are recognised, and every engine "
            "gives eager's answer for each,\n  one by one and as one batch. "
            "Verification passed on graphs of every kind.",
            highlight=False,
        )
    elif all(entry.same == entry.of for entry in result.engines):
        console.print(
            f"[red]✗[/] The accuracy is {accuracy:.2%}, less than it should be; try another --seed.",
            highlight=False,
        )
    else:
        console.print("[red]✗[/] An engine does not give eager's answers; please report this.")


def _draw_next(console: Console, result: DemoResult) -> None:
    path, weights = escape(tables.path(result.bundle.path)), escape(tables.path(result.weights.resolve()))
    size = tables.size(sum(record.bytes for record in result.bundle.manifest.files.values()))
    environment = escape(tables.path(Path(sys.prefix)))
    activate = () if shutil.which("geocompile") else (f"  source {environment}/bin/activate",)
    lines = (
        f"\n[bold]The bundle is in {path}[/] ({size}), the trained weights in {weights}.",
        "Its report.html shows what was compiled and verified. What you can do with it:\n",
        *activate,
        f"  geocompile inspect {path}",
        f"  geocompile bench {path}",
        f"  geocompile verify {path} --model geocompile.demo.model:DigitClassifier \\",
        f"      --weights {weights}",
        f"  python {path}/run.py    [dim]# needs numpy and onnxruntime only, on any machine[/]",
        "\nThe demo's code is written to be copied: geocompile/demo/ (digits.py, model.py, training.py).",
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)
