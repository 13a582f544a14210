"""`geocompile inspect`: what a bundle holds, without opening an engine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape

import geocompile
from geocompile.cli import tables
from geocompile.cli.op_counts import count_operators
from geocompile.cli.options import BundleArgument, DebugOption, JsonOption
from geocompile.cli.outcome import Outcome, reported

if TYPE_CHECKING:
    from geocompile.bundle import Bundle
    from geocompile.manifest import Engine
    from geocompile.report import ReportData

EPILOG = """Examples:

geocompile inspect build/gcn

geocompile inspect build/gcn --json | jq .digest
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("inspect", epilog=EPILOG)(inspect_bundle)


@reported
def inspect_bundle(
    bundle: BundleArgument, as_json: JsonOption = False, debug: DebugOption = False
) -> Outcome:
    """Show what a bundle holds: layers, inputs, outputs, engines, passes, verification, speed, versions.

    It is what report.html in the bundle shows. Every file's hash is checked on the way; no engine is opened, and
    neither torch nor onnxruntime is needed.
    """
    from geocompile.cli.report_tables import draw_report

    opened = geocompile.load(bundle)
    report = _report(opened)
    content = describe(opened) | _report_json(report)

    def draw_all(console: Console) -> None:
        draw(console, content, opened, passes=report is None)
        if report is not None:
            draw_report(console, opened, report)

    return Outcome(content, draw_all)


def describe(bundle: Bundle) -> dict[str, Any]:
    """The bundle as JSON values."""
    manifest = bundle.manifest.to_json()
    engines = [_engine(bundle.path, engine, bundle) for engine in bundle.manifest.engines]
    verification = manifest["verification"]
    return {
        "ok": True,
        "path": str(bundle.path),
        "digest": bundle.digest,
        "bytes": sum(record.bytes for record in bundle.manifest.files.values()),
        **{
            key: manifest[key]
            for key in ("model", "created", "geocompile", "inputs", "outputs", "samples", "passes")
        },
        "engines": engines,
        "versions": manifest["versions"],
        "verified": None if verification is None else verification.get("ok"),
    }


def _engine(folder: Path, engine: Engine, bundle: Bundle) -> dict[str, Any]:
    files = bundle.manifest.files
    return {
        "target": engine.target,
        "device": engine.device,
        "file": engine.file,
        "bytes": sum(files[path].bytes for path in (engine.file, *engine.extra_files)),
        "libraries": list(engine.libraries),
        "operators": count_operators(folder / engine.file, engine.target),
    }


def _report(bundle: Bundle) -> ReportData | None:
    """The report's data where the manifest vouches for them."""
    from geocompile.report import REPORT_NAME, read_report

    return read_report(bundle.path) if REPORT_NAME in bundle.manifest.files else None


def _report_json(report: ReportData | None) -> dict[str, Any]:
    """The model and the measurement; `report.json` in the bundle has all the rest."""
    from geocompile.verification.report_json import encode

    parts = {"layers": report and report.model, "measurement": report and report.measurement}
    return {name: None if part is None else encode(asdict(part)) for name, part in parts.items()}


def draw(console: Console, content: dict[str, Any], bundle: Bundle, passes: bool = True) -> None:
    """Print the bundle in short; `passes` is False where the report tells of them."""
    manifest = bundle.manifest
    console.print(
        f"[bold]{escape(manifest.model)}[/]  {escape(tables.path(bundle.path))}  {tables.size(content['bytes'])}"
    )
    console.print(f"[dim]{content['digest']}[/]", soft_wrap=True)
    console.print(f"[dim]made {manifest.created} by geocompile {manifest.geocompile}[/]")
    _draw_tensors(console, bundle)
    _draw_engines(console, content["engines"])
    if passes:
        _draw_passes(console, manifest.passes)
    console.print(f"verified   {_verification(manifest.verification)}", highlight=False)
    console.print(f"samples    {len(manifest.samples)}", highlight=False)
    versions = " · ".join(f"{name} {version}" for name, version in manifest.versions.items())
    console.print(f"versions   {escape(versions)}", highlight=False)


def _draw_tensors(console: Console, bundle: Bundle) -> None:
    from geocompile.report import describe_range

    rows = tables.table("tensor", "type", "meaning")
    for spec in bundle.manifest.inputs:
        rows.add_row(
            f"[cyan]→[/] {escape(spec.name)}",
            escape(tables.shape(spec)),
            escape(describe_range(spec.index_of)),
        )
    for spec in bundle.manifest.outputs:
        rows.add_row(f"[cyan]←[/] {escape(spec.name)}", escape(tables.shape(spec)), "")
    console.print(rows)


def _draw_engines(console: Console, engines: list[dict[str, Any]]) -> None:
    rows = tables.table("engine", "device", "file", "size", "operators", right=("size",))
    for engine in engines:
        operators = engine["operators"] or {}
        ours = [f"{name} x{count}" for name, count in operators.items() if name.startswith("geocompile::")]
        others = sum(count for name, count in operators.items() if not name.startswith("geocompile::"))
        text = ", ".join(name.removeprefix("geocompile::") for name in ours) + (
            f" + {others} standard" if others else ""
        )
        rows.add_row(
            engine["target"],
            engine["device"],
            engine["file"],
            tables.size(engine["bytes"]),
            text or "[dim]-[/]",
        )
    console.print(rows)


def _draw_passes(console: Console, passes: tuple[dict[str, Any], ...]) -> None:
    if not passes:
        return
    done = [f"{entry.get('name')} ({entry.get('changed')})" for entry in passes if entry.get("changed")]
    idle = [str(entry.get("name")) for entry in passes if not entry.get("changed")]
    console.print(f"passes     {escape(', '.join(done) or 'nothing to change')}", highlight=False)
    if idle:
        console.print(f"[dim]           without effect: {escape(', '.join(idle))}[/]", highlight=False)


def _verification(report: dict[str, Any] | None) -> str:
    if report is None:
        return (
            "[yellow]no[/] (compiled with --no-verify); run: geocompile verify BUNDLE --model MODULE:CALLABLE"
        )
    if not report.get("ok"):
        return "[red]failed[/]"
    engines, graphs = report.get("engines", []), len(report.get("graphs", []))
    ran = ", ".join(str(engine["engine"]) for engine in engines if not engine.get("skipped"))
    idle = ", ".join(str(engine["engine"]) for engine in engines if engine.get("skipped"))
    left_out = f"\n           [yellow]not run:[/] {escape(idle)}" if idle else ""
    notes = "".join(f"\n           [yellow]note:[/] {escape(str(note))}" for note in report.get("notes", []))
    return f"[green]yes[/], equal to eager PyTorch on {graphs} graphs: {escape(ran)}{left_out}{notes}"
