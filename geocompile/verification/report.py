"""The result of a verification: what was compared, how far apart it was, how far it may be."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from geocompile.errors import VerificationError


@dataclass(frozen=True)
class OutputCheck:
    """One output of one engine on one graph.

    Attributes:
        output: The output's name.
        ok: Whether the engine is within the bound everywhere.
        problem: What else is wrong (shape, dtype, a NaN out of place); empty where only numbers are compared.
        max_error: Largest distance from the truth; the further errors are the mean, and the largest one
            divided by `scale`.
        scale: Largest magnitude of the true output.
        cosine: Cosine between the engine's output and the true one; 1 where both are zero or empty.
        index: The worst element: the one whose error is largest in units of its bound.
        value: What the engine says there.
        expected: What the truth is there.
        error: Their distance, which is the tolerance that would have passed.
        bound: The allowed distance there.
        multiple: How many times eager's own error would have to be allowed there for the engine to pass.
        eager_error: The largest distance of eager PyTorch itself from the truth on this graph.
    """

    output: str
    ok: bool
    problem: str = ""
    max_error: float = 0.0
    mean_error: float = 0.0
    relative_error: float = 0.0
    scale: float = 0.0
    cosine: float = 1.0
    index: tuple[int, ...] = ()
    value: float = 0.0
    expected: float = 0.0
    error: float = 0.0
    bound: float = 0.0
    multiple: float = 0.0
    eager_error: float = 0.0


@dataclass(frozen=True)
class GraphCheck:
    """One engine on one graph; `problem` is the engine's own error where it did not answer at all."""

    graph: str
    outputs: tuple[OutputCheck, ...] = ()
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether the engine answered and every output is right."""
        return not self.problem and all(output.ok for output in self.outputs)


@dataclass(frozen=True)
class EngineCheck:
    """One engine on the whole suite.

    Attributes:
        engine: How it is called in tables: `onnx`, `onnx (portable)`, `torchscript`.
        device: The device that it ran on.
        graphs: The results, in the suite's order.
        repeatable_runs: Whether two runs of one session gave the same bits on every graph.
        repeatable_threads: Whether one and two threads gave the same bits on every graph.
        skipped: Why the engine was not run at all; empty where it was.
        problem: Why it could not be opened; empty where it could.
    """

    engine: str
    device: str = "cpu"
    graphs: tuple[GraphCheck, ...] = ()
    repeatable_runs: bool = True
    repeatable_threads: bool = True
    skipped: str = ""
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing failed; an engine that was skipped has not failed."""
        return not self.problem and all(graph.ok for graph in self.graphs)


@dataclass(frozen=True)
class GraphInfo:
    """A graph of the suite.

    Attributes:
        name: What it is there for.
        sizes: Its symbolic dimensions.
        redraws: How often it was drawn again because rounding alone flipped a choice of the model.
        unstable: Rounding still flips choices on it, so that its bound is wide.
    """

    name: str
    sizes: dict[str, int]
    redraws: int = 0
    unstable: bool = False


