"""The result of a verification: what was compared, how far apart it was, how far it may be."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from geocompile.errors import VerificationError
from geocompile.verification import report_json, sentences
from geocompile.verification.fault import Fault
from geocompile.verification.picture import Picture
from geocompile.verification.rows import rows_of

MIN_PROVEN = 0.5  # the share of graphs on which an engine must be shown to equal eager


@dataclass(frozen=True)
class OutputCheck:
    """One output of one engine on one graph.

    Attributes:
        output: The output's name.
        ok: Whether the engine is within the bound everywhere.
        problem: What else is wrong (shape, dtype, a NaN out of place); empty where only numbers are compared.
        proven: False where rounding decides what eager says, and the engine says something else: no failure, and
            no proof either.
        size: The number of elements.
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
        histogram: How many elements are how far from the truth, in units of their bounds (see
            `verification.histogram`); empty where no numbers were compared.
        eager_histogram: The same of eager PyTorch in its own precision.
    """

    output: str
    ok: bool
    problem: str = ""
    proven: bool = True
    size: int = 0
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
    histogram: tuple[int, ...] = ()
    eager_histogram: tuple[int, ...] = ()


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

    @property
    def proven(self) -> bool:
        """Whether it is ok, and no output was left open because rounding decides it."""
        return self.ok and all(output.proven for output in self.outputs)


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
        """Whether nothing failed and enough is proven; an engine that was skipped has not failed."""
        return not self.problem and all(graph.ok for graph in self.graphs) and self.is_proven

    @property
    def is_proven(self) -> bool:
        """Whether the share of graphs that prove nothing is at most `1 - MIN_PROVEN`; empty results do not count."""
        telling = sum(any(output.size for output in graph.outputs) for graph in self.graphs)
        return self.unproven <= (1 - MIN_PROVEN) * telling

    @property
    def unproven(self) -> int:
        """The number of graphs on which rounding decides and the engine differs from eager."""
        return sum(graph.ok and not graph.proven for graph in self.graphs)


@dataclass(frozen=True)
class GraphInfo:
    """A graph of the suite.

    Attributes:
        name: What it is there for.
        sizes: Its symbolic dimensions.
        redraws: How often it was drawn again because rounding alone flipped a choice of the model.
        unstable: Rounding still flips choices on it: an engine that differs from eager there proves nothing.
        given: It is the user's own.
        picture: Its edges, for a drawing; None where the model has no edge list.
    """

    name: str
    sizes: dict[str, int]
    redraws: int = 0
    unstable: bool = False
    given: bool = False
    picture: Picture | None = None


@dataclass(frozen=True, repr=False)
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
        fault: The same in full: the node, its layer, the script that shows it; None where it was not looked for.
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
    fault: Fault | None = None

    def __repr__(self) -> str:
        return sentences.verdict(self)

    @property
    def ok(self) -> bool:
        """Whether no engine failed, what ran is proven on enough graphs, and at least one ran."""
        return all(engine.ok for engine in self.engines) and any(
            not engine.skipped for engine in self.engines
        )

    def raise_if_failed(self) -> None:
        """Raise if an engine failed.

        Raises:
            VerificationError: Names the engine, the output, the graph, the worst element and the tolerance
                that would have passed; where it was found, the node and layer that are wrong.
        """
        if not self.ok:
            failures = self.failures()
            more = f" ({len(failures) - 1} more failures in the report)" if len(failures) > 1 else ""
            stage = f"; the numbers first go wrong in {self.stage}" if self.stage else ""
            stage = f"; {self.fault.sentence()}" if self.fault is not None else stage
            raise VerificationError(f"geocompile.verify: {failures[0]}{more}{stage}", fault=self.fault)

    @property
    def is_thin(self) -> bool:
        """Whether fewer than half of the kinds of graph that are drawn could be run."""
        return sum(not graph.given for graph in self.graphs) < len(self.skipped_graphs)

    def failures(self) -> list[str]:
        """One sentence per failure, the farthest out of its bound first."""
        return sentences.failures(self)

    def notes(self) -> list[str]:
        """What a reader of the verdict must know besides: kinds of graph that did not run, graphs without proof."""
        return sentences.notes(self)

    def rows(self) -> list[dict[str, Any]]:
        """One row per engine and output for tables: the graph on which it comes closest to its bound."""
        return [row for engine in self.engines for row in rows_of(engine)]

    def summary(self) -> dict[str, Any]:
        """What a manifest keeps, as JSON values: per engine and output the worst element, the suite, the notes."""
        return report_json.summary(self)

    def to_json(self) -> dict[str, Any]:
        """JSON values only; NaN and infinities become the strings "nan", "inf" and "-inf"."""
        return {"ok": self.ok, **report_json.encode(asdict(self))}

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> "Report":
        """Read what `to_json` wrote; unknown keys of later versions are ignored.

        Raises:
            ValueError: It is not a report.
        """
        try:
            return report_json.decode(content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"geocompile: not a verification report ({first_line(error)})") from error


def first_line(error: BaseException) -> str:
    """The kind and first line of an error: what a report can show."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
