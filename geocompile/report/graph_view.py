"""The graph section: the drawings before and after the passes, and for each layer both drawings of its operators."""

from collections.abc import Sequence
from dataclasses import dataclass

from geocompile.report.drawing import MAX_OUTSIDE, Drawing, draw_groups, draw_operators, read_outside
from geocompile.report.folding import TIMES, Run, fold, span
from geocompile.report.grouping import LAYER, LOOSE, Group, collapse
from geocompile.report.overview import SMALL, content, overview
from geocompile.report.program import ProgramGraph

MAX_DRAWN = 4000  # operators in all details together; a browser copes with more boxes badly
MAX_OUTSIDE_DRAWN = 8000  # boxes, smaller ones, for what those operators read from elsewhere
MAX_DETAILS = 2000


@dataclass(frozen=True)
class LayerDetail:
    """A layer's operators before and after the passes; a drawing is None where there are none, or too many.

    Equal layers that follow one another share a detail: the counts and drawings are those of one of them.
    """

    anchor: str
    title: str
    kind: str
    count_before: int
    count_after: int
    before: Drawing | None
    after: Drawing | None


@dataclass(frozen=True)
class GraphView:
    """What the section shows.

    Attributes:
        before: The graph as captured.
        after: The graph after the passes.
        count_before: Its operators.
        count_after: Its operators.
        layers: The details, in order.
        left_out: How many more there are.
        detailed: False where the graph is too large to draw every operator.
    """

    before: Drawing
    after: Drawing
    count_before: int
    count_after: int
    layers: tuple[LayerDetail, ...]
    left_out: int
    detailed: bool


@dataclass(frozen=True)
class _Pair:
    """The positions of a layer's groups in both graphs."""

    before: int | None
    after: int | None


class _Side:
    """One of the two graphs."""

    def __init__(self, graph: ProgramGraph, label: str) -> None:
        self.graph, self.groups, self.label = graph, collapse(graph), label
        self.links = [""] * len(self.groups)

    def drawing(self) -> Drawing:
        shown = overview(self.graph, self.groups)
        links = [self.links[first] for first in shown.first]
        return draw_groups(self.graph, shown.boxes, links, self.label, shown.note)

    def group(self, position: int | None) -> Group | None:
        return None if position is None else self.groups[position]

    def count(self, position: int | None) -> int:
        return 0 if position is None else len(self.groups[position].members)

    def count_outside(self, position: int | None) -> int:
        group = self.group(position)
        return 0 if group is None else min(MAX_OUTSIDE, len(read_outside(self.graph, group)))


def graph_view(before: ProgramGraph, after: ProgramGraph) -> GraphView:
    """Draw both graphs; boxes of the same layer lead to the same detail."""
    old = _Side(before, "The captured graph, a box per layer")
    new = _Side(after, "The graph after the passes, a box per layer")
    pairs = _pairs(old, new)
    details = [(run, entry) for run in _runs(old, new, pairs) for entry in range(run.period)]
    shown, left_out = details[:MAX_DETAILS], max(0, len(details) - MAX_DETAILS)
    for number, (run, entry) in enumerate(shown):
        for k in run.copies(entry):
            _link(old, pairs[k].before, number)
            _link(new, pairs[k].after, number)
    firsts = [pairs[run.start + entry] for run, entry in shown]
    operators = sum(old.count(pair.before) + new.count(pair.after) for pair in firsts)
    outside = sum(old.count_outside(pair.before) + new.count_outside(pair.after) for pair in firsts)
    detailed = not left_out and operators <= MAX_DRAWN and outside <= MAX_OUTSIDE_DRAWN
    return GraphView(
        old.drawing(),
        new.drawing(),
        before.num_operators,
        after.num_operators,
        tuple(
            _detail(k, [pairs[copy] for copy in run.copies(entry)], old, new, detailed)
            for k, (run, entry) in enumerate(shown)
        ),
        left_out,
        detailed,
    )


def _link(side: _Side, position: int | None, number: int) -> None:
    if position is not None:
        side.links[position] = f"layer-{number}"


def _pairs(old: _Side, new: _Side) -> list[_Pair]:
    """Groups of one layer belong together, those that share most nodes first; in the order before the passes."""
    home = {new.graph.nodes[m].name: k for k, group in enumerate(new.groups) for m in group.members}
    left: dict[str, dict[int, None]] = {}  # by path, in order
    for k, group in enumerate(new.groups):
        if group.kind in (LAYER, LOOSE):
            left.setdefault(group.path, {})[k] = None
    pairs = []
    for k, group in enumerate(old.groups):
        if group.kind in (LAYER, LOOSE):
            best = _partner(old, group, home, left.get(group.path, {}))
            pairs.append(_Pair(k, best))
            if best is not None:
                del left[group.path][best]
    rest = sorted(k for same in left.values() for k in same)
    return pairs + [_Pair(None, k) for k in rest]


def _partner(old: _Side, group: Group, home: dict[str, int], left: dict[int, None]) -> int | None:
    """The group after the passes that shares most nodes with this one; of a layer, any that is left."""
    shared: dict[int, int] = {}
    for member in group.members:
        other = home.get(old.graph.nodes[member].name)
        if other in left:
            shared[other] = shared.get(other, 0) + 1
    if shared:
        return max(sorted(shared), key=lambda other: shared[other])
    return next(iter(left), None) if group.path else None


def _runs(old: _Side, new: _Side, pairs: Sequence[_Pair]) -> list[Run]:
    """In a large graph, the pairs that hold the same operators on both sides and follow one another."""
    if len(pairs) <= SMALL:
        return [Run(k) for k in range(len(pairs))]
    signatures, levels = [], []
    for pair in pairs:
        groups = old.group(pair.before), new.group(pair.after)
        sides = zip((old, new), groups, strict=True)
        signatures.append(tuple(group and content(side.graph, group) for side, group in sides))
        levels.append(int(all(group is None or group.kind != LAYER for group in groups)))
    return fold(signatures, levels)


def _detail(number: int, pairs: Sequence[_Pair], old: _Side, new: _Side, drawn: bool) -> LayerDetail:
    first = pairs[0]
    named = [old.group(pair.before) or new.group(pair.after) for pair in pairs]
    title = span(group.path or group.title for group in named if group)
    path = named[0].path if named[0] else ""
    kind = new.graph.kinds.get(path, old.graph.kinds.get(path, "")) if path else "between layers"

    def draw(side: _Side, position: int | None, when: str) -> Drawing | None:
        group = side.group(position)
        return draw_operators(side.graph, group, f"{title} {when} the passes") if drawn and group else None

    return LayerDetail(
        f"layer-{number}",
        title,
        f"{len(pairs)} {TIMES} {kind}" if len(pairs) > 1 else kind,
        old.count(first.before),
        new.count(first.after),
        draw(old, first.before, "before"),
        draw(new, first.after, "after"),
    )
