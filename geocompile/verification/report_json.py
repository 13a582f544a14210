"""Reports as JSON: complete for programs, short for a manifest."""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from geocompile.verification.fault import Fault
from geocompile.verification.picture import Picture

if TYPE_CHECKING:
    from geocompile.verification.report import EngineCheck, GraphCheck, Report

_WORST = ("output", "max_error", "eager_error", "worst_graph", "worst_index", "error", "bound")
_HEADER = ("reference", "reference_reason", "multiple", "units", "seed")


def summary(report: "Report") -> dict[str, Any]:
    """What a manifest keeps: the suite by name, and per engine and output the element closest to its bound."""
    return {
        "ok": report.ok,
        **{name: getattr(report, name) for name in _HEADER},
        "engines": [_engine(report, engine) for engine in report.engines],
        "graphs": [{"name": graph.name, "sizes": graph.sizes} for graph in report.graphs],
        "skipped_graphs": [list(pair) for pair in report.skipped_graphs],
        "notes": report.notes(),
    }


def _engine(report: "Report", engine: "EngineCheck") -> dict[str, Any]:
    rows = [row for row in report.rows() if row["engine"] == engine.engine and row["output"]]
    shown = ("engine", "device", "skipped", "unproven", "repeatable_runs", "repeatable_threads")
    return {
        "ok": engine.ok,
        **{name: getattr(engine, name) for name in shown},
        "graphs": len(engine.graphs),
        "outputs": [encode({name: row[name] for name in _WORST}) for row in rows],
    }


def encode(value: Any) -> Any:
    """The same with JSON values only; NaN and infinities become strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def decode(content: Mapping[str, Any]) -> "Report":
    """The report that `encode` made JSON of."""
    from geocompile.verification.report import EngineCheck, GraphInfo, Report

    engines = [
        _build(EngineCheck, engine, graphs=tuple(_graph_check(graph) for graph in engine["graphs"]))
        for engine in content["engines"]
    ]
    graphs = tuple(_build(GraphInfo, graph, picture=_picture(graph)) for graph in content["graphs"])
    skipped = tuple((str(name), str(reason)) for name, reason in content["skipped_graphs"])
    fault = Fault.from_json(content["fault"]) if content.get("fault") else None
    report: Report = _build(
        Report, content, engines=tuple(engines), graphs=graphs, skipped_graphs=skipped, fault=fault
    )
    return report


def _graph_check(content: Mapping[str, Any]) -> "GraphCheck":
    from geocompile.verification.report import GraphCheck, OutputCheck

    outputs = [_build(OutputCheck, output, **_tuples(output)) for output in content["outputs"]]
    check: GraphCheck = _build(GraphCheck, content, outputs=tuple(outputs))
    return check


def _picture(graph: Mapping[str, Any]) -> Picture | None:
    content = graph.get("picture")
    if content is None:
        return None
    rows = {name: tuple(tuple(row) for row in content[name]) for name in ("edges", "density")}
    picture: Picture = _build(Picture, content, **rows)
    return picture


def _tuples(output: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The lists of an output check; an older report has no histograms."""
    names = ("index", "histogram", "eager_histogram")
    return {name: tuple(output.get(name, ())) for name in names}


def _build(cls: Any, content: Mapping[str, Any], **replaced: Any) -> Any:
    known = {item.name: item.type for item in fields(cls)}
    values = {name: _decoded(value, known[name]) for name, value in content.items() if name in known}
    return cls(**(values | replaced))


def _decoded(value: Any, kind: Any) -> Any:
    return float(value) if kind in (float, "float") else value
