"""The page: what is known is prepared for the templates, which draw it; nothing is loaded from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from geocompile.manifest import Manifest
from geocompile.report import charts, pictures
from geocompile.report.data import ReportData
from geocompile.report.graph_view import graph_view
from geocompile.report.layer_rows import layer_rows
from geocompile.report.pass_groups import summarize_passes
from geocompile.report.snippets import snippets
from geocompile.report.views import layers_of_nodes
from geocompile.report.words import describe_range, example_sizes

_TEMPLATES = Path(__file__).parent / "templates"


def render(manifest: Manifest, data: ReportData) -> str:
    """Return the report as HTML; every value in it is escaped.

    Args:
        manifest: The bundle's manifest, complete or a draft.
        data: What else is known; the page says what was not looked at.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "number": _number,
        "size": charts.file_size,
        "shape": _shape,
        "range": describe_range,
        "picture": pictures.draw_picture,
        "figure": pictures.draw_figure,
    }
    return environment.get_template("page.html.j2").render(_context(manifest, data))


def _context(manifest: Manifest, data: ReportData) -> dict[str, Any]:
    report, measurement = data.verification, data.measurement
    graphs = data.before is not None and data.after is not None
    return {
        "manifest": manifest,
        "model": data.model,
        "layers": layer_rows(data.model, data.before, data.after) if data.model else [],
        "graph": graph_view(data.before, data.after) if data.before and data.after and graphs else None,
        "passes": summarize_passes(manifest.passes, layers_of_nodes(data)),
        "report": report,
        "failures": report.failures() if report is not None else [],
        "rows": report.rows() if report is not None else [],
        "error_charts": charts.error_charts(report) if report is not None else [],
        "examples": example_sizes(manifest, report),
        "measurement": measurement,
        "unmeasured": data.unmeasured,
        "latencies": charts.latency_charts(measurement) if measurement else [],
        "memory": charts.memory_chart(measurement) if measurement else None,
        "operators": [(c, charts.operator_chart(c)) for c in measurement.contenders] if measurement else [],
        "sections": data.sections,
        "snippets": snippets(manifest) if report is None or report.ok else [],  # what failed is not kept
    }


def _number(value: float) -> str:
    return "0" if value == 0 else f"{value:.2e}"


def _shape(shape: tuple[int | str, ...]) -> str:
    return "[" + ", ".join(str(size) for size in shape) + "]"
