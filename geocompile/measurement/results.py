"""What was measured at the end of a compilation: plain values that a report keeps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MeasuredGraph:
    """A graph that was timed.

    Attributes:
        name: What it is called: `example 1`.
        sizes: Its symbolic dimensions.
    """

    name: str
    sizes: dict[str, int]


@dataclass(frozen=True)
class Latency:
    """The median of one contender's calls on one graph, in seconds, and how many calls that was."""

    graph: str
    median: float
    calls: int


@dataclass(frozen=True)
class OperatorTime:
    """One kind of operator in one call: seconds in all, and how often it ran."""

    operator: str
    seconds: float
    calls: float
    ours: bool = False


@dataclass(frozen=True)
class Contender:
    """What was measured of eager or of one engine; each `*_problem` says why a figure is missing.

    Attributes:
        name: `eager` or the engine's target.
        problem: Why it was not measured at all; empty where it was.
        latencies: One per graph.
        peak_bytes: The most memory that a call on the last graph took on top of what was there before.
        operators: Where the time of a call on the last graph goes, the longest first.
    """

    name: str
    problem: str = ""
    latencies: tuple[Latency, ...] = ()
    peak_bytes: int | None = None
    memory_problem: str = ""
    operators: tuple[OperatorTime, ...] = ()
    operators_problem: str = ""


@dataclass(frozen=True)
class Measurement:
    """The contenders, eager first, and on what they were measured.

    Attributes:
        graphs: The smallest and the largest example (one, where there is no other).
        num_threads: Threads that every contender might use.
        machine: The processor and the number of cores.
        load: Processes that were waiting for a core when it began (the load average of a minute).
        seconds: Time spent on each contender and graph, about.
    """

    contenders: tuple[Contender, ...]
    graphs: tuple[MeasuredGraph, ...]
    num_threads: int
    machine: str = ""
    load: float | None = None
    seconds: float = 0.0
