"""What the overview of a large graph shows: equal layers in a row as one box, and never more boxes than can be read.

Groups stand in an order in which they can run, and a box takes groups that follow one another: no cycle can arise.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from geocompile.report.folding import TIMES, Run, fold, span, template
from geocompile.report.grouping import LAYER, LOOSE, Group
from geocompile.report.program import INPUT, OUTPUT, ProgramGraph

SMALL = 60  # boxes; up to that many, every layer has its own
MAX_BOXES, MAX_EDGES = 150, 600
SUMMARY_BOXES = 30  # of a graph that is larger even with its equal layers in one box


@dataclass(frozen=True)
class Overview:
    """Boxes that stand for groups: `first` says with which group each begins, `note` what a box is."""

    boxes: tuple[Group, ...]
    first: tuple[int, ...]
    note: str = ""


def overview(graph: ProgramGraph, groups: Sequence[Group]) -> Overview:
    """The groups themselves where they are few; otherwise runs of equal ones in one box, or stretches of any."""
    alone = [Run(k) for k in range(len(groups))]
    if len(groups) <= SMALL and _edges(groups, alone) <= MAX_EDGES:
        return Overview(tuple(groups), tuple(range(len(groups))))
    runs = fold_groups(graph, groups)
    if len(runs) <= MAX_BOXES and _edges(groups, runs) <= MAX_EDGES:
        return _merged(graph, groups, runs, "Equal layers that follow one another are one box.")
    note = (
        f"{len(groups):,} boxes with {_edges(groups, alone):,} lines: each that is drawn stands for several."
    )
    return _merged(graph, groups, _stretches(groups, runs), note)


def fold_groups(graph: ProgramGraph, groups: Sequence[Group]) -> list[Run]:
    """Runs of groups that hold the same operators; a pattern begins with a layer where it has one."""
    signatures = [_signature(graph, group, k) for k, group in enumerate(groups)]
    return fold(signatures, [int(group.kind != LAYER) for group in groups])


def content(graph: ProgramGraph, group: Group) -> Hashable:
    """What the operators of a group are, without their names and the numbers of the layer."""
    nodes = [graph.nodes[position] for position in group.members]
    shapes = [tuple(weight.partition(" ")[2] for weight in node.weights) for node in nodes]
    operators = tuple((node.operator, node.variant, node.result) for node in nodes)
    return template(group.path), graph.kinds.get(group.path, ""), operators, tuple(shapes)


def _signature(graph: ProgramGraph, group: Group, position: int) -> Hashable:
    return content(graph, group) if group.kind in (LAYER, LOOSE) else (group.kind, position)


def _edges(groups: Sequence[Group], runs: Sequence[Run]) -> int:
    return sum(map(len, _reads(groups, runs)))


def _reads(groups: Sequence[Group], runs: Sequence[Run]) -> list[set[int]]:
    """Which runs each run reads."""
    home = [k for k, run in enumerate(runs) for _ in range(run.start, run.stop)]
    return [
        {home[source] for group in groups[run.start : run.stop] for source in group.reads} - {k}
        for k, run in enumerate(runs)
    ]


def _stretches(groups: Sequence[Group], runs: Sequence[Run]) -> list[Run]:
    """About `SUMMARY_BOXES` stretches of runs; inputs and outputs stand alone where they are not many themselves."""
    ends = {k for k, group in enumerate(groups) if group.kind in (INPUT, OUTPUT)}
    if len(ends) > SUMMARY_BOXES:
        ends = set()
    length = -(-len(runs) // SUMMARY_BOXES)
    stretches: list[list[Run]] = []
    for run in runs:
        full = not stretches or len(stretches[-1]) == length
        if full or run.start in ends or stretches[-1][0].start in ends:
            stretches.append([])
        stretches[-1].append(run)
    return [Run(part[0].start, part[-1].stop - part[0].start) for part in stretches]


def _merged(graph: ProgramGraph, groups: Sequence[Group], runs: Sequence[Run], note: str) -> Overview:
    boxes = [
        _box(graph, groups, run, tuple(sorted(reads)))
        for run, reads in zip(runs, _reads(groups, runs), strict=True)
    ]
    return Overview(tuple(boxes), tuple(run.start for run in runs), note)


def _box(graph: ProgramGraph, groups: Sequence[Group], run: Run, reads: tuple[int, ...]) -> Group:
    inside = groups[run.start : run.stop]
    first = inside[0]
    members = tuple(position for group in inside for position in group.members)
    if len(inside) == 1:
        return Group(first.kind, first.path, first.title, first.subtitle, members, reads)
    layers = [group.path for group in inside if group.kind == LAYER]
    title = span(layers) if layers else span(group.title for group in inside)
    operators = sum(len(group.members) for group in inside)
    if run.count > 1:
        pattern = ", ".join(_name(graph, group) for group in inside[: run.period])
        subtitle = f"{run.count} {TIMES} {pattern}"
    else:
        subtitle = f"{_counted(len(set(layers)), 'layer')} · {_counted(operators, 'operator')}"
    kind = LAYER if layers else first.kind
    return Group(kind, layers[0] if layers else first.path, title, subtitle, members, reads)


def _name(graph: ProgramGraph, group: Group) -> str:
    return graph.kinds.get(group.path, "") or group.title


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
