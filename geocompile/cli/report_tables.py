"""A bundle's report in the terminal: the same as `report.html`, at a hundred columns."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from geocompile.bundle import Bundle
from geocompile.cli import tables
from geocompile.manifest import Manifest
from geocompile.report import ReportData
from geocompile.report.charts import (
    Bar,
    ErrorChart,
    error_charts,
    latency_charts,
    memory_chart,
    operator_chart,
)
from geocompile.report.layer_rows import layer_rows
from geocompile.report.pass_groups import summarize_passes
from geocompile.report.program import ModelSummary, ProgramGraph
from geocompile.report.sections import Section
from geocompile.report.snippets import snippets
from geocompile.report.views import layers_of_nodes

MAX_LAYERS, MAX_SETTINGS, MAX_CHANGES, MAX_OPERATORS, BAR_WIDTH = 40, 40, 8, 5, 28
_LEVELS = " ▁▂▃▄▅▆▇█"


def draw_report(console: Console, bundle: Bundle, data: ReportData) -> None:
    """Print every part of the report that is there."""
    manifest = bundle.manifest
    if data.model is not None:
        _draw_model(console, data.model, data.before, data.after)
    for section in data.sections:
        _draw_section(console, section)
    _draw_passes(console, manifest, data)
    if data.verification is not None:
        _draw_errors(console, error_charts(data.verification))
        _draw_suite(console, data)
    _draw_measurement(console, data)
    for snippet in snippets(manifest, tables.path(bundle.path)):
        _heading(console, snippet.title)
        console.print(Text(snippet.code, "cyan"), soft_wrap=True)


def _heading(console: Console, text: str, more: str = "") -> None:
    console.print(
        f"\n[bold]{escape(text)}[/]" + (f"  [dim]{escape(more)}[/]" if more else ""), highlight=False
    )


def _draw_model(
    console: Console, model: ModelSummary, before: ProgramGraph | None, after: ProgramGraph | None
) -> None:
    totals = (
        f", {before.num_operators} operators, {after.num_operators} after the passes"
        if before and after
        else ""
    )
    _heading(
        console, "What was compiled", f"{model.parameters:,} parameters, {tables.size(model.bytes)}{totals}"
    )
    rows = tables.table("layer", "class", "parameters", "operators", "settings", right=("parameters",))
    shown = layer_rows(model, before, after)
    for row in shown[:MAX_LAYERS]:
        replaced = f" [dim](as {escape(row.layer.replaced_by)})[/]" if row.layer.replaced_by else ""
        settings = f"[dim]{escape(_cut(row.layer.settings))}[/]"
        rows.add_row(
            escape(row.title), f"{escape(row.kind)}{replaced}", row.parameters, row.operators, settings
        )
    console.print(rows)
    if len(shown) > MAX_LAYERS:
        left = sum(len(row.paths) for row in shown[MAX_LAYERS:])
        console.print(f"[dim]and {left} more layers, see report.html[/]")


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SETTINGS else text[: MAX_SETTINGS - 1] + "…"


def _draw_section(console: Console, section: Section) -> None:
    _heading(console, section.title)
    if section.text:
        console.print(Text(section.text))
    if section.table is not None:
        rows = tables.table(*map(escape, section.table.columns), right=section.table.numbers)
        for row in section.table.rows:
            rows.add_row(*map(escape, row))
        console.print(rows)
    for figure in section.figures:
        mark = "" if figure.good is None else tables.mark(figure.good) + " "
        console.print(f"  {mark}{escape(figure.title)}: {escape('; '.join(figure.lines))}", highlight=False)


def _draw_passes(console: Console, manifest: Manifest, data: ReportData) -> None:
    passes = summarize_passes(manifest.passes, layers_of_nodes(data))
    if not passes:
        return
    _heading(console, "Passes")
    for step in passes:
        for k, change in enumerate(step.changes[:MAX_CHANGES]):
            name = f"{step.name} ({step.changed})" if k == 0 else ""
            layers = ", ".join(layer for layer, _ in change.layers[:4]) + (
                ", …" if len(change.layers) > 4 else ""
            )
            where = f"  [dim]{escape(layers)}[/]" if layers else ""
            line = Text.from_markup(f"{escape(name):<28}{change.count:>4}x {escape(change.what)}{where}")
            line.truncate(console.width, overflow="ellipsis")
            console.print(line)
        if step.changed and not step.changes:
            console.print(f"{escape(step.name)} ({step.changed})", highlight=False)
        if len(step.changes) > MAX_CHANGES:
            console.print(f"{'':<28}[dim]and {len(step.changes) - MAX_CHANGES} other kinds of change[/]")
    idle = ", ".join(step.name for step in passes if step.is_idle)
    if idle:
        console.print(f"[dim]without effect: {escape(idle)}[/]", highlight=False)


def _draw_errors(console: Console, charts: list[ErrorChart]) -> None:
    if not charts:
        return
    _heading(console, "Errors in units of their bound", "both axes logarithmic; | is the bound")
    label = max(len(f"{chart.engine} {chart.output}") for chart in charts)
    for chart in charts:
        name = f"{chart.engine} {chart.output}"
        exact = f"{chart.exact:,} exact" if chart.exact else ""
        line = Text.assemble(
            (f"{name:<{label}}  ", ""), *_sparkline(chart), (f"  {chart.elements:,} numbers", "dim")
        )
        console.print(line.append(f", {exact}" if exact else "", "dim"))
    scale = f"{'':<{label}}  exact{'1e-6':^6}{'':14}{'bound':^7}{'':6}1e3"
    console.print(f"[dim]{scale}[/]", highlight=False)


def _sparkline(chart: ErrorChart) -> Iterator[tuple[str, str]]:
    """A character per column, those beyond the bound in red."""
    for k, column in enumerate(chart.columns):
        level = round(column.height / chart.height * (len(_LEVELS) - 1))
        yield _LEVELS[max(level, 1) if column.height else 0], "red" if column.beyond else "blue"
        if k == 0:
            yield " ", ""
        if not column.beyond and k + 1 < len(chart.columns) and chart.columns[k + 1].beyond:
            yield "|", "red"


def _draw_suite(console: Console, data: ReportData) -> None:
    report = data.verification
    assert report is not None
    _heading(console, "Graphs of the suite", f"seed {report.seed}")
    rows = tables.table("graph", "sizes", "")
    for graph in report.graphs:
        sizes = ", ".join(f"{name} {size:,}" for name, size in graph.sizes.items())
        note = (
            "rounding decides" if graph.unstable else f"drawn again {graph.redraws}x" if graph.redraws else ""
        )
        rows.add_row(escape(graph.name), escape(sizes), note)
    for name, reason in report.skipped_graphs:
        rows.add_row(f"[dim]{escape(name)}[/]", f"[dim]left out: {escape(reason)}[/]", "")
    console.print(rows)


def _draw_measurement(console: Console, data: ReportData) -> None:
    measurement = data.measurement
    if measurement is None:
        _heading(console, "Speed and memory")
        console.print(Text(f"not measured{': ' + data.unmeasured if data.unmeasured else ''}"))
        return
    threads = f"{measurement.num_threads} thread{'s' if measurement.num_threads != 1 else ''}"
    for chart in latency_charts(measurement):
        _heading(console, "Median time of a call", chart.title)
        _draw_bars(console, chart.bars)
    _heading(console, "Peak memory of a call", measurement.graphs[-1].name)
    _draw_bars(console, memory_chart(measurement).bars)
    console.print(Text(f"a quick look: {threads} each, {measurement.machine}", "dim"))
    for contender in measurement.contenders:
        _heading(console, f"Where the time of {contender.name} goes", measurement.graphs[-1].name)
        if contender.operators:
            _draw_bars(console, operator_chart(contender).bars[:MAX_OPERATORS])
        else:
            problem = contender.problem or contender.operators_problem
            console.print(Text(f"not measured: {problem}", "yellow"))


def _draw_bars(console: Console, bars: tuple[Bar, ...]) -> None:
    for bar in bars:
        if bar.problem:
            console.print(Text.assemble(f"{bar.label:<26.26}", (f"not measured: {bar.problem}", "yellow")))
            continue
        filled = max(1, round(bar.percent / 100 * BAR_WIDTH))
        rail = ("█" * filled, "green" if bar.ours else "blue"), (" " * (BAR_WIDTH - filled), "")
        console.print(Text.assemble(f"{bar.label:<26.26}", *rail, f" {bar.text:>10}  ", (bar.note, "dim")))
