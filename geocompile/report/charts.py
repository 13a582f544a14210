"""Charts of a report as numbers that a template draws: histograms of errors, bars of time, memory and operators."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from geocompile.measurement.results import Contender, Measurement, OperatorTime
from geocompile.verification.histogram import BINS, HIGHEST, LOWEST, PER_DECADE, total
from geocompile.verification.report import Report

BAR, BAR_GAP, EXACT_GAP, HEIGHT = 9.0, 1.0, 14.0, 92.0
MAX_OPERATORS = 8
TIMES = "\N{MULTIPLICATION SIGN}"
TOLD_APART = 16_000_000  # bytes; what a runtime sets up at its first calls weighs as much as a smaller peak


@dataclass(frozen=True)
class Column:
    """A column of a histogram, in pixels, and what it counts in words."""

    x: float
    height: float
    beyond: bool
    tooltip: str


@dataclass(frozen=True)
class ErrorChart:
    """Errors of one engine's output in units of their bound, both axes logarithmic.

    Attributes:
        columns: Of the engine.
        outline: Of eager PyTorch itself, as an SVG path.
        ticks: `(x, text)` below the axis.
        bound: x of the bound; columns right of it are errors that are too large.
        elements: How many numbers were compared.
        exact: How many of them have no error at all.
    """

    engine: str
    output: str
    columns: tuple[Column, ...]
    outline: str
    ticks: tuple[tuple[float, str], ...]
    bound: float
    width: float
    height: float
    elements: int
    exact: int


@dataclass(frozen=True)
class Bar:
    """A horizontal bar: its length in percent of the longest, and what stands beside it; a problem in its place."""

    label: str
    percent: float
    text: str
    note: str = ""
    problem: str = ""
    ours: bool = False


@dataclass(frozen=True)
class BarChart:
    """Bars under a title."""

    title: str
    bars: tuple[Bar, ...]


def error_charts(report: Report) -> list[ErrorChart]:
    """One chart per engine and output, over all graphs that prove something."""
    charts = []
    for engine in report.engines:
        outputs = [output for graph in engine.graphs for output in graph.outputs if output.proven]
        for name in dict.fromkeys(output.output for output in outputs):
            same = [output for output in outputs if output.output == name]
            counts = total(output.histogram for output in same)
            eager = total(output.eager_histogram for output in same)
            if sum(counts):
                charts.append(_error_chart(engine.engine, name, counts, eager))
    return charts


def latency_charts(measurement: Measurement) -> list[BarChart]:
    """Per graph, the median time of a call."""
    charts = []
    for graph in measurement.graphs:
        sizes = ", ".join(f"{name} {size:,}" for name, size in graph.sizes.items())
        values = {
            contender.name: latency.median
            for contender in measurement.contenders
            for latency in contender.latencies
            if latency.graph == graph.name
        }
        bars = _bars(measurement.contenders, values, _speeds(values), milliseconds)
        charts.append(BarChart(f"{graph.name}: {sizes}", bars))
    return charts


def _speeds(medians: dict[str, float]) -> dict[str, str]:
    eager = medians.get("eager", 0.0)
    engines = {name: median for name, median in medians.items() if name != "eager" and eager and median}
    return {name: f"{eager / median:.1f}{TIMES} eager's speed" for name, median in engines.items()}


def memory_chart(measurement: Measurement) -> BarChart:
    """The peak of a call on the last graph; small ones are not told apart."""
    values = {c.name: float(c.peak_bytes) for c in measurement.contenders if c.peak_bytes is not None}
    values = {name: value if value >= TOLD_APART else 0.0 for name, value in values.items()}
    return BarChart(measurement.graphs[-1].name, _bars(measurement.contenders, values, {}, _memory))


def _memory(value: float) -> str:
    return file_size(int(value)) if value else f"below {file_size(TOLD_APART)}"


def operator_chart(contender: Contender) -> BarChart:
    """The share of each kind of operator in the time of a call, the longest first, the rest as one."""
    spent = sum(entry.seconds for entry in contender.operators)
    shown, rest = contender.operators[:MAX_OPERATORS], contender.operators[MAX_OPERATORS:]
    if rest:
        others = OperatorTime(f"{len(rest)} others", sum(e.seconds for e in rest), sum(e.calls for e in rest))
        shown = (*shown, others)
    longest = max((entry.seconds for entry in shown), default=0.0)
    bars = tuple(
        Bar(
            entry.operator.removeprefix("geocompile::").removeprefix("aten::"),
            100 * entry.seconds / longest if longest else 0.0,
            f"{entry.seconds / spent:.0%}" if spent else "",
            f"{entry.calls:g} per call, {milliseconds(entry.seconds)}",
            ours=entry.ours,
        )
        for entry in shown
    )
    return BarChart(contender.name, bars)


def milliseconds(seconds: float) -> str:
    """Three significant digits: `0.132 ms`, `41.7 ms`, `1,850 ms`."""
    value = seconds * 1e3
    digits = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f} ms"


def file_size(count: int) -> str:
    """Bytes as a person reads them: `812 B`, `3.4 kB`."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def _bars(
    contenders: Sequence[Contender],
    values: dict[str, float],
    notes: dict[str, str],
    text: Callable[[float], str],
) -> tuple[Bar, ...]:
    """One bar per contender; one without a value says why."""
    longest = max(values.values(), default=0.0)
    bars = []
    for contender in contenders:
        value = values.get(contender.name)
        if value is None:
            problem = contender.problem or contender.memory_problem or "not measured"
            bars.append(Bar(contender.name, 0.0, "", problem=problem))
        else:
            percent = 100 * value / longest if longest else 0.0
            bars.append(Bar(contender.name, percent, text(value), notes.get(contender.name, "")))
    return tuple(bars)


