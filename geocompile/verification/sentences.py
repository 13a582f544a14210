"""What a report says in sentences: each failure with its mending, and the limits of what was shown."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geocompile.verification.report import EngineCheck, GraphCheck, OutputCheck, Report


def failures(report: "Report") -> list[str]:
    """One sentence per failure, the farthest out of its bound first."""
    found = [failure for engine in report.engines for failure in _failures(engine)]
    if not found and all(engine.skipped for engine in report.engines):
        reasons = "; ".join(f"{engine.engine}: {engine.skipped}" for engine in report.engines)
        return [f"no engine was run: {reasons}"]
    return [text for _, text in sorted(found, key=lambda pair: -pair[0])]


def notes(report: "Report") -> list[str]:
    """One sentence per limit of what was shown: kinds of graph that did not run, graphs that prove nothing."""
    drawn = sum(not graph.given for graph in report.graphs)
    reasons: dict[str, list[str]] = {}
    for name, reason in report.skipped_graphs:
        reasons.setdefault(reason, []).append(name)
    total = drawn + len(report.skipped_graphs)
    left_out = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in reasons.items())
    found = (
        [f"{len(report.skipped_graphs)} of {total} kinds of graph did not run: {left_out}"] if reasons else []
    )
    for engine in report.engines:
        if engine.unproven and engine.is_proven:
            found.append(
                f"{engine.engine}: {engine.unproven} of {len(engine.graphs)} graphs prove nothing, "
                "rounding decides there what eager says"
            )
    return found


def _failures(engine: "EngineCheck") -> Iterator[tuple[float, str]]:
    """Each failure with its distance in units of its bound."""
    if engine.problem:
        yield math.inf, f"{engine.engine} cannot be opened: {engine.problem}"
    for graph in engine.graphs:
        if graph.problem:
            yield math.inf, f"{engine.engine} fails on graph '{graph.graph}': {graph.problem}"
        for output in graph.outputs:
            if not output.ok:
                distance = output.error / output.bound if output.bound else math.inf
                yield distance, _failure(engine, graph, output)
    if not engine.is_proven:
        yield 0.0, _not_verified(engine)


def _failure(engine: "EngineCheck", graph: "GraphCheck", output: "OutputCheck") -> str:
    where = f"{engine.engine}: output '{output.output}' on graph '{graph.graph}'"
    if output.problem:
        return f"{where}: {output.problem}"
    return (
        f"{where}: worst element {list(output.index)} is {output.value:.9g}, expected {output.expected:.9g}; "
        f"distance {output.error:.3g}, allowed {output.bound:.3g}; a tolerance of {output.error:.3g} "
        f"({output.multiple:.3g} times eager's own error) would have passed"
    )


def _not_verified(engine: "EngineCheck") -> str:
    return (
        f"{engine.engine} could not be verified: on {engine.unproven} of {len(engine.graphs)} graphs rounding alone "
        "decides what eager says (it moves by more than 1/1024, or chooses otherwise, when inputs move by one "
        "rounding) and the engine says something else; at least half of the graphs must be comparable: use "
        "examples and a model that rounding leaves alone, or compile with verify=False"
    )


def verdict(report: "Report") -> str:
    """The verdict on each engine, then failures and notes, a line each."""
    engines = [
        f"{engine.engine}: "
        + (f"not run, {engine.skipped}" if engine.skipped else "equal" if engine.ok else "not equal")
        for engine in report.engines
    ]
    title = f"verification on {len(report.graphs)} graphs: {'passed' if report.ok else 'failed'}"
    return "\n  ".join([title, *engines, *report.failures(), *report.notes()])
