"""Runs the engines of a bundle over a suite: answers, errors as text, and whether the bits repeat."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from geocompile.errors import MissingRuntimeError
from geocompile.verification.inputs import Array
from geocompile.verification.report import EngineCheck, GraphCheck, OutputCheck, first_line
from geocompile.verification.structure import flatten
from geocompile.verification.suite import Graph

if TYPE_CHECKING:
    from geocompile.bundle import Bundle

THREADS = (1, 2)  # the answers of both are checked, and compared bit by bit
Judge = Callable[[int, list[Array]], tuple[OutputCheck, ...]]  # graph number, the engine's outputs -> checks


@dataclass(frozen=True)
class EngineId:
    """An engine of a bundle, and the way it is run."""

    target: str
    device: str
    portable: bool = False

    @property
    def label(self) -> str:
        """How tables and messages call it."""
        on_device = "" if self.device == "cpu" else f" on {self.device}"
        return f"{self.target}{' (portable)' if self.portable else ''}{on_device}"


def list_engines(bundle: "Bundle", targets: Sequence[str] | None) -> list[EngineId]:
    """The engines to verify; an ONNX engine on CPU counts twice: with our library, and portable without it.

    Raises:
        ValueError: A target is not in the bundle.
    """
    engines = bundle.manifest.engines
    present = list(dict.fromkeys(engine.target for engine in engines))
    for target in targets or ():
        if target not in present:
            raise ValueError(
                f"geocompile.verify: the bundle has no engine '{target}', it has: {', '.join(present)}"
            )
    chosen = [engine for engine in engines if targets is None or engine.target in targets]
    found = []
    for engine in chosen:
        found.append(EngineId(engine.target, engine.device))
        if engine.target == "onnx" and engine.device == "cpu":
            found.append(EngineId(engine.target, engine.device, portable=True))
    return found


def check_engine(bundle: "Bundle", engine: EngineId, graphs: Sequence[Graph], judge: Judge) -> EngineCheck:
    """Run one engine on every graph. An engine that cannot be opened or fails is recorded, never raised."""
    try:
        sessions = [
            bundle.session(engine.target, device=engine.device, num_threads=threads, portable=engine.portable)
            for threads in THREADS
        ]
    except MissingRuntimeError as error:
        return EngineCheck(engine.label, engine.device, skipped=str(error))
    except Exception as error:  # a runtime's loader may raise anything; the report carries it
        return EngineCheck(engine.label, engine.device, problem=first_line(error))
    checks, runs, threads = [], True, True
    for number, graph in enumerate(graphs):
        check, same_runs, same_threads = _check_graph(bundle, sessions, number, graph, judge)
        checks.append(check)
        runs, threads = runs and same_runs, threads and same_threads
    return EngineCheck(engine.label, engine.device, tuple(checks), runs, threads)


def _check_graph(
    bundle: "Bundle", sessions: Sequence[Any], number: int, graph: Graph, judge: Judge
) -> tuple[GraphCheck, bool, bool]:
    """Run the first session twice, the other once; answers with other bits are judged too."""
    try:
        first, again, other = _answers(bundle, (sessions[0], *sessions), graph)
    except Exception as error:  # an engine may raise anything; the report carries it
        return GraphCheck(graph.name, problem=first_line(error)), True, True
    same_runs, same_threads = _same_bits(first, again), _same_bits(first, other)
    candidates = [first] + [again] * (not same_runs) + [other] * (not same_threads)
    judged = [GraphCheck(graph.name, judge(number, outputs)) for outputs in candidates]
    failed = [check for check in judged if not check.ok]
    return (failed or judged)[0], same_runs, same_threads


def _answers(bundle: "Bundle", sessions: Sequence[Any], graph: Graph) -> Iterator[list[Array]]:
    for session in sessions:
        result = session(**{name: array.copy() for name, array in graph.inputs.items()})
        yield [np.asarray(leaf) for leaf in flatten(result, bundle.manifest.output_structure)]


def _same_bits(left: Sequence[Array], right: Sequence[Array]) -> bool:
    return all(
        a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
        for a, b in zip(left, right, strict=True)
    )
