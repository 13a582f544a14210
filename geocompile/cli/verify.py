"""`geocompile verify`: the engines of a bundle against the model that they were made from."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

import geocompile
from geocompile.cli import tables
from geocompile.cli.options import (
    BundleArgument,
    DebugOption,
    ExamplesOption,
    JsonOption,
    TargetsOption,
    WeightsOption,
)
from geocompile.cli.outcome import FAILED, Outcome, reported
from geocompile.cli.terminal_progress import TerminalProgress
from geocompile.verification.report import Report

SHOWN_FAILURES = 3  # the worst; a wrong weight fails on every graph, and forty sentences hide the first

EPILOG = """Examples:

geocompile verify build/gcn --model train:make_model --weights gcn.safetensors

geocompile verify build/gcn --model train:make_model --example big.npz --target onnx

The exit code is 0 when every engine is within its bound, 1 when one is not.
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("verify", epilog=EPILOG)(verify_bundle)


@reported
def verify_bundle(
    bundle: BundleArgument,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="MODULE:CALLABLE",
            help="The model that the bundle was compiled from.",
            show_default=False,
        ),
    ],
    weights: WeightsOption = None,
    example: ExamplesOption = None,
    target: TargetsOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random graphs.")] = 0,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> Outcome:
    """Compare a bundle's engines with eager PyTorch on many graphs, within a measured bound.

    The graphs are the bundle's samples (or your --example graphs) and graphs made from them: larger, smaller, without
    edges, with isolated nodes, self-loops, duplicate edges, one node, several graphs.
    """
    progress = TerminalProgress()
    opened = geocompile.load(bundle)
    with progress.step("Loading the model and the examples"):
        from geocompile.cli.references import load_examples, load_model

        module = load_model(model, weights)
        graphs = load_examples(example) if example else None
    with progress.step("Verifying"):
        report = geocompile.verify(
            opened, module, graphs, targets=target or None, progress=progress, seed=seed
        )
    return Outcome(report.to_json(), lambda console: draw(console, report), 0 if report.ok else FAILED)


def draw(console: Console, report: Report) -> None:
    """Print the report: a row per engine and output, then what failed, and why."""
    rows = tables.table(
        "", "engine", "output", "graphs", "worst error", "allowed", "eager's own", "repeatable",
        right=("graphs", "worst error", "allowed", "eager's own"),
    )  # fmt: skip
    for row in report.rows():
        rows.add_row(*_cells(row))
    console.print(rows)
    failures = report.failures()
    for failure in failures[:SHOWN_FAILURES]:
        console.print(f"[red]✗[/] {escape(failure)}", highlight=False)
    if len(failures) > SHOWN_FAILURES:
        console.print(f"[dim]  and {len(failures) - SHOWN_FAILURES} more failures; --json has all of them[/]")
    for row in report.rows():
        if row["skipped"]:
            console.print(
                f"[yellow]{row['engine']} was not run:[/] {escape(row['skipped'])}", highlight=False
            )
    for note in report.notes():
        console.print(f"[yellow]note:[/] {escape(note)}", highlight=False)
    verdict = "Every engine that ran equals eager" if report.ok else "Verification failed"
    console.print(
        f"{verdict} (measured against {report.reference} on {len(report.graphs)} graphs).", highlight=False
    )


def _cells(row: dict[str, Any]) -> list[str]:
    if row["skipped"] or row["problem"]:
        return [tables.mark(row["ok"]) if row["problem"] else "-", row["engine"], "", "", "", "", "", ""]
    graphs = f"{row['graphs'] - row['failed'] - row['unproven']}/{row['graphs']}"
    numbers = [f"{row[key]:.2g}" for key in ("error", "bound", "eager_error")]
    repeatable = "runs, threads" if row["repeatable_threads"] else "runs" if row["repeatable_runs"] else "no"
    return [tables.mark(row["ok"]), row["engine"], escape(row["output"]), graphs, *numbers, repeatable]
