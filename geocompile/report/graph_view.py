"""The graph section: the drawings before and after the passes, and for each layer both drawings of its operators."""

from dataclasses import dataclass

from geocompile.report.drawing import Drawing, draw_groups, draw_operators
from geocompile.report.grouping import LAYER, LOOSE, Group, collapse
from geocompile.report.program import ProgramGraph

MAX_DRAWN = (
    4000  # operators in both graphs together whose detail is drawn; a browser copes with more boxes badly
)


@dataclass(frozen=True)
class LayerDetail:
    """A layer's operators before and after the passes; a drawing is None where there are none, or too many."""

    anchor: str
    title: str
    kind: str
    count_before: int
    count_after: int
    before: Drawing | None
    after: Drawing | None


@dataclass(frozen=True)
class GraphView:
    """What the section shows; `detailed` is False where the graph is too large to draw every operator."""

    before: Drawing
    after: Drawing
    count_before: int
    count_after: int
    layers: tuple[LayerDetail, ...]
    detailed: bool


@dataclass(frozen=True)
class _Pair:
    before: Group | None
    after: Group | None


def graph_view(before: ProgramGraph, after: ProgramGraph) -> GraphView:
    """Draw both graphs; boxes of the same layer lead to the same detail."""
    old, new = collapse(before), collapse(after)
    pairs = _pairs(before, old, after, new)
    links_old, links_new = [""] * len(old), [""] * len(new)
    for number, pair in enumerate(pairs):
        if pair.before is not None:
            links_old[old.index(pair.before)] = f"layer-{number}"
        if pair.after is not None:
            links_new[new.index(pair.after)] = f"layer-{number}"
    detailed = len(before.nodes) + len(after.nodes) <= MAX_DRAWN
    return GraphView(
        draw_groups(before, old, links_old, "The captured graph, a box per layer"),
        draw_groups(after, new, links_new, "The graph after the passes, a box per layer"),
        before.num_operators,
        after.num_operators,
        tuple(_detail(k, pair, before, after, detailed) for k, pair in enumerate(pairs)),
        detailed,
    )


def _pairs(before: ProgramGraph, old: list[Group], after: ProgramGraph, new: list[Group]) -> list[_Pair]:
    """Groups of one layer belong together, those that share most nodes first; in the order before the passes."""
    names = {id(group): {before.nodes[m].name for m in group.members} for group in old}
    names |= {id(group): {after.nodes[m].name for m in group.members} for group in new}
    left = [group for group in new if group.kind in (LAYER, LOOSE)]
    pairs = []
    for group in (group for group in old if group.kind in (LAYER, LOOSE)):
        shared = {id(other): len(names[id(group)] & names[id(other)]) for other in left}
        alike = [other for other in left if other.path == group.path and (group.path or shared[id(other)])]
        best = max(alike, key=lambda other: shared[id(other)], default=None)
        pairs.append(_Pair(group, best))
        left = [other for other in left if other is not best]
    return pairs + [_Pair(None, group) for group in left]


def _detail(number: int, pair: _Pair, before: ProgramGraph, after: ProgramGraph, drawn: bool) -> LayerDetail:
    named = pair.before or pair.after
    assert named is not None
    kinds = before.kinds | after.kinds
    title = named.path or named.title

    def draw(graph: ProgramGraph, group: Group | None, when: str) -> Drawing | None:
        return draw_operators(graph, group, f"{title} {when} the passes") if drawn and group else None

    return LayerDetail(
        f"layer-{number}",
        title,
        kinds.get(named.path, "") if named.path else "between layers",
        len(pair.before.members) if pair.before else 0,
        len(pair.after.members) if pair.after else 0,
        draw(before, pair.before, "before"),
        draw(after, pair.after, "after"),
    )
