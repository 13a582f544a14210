"""The rows of a report's tables: what is worst for each engine and output."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geocompile.verification.report import EngineCheck, OutputCheck


def rows_of(engine: "EngineCheck") -> Iterator[dict[str, Any]]:
    """One row per output; graphs without proof count in `unproven` only."""
    names = list(dict.fromkeys(output.output for graph in engine.graphs for output in graph.outputs))
    for name in names or [""]:
        checks = [(g.graph, o) for g in engine.graphs for o in g.outputs if o.output == name]
        checks = [(graph, output) for graph, output in checks if output.proven]  # the others have no truth
        graph, worst = max(checks, key=_closeness, default=("", None))
        failed = sum(not graph_check.ok for graph_check in engine.graphs)
        yield {
            "engine": engine.engine,
            "device": engine.device,
            "output": name,
            "ok": engine.ok,
            "skipped": engine.skipped,
            "problem": engine.problem,
            "graphs": len(engine.graphs),
            "failed": failed,
            "unproven": engine.unproven,
            "max_error": max((o.max_error for _, o in checks), default=0.0),
            "relative_error": max((o.relative_error for _, o in checks), default=0.0),
            "mean_error": max((o.mean_error for _, o in checks), default=0.0),
            "cosine": min((o.cosine for _, o in checks), default=1.0),
            "eager_error": max((o.eager_error for _, o in checks), default=0.0),
            "worst_graph": graph,
            "worst_index": list(worst.index) if worst else [],
            "error": worst.error if worst else 0.0,
            "bound": worst.bound if worst else 0.0,
            "repeatable_runs": engine.repeatable_runs,
            "repeatable_threads": engine.repeatable_threads,
        }


def _closeness(check: tuple[str, "OutputCheck"]) -> tuple[bool, float]:
    _, output = check
    return (not output.ok, output.error / output.bound if output.bound else output.error)