@dataclass(frozen=True)
class Report:
    """What `verify` found.

    Attributes:
        engines: One entry per engine.
        graphs: The suite.
        skipped_graphs: Kinds of graph that were left out, as (name, reason).
        reference: The precision of the truth: "float64", or "float32" where the model does not run in
            float64.
        reference_reason: Why it is not float64; empty where it is.
        multiple: The stated multiple of eager's own error that an engine may have.
        units: The stated rounding units that come on top, for short sums.
        tolerances: Per output, how far an engine within its bound can be from float32 eager on the given
            graphs.
        seed: The seed that the suite was drawn with.
        stage: Where the numbers first went wrong, where `compile` found it out: "capture", a pass, an exporter.
    """

    engines: tuple[EngineCheck, ...]
    graphs: tuple[GraphInfo, ...]
    skipped_graphs: tuple[tuple[str, str], ...] = ()
    reference: str = "float64"
    reference_reason: str = ""
    multiple: float = 0.0
    units: float = 0.0
    tolerances: dict[str, float] = field(default_factory=dict)
    seed: int = 0
    stage: str = ""

    @property
    def ok(self) -> bool:
        """Whether no engine failed and at least one ran."""
        return all(engine.ok for engine in self.engines) and any(
            not engine.skipped for engine in self.engines
        )

    def raise_if_failed(self) -> None:
        """Raise if an engine failed.

        Raises:
            VerificationError: Names the engine, the output, the graph, the worst element and the tolerance
                that would have passed.
        """
        if not self.ok:
            failures = list(self.failures())
            more = f" ({len(failures) - 1} more failures in the report)" if len(failures) > 1 else ""
            stage = f"; the numbers first go wrong in {self.stage}" if self.stage else ""
            raise VerificationError(f"geocompile.verify: {failures[0]}{stage}{more}")

    def failures(self) -> Iterator[str]:
        """One sentence per failure, the farthest out of its bound first."""
        found: list[tuple[float, str]] = []
        for engine in self.engines:
            if engine.problem:
                found.append((math.inf, f"{engine.engine} cannot be opened: {engine.problem}"))
            for graph in engine.graphs:
                if graph.problem:
                    found.append(
                        (math.inf, f"{engine.engine} fails on graph '{graph.graph}': {graph.problem}")
                    )
                for output in graph.outputs:
                    if not output.ok:
                        distance = output.error / output.bound if output.bound else math.inf
                        found.append((distance, _sentence(engine, graph, output)))
        if not found and all(engine.skipped for engine in self.engines):
            found.append(
                (0.0, "no engine was run: " + "; ".join(f"{e.engine}: {e.skipped}" for e in self.engines))
            )
        yield from (text for _, text in sorted(found, key=lambda pair: -pair[0]))

    def rows(self) -> list[dict[str, Any]]:
        """One row per engine and output for tables: the graph on which it comes closest to its bound."""
        return [row for engine in self.engines for row in _rows(engine)]

    def to_json(self) -> dict[str, Any]:
        """JSON values only; NaN and infinities become the strings "nan", "inf" and "-inf"."""
        content = _encode(asdict(self))
        return {"ok": self.ok, **content}

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> "Report":
        """Read what `to_json` wrote; unknown keys of later versions are ignored.

        Raises:
            ValueError: It is not a report.
        """
        try:
            return _report(content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"geocompile: not a verification report ({first_line(error)})") from error


def first_line(error: BaseException) -> str:
    """The kind and first line of an error: what a report can show."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _sentence(engine: EngineCheck, graph: GraphCheck, output: OutputCheck) -> str:
    where = f"{engine.engine}: output '{output.output}' on graph '{graph.graph}'"
    if output.problem:
        return f"{where}: {output.problem}"
    return (
        f"{where}: worst element {list(output.index)} is {output.value:.9g}, expected {output.expected:.9g}; "
        f"distance {output.error:.3g}, allowed {output.bound:.3g}; a tolerance of {output.error:.3g} "
        f"({output.multiple:.3g} times eager's own error) would have passed"
    )


def _rows(engine: EngineCheck) -> Iterator[dict[str, Any]]:
    names = list(dict.fromkeys(output.output for graph in engine.graphs for output in graph.outputs))
    for name in names or [""]:
        checks = [(g.graph, o) for g in engine.graphs for o in g.outputs if o.output == name]
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
            "max_error": max((o.max_error for _, o in checks), default=0.0),
            "relative_error": max((o.relative_error for _, o in checks), default=0.0),
            "mean_error": max((o.mean_error for _, o in checks), default=0.0),
            "cosine": min((o.cosine for _, o in checks), default=1.0),
            "eager_error": max((o.eager_error for _, o in checks), default=0.0),
            "worst_graph": graph,
            "error": worst.error if worst else 0.0,
            "bound": worst.bound if worst else 0.0,
            "repeatable_runs": engine.repeatable_runs,
            "repeatable_threads": engine.repeatable_threads,
        }


def _closeness(check: tuple[str, OutputCheck]) -> tuple[bool, float]:
    _, output = check
    return (not output.ok, output.error / output.bound if output.bound else output.error)


def _report(content: Mapping[str, Any]) -> Report:
    engines = [
        _build(EngineCheck, engine, graphs=tuple(_graph_check(graph) for graph in engine["graphs"]))
        for engine in content["engines"]
    ]
    graphs = tuple(_build(GraphInfo, graph) for graph in content["graphs"])
    skipped = tuple((str(name), str(reason)) for name, reason in content["skipped_graphs"])
    report: Report = _build(Report, content, engines=tuple(engines), graphs=graphs, skipped_graphs=skipped)
    return report


def _graph_check(content: Mapping[str, Any]) -> GraphCheck:
    outputs = [_build(OutputCheck, output, index=tuple(output["index"])) for output in content["outputs"]]
    check: GraphCheck = _build(GraphCheck, content, outputs=tuple(outputs))
    return check


def _build(cls: Any, content: Mapping[str, Any], **replaced: Any) -> Any:
    known = {item.name: item.type for item in fields(cls)}
    values = {name: _decode(value, known[name]) for name, value in content.items() if name in known}
    return cls(**(values | replaced))


def _decode(value: Any, kind: Any) -> Any:
    return float(value) if kind in (float, "float") else value


def _encode(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encode(item) for item in value]
    return value