def _error_chart(engine: str, output: str, counts: tuple[int, ...], eager: tuple[int, ...]) -> ErrorChart:
    tallest = math.log10(1 + max(*counts, *eager))
    heights = [round(HEIGHT * math.log10(1 + count) / tallest, 1) for count in counts]
    outline = [round(HEIGHT * math.log10(1 + count) / tallest, 1) for count in eager]
    columns = tuple(
        Column(_left(k), height, _edge(k) > 0, f"{counts[k]:,} {_words(k)}; eager: {eager[k]:,}")
        for k, height in enumerate(heights)
    )
    first = 2  # the first bin of the scale; those without error and below the scale come before it
    ticks = tuple(
        (_left(first + (power - LOWEST) * PER_DECADE), _power(power))
        for power in range(LOWEST, HIGHEST + 1, 2)
    )
    bound = _left(first - LOWEST * PER_DECADE)
    return ErrorChart(
        engine,
        output,
        columns,
        _outline(outline),
        (((BAR + BAR_GAP) / 2, "0"), *ticks),
        bound,
        _left(BINS),
        HEIGHT,
        sum(counts),
        counts[0],
    )


def _left(index: int) -> float:
    """Where a column begins; the one without errors stands apart."""
    return index * (BAR + BAR_GAP) + (EXACT_GAP if index > 0 else 0.0)


def _edge(index: int) -> int:
    """The sign of (upper edge of a bin - bound): positive where the bin holds errors beyond the bound."""
    return index - 1 + LOWEST * PER_DECADE


def _words(index: int) -> str:
    if index == 0:
        return "without any error"
    if index == BINS - 1:
        return f"beyond 10^{HIGHEST} bounds"
    upper = 10.0 ** (LOWEST + (index - 1) / PER_DECADE)
    return f"up to {upper:.2g} of the bound"


def _power(power: int) -> str:
    return {-1: "0.1", 0: "bound", 1: "10"}.get(power, f"10{_superscript(power)}")


def _superscript(number: int) -> str:
    digits = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return str(number).translate(digits)


def _outline(heights: list[float]) -> str:
    """The tops of the columns as steps, one path per run of columns."""
    path = []
    for k, height in enumerate(heights):
        left, right = _left(k), _left(k) + BAR + BAR_GAP
        apart = k == 0 or k == 1
        path.append(f"{'M' if apart else 'L'}{left:g} {HEIGHT - height:g}H{right:g}")
    return "".join(path)
