"""Drawings of a graph of operators: one box per layer, and for each layer one box per operator."""

from collections.abc import Sequence
from dataclasses import dataclass

from geocompile.report.grouping import Group, short_name
from geocompile.report.layout import Placed, crossings, place
from geocompile.report.program import Node, ProgramGraph

TITLE_CHARACTER, TEXT_CHARACTER, PADDING = 7.4, 6.4, 12.0  # pixels; a fallback font may be a little wider
ONE_LINE, TWO_LINES = 28.0, 42.0
MAX_CHARACTERS = 44
MAX_OUTSIDE = 16  # boxes for what a layer reads from elsewhere
MAX_EDGES, MAX_CROSSINGS = (
    1500,
    3000,
)  # of a drawing; beyond, its lines are a grey plane that takes long to place


@dataclass(frozen=True)
class Box:
    """A rectangle with one or two lines of text; `kind` chooses its colour, `link` where it leads when clicked."""

    x: float
    y: float
    width: float
    height: float
    title: str
    subtitle: str
    kind: str
    tooltip: str
    link: str


@dataclass(frozen=True)
class Drawing:
    """Boxes and lines (SVG paths) on a plane of `width` × `height` pixels; `note` says what its boxes stand for."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[str, ...]
    label: str
    note: str = ""


@dataclass(frozen=True)
class _Content:
    title: str
    subtitle: str
    kind: str
    tooltip: str = ""
    link: str = ""

    @property
    def size(self) -> tuple[float, float]:
        letters = max(len(self.title) * TITLE_CHARACTER, len(self.subtitle) * TEXT_CHARACTER)
        return letters + 2 * PADDING, TWO_LINES if self.subtitle else ONE_LINE


def draw_groups(
    graph: ProgramGraph, groups: Sequence[Group], links: Sequence[str], label: str, note: str = ""
) -> Drawing:
    """One box per group; `links` says where a click on each leads, `note` what stands above the drawing."""
    contents = []
    for group, link in zip(groups, links, strict=True):
        operators = [graph.nodes[position] for position in group.members]
        kind = f"{group.kind} ours" if any(node.is_ours for node in operators) else group.kind
        contents.append(_Content(_cut(group.title), _cut(group.subtitle), kind, _names(operators), link))
    edges = [(source, k) for k, group in enumerate(groups) for source in group.reads]
    return _drawing(contents, edges, label, note)


def draw_operators(graph: ProgramGraph, group: Group, label: str) -> Drawing | None:
    """The operators of one group, and above them, pale, what they read; None where there are too many lines."""
    outside = read_outside(graph, group)
    shown = outside if len(outside) <= MAX_OUTSIDE else outside[: MAX_OUTSIDE - 1]
    contents = [_operator(graph.nodes[position], False) for position in shown]
    if len(shown) < len(outside):
        contents.append(_Content(f"{len(outside) - len(shown):,} others", "", "outside"))
    place_of = {position: min(k, MAX_OUTSIDE - 1) for k, position in enumerate(outside)}
    members = sorted(group.members)
    place_of |= {position: len(contents) + k for k, position in enumerate(members)}
    contents += [_operator(graph.nodes[position], True) for position in members]
    edges = {(place_of[source], place_of[m]) for m in members for source in graph.nodes[m].reads}
    if len(edges) > MAX_EDGES or crossings(len(contents), sorted(edges)) > MAX_CROSSINGS:
        return None
    return _drawing(contents, sorted(edges), label)


def read_outside(graph: ProgramGraph, group: Group) -> list[int]:
    """The nodes of other groups that a group reads."""
    members = set(group.members)
    return sorted({s for m in group.members for s in graph.nodes[m].reads if s not in members})


def _operator(node: Node, inside: bool) -> _Content:
    title = short_name(node.operator) if node.operator else node.name
    title += f" · {node.variant}" if node.variant else ""
    if not inside:
        return _Content(_cut(title), "", "outside", _tooltip(node))
    kind = "ours" if node.is_ours else "weighted" if node.weights else node.kind
    return _Content(_cut(title), _cut(node.result), kind, _tooltip(node))


def _tooltip(node: Node) -> str:
    lines = [f"{node.operator or node.kind} ({node.name})", node.result]
    lines += [f"in {node.layers[-1]}"] if node.layers else []
    return "\n".join(line for line in (*lines, *node.weights) if line)


def _names(nodes: list[Node]) -> str:
    names = [short_name(node.operator) for node in nodes if node.operator]
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")


def _drawing(contents: list[_Content], edges: list[tuple[int, int]], label: str, note: str = "") -> Drawing:
    placed = place([content.size for content in contents], sorted(set(edges)))
    boxes = []
    for content, (x, y) in zip(contents, placed.centres, strict=True):
        width, height = content.size
        texts = (content.title, content.subtitle, content.kind, content.tooltip, content.link)
        boxes.append(Box(round(x - width / 2, 1), round(y - height / 2, 1), round(width, 1), height, *texts))
    return Drawing(round(placed.width), round(placed.height), tuple(boxes), _lines(placed), label, note)


def _lines(placed: Placed) -> tuple[str, ...]:
    """Curves that leave and arrive vertically, with an arrowhead at the box; a path per line."""
    lines = []
    for line in placed.lines:
        (x, y), *between, (x_end, y_end) = line
        parts = [f"M{x:.0f} {y:.0f}"]
        for x_next, y_next in (*between, (x_end, y_end - 1)):
            if round(x_next) != round(x):
                middle = (y + y_next) / 2
                parts.append(f"C{x:.0f} {middle:.0f} {x_next:.0f} {middle:.0f} {x_next:.0f} {y_next:.0f}")
            else:
                straight = parts[-1].startswith(
                    "V"
                )  # a line that stays straight through many rows is one stroke
                parts[-1:] = [*([] if straight else parts[-1:]), f"V{y_next:.0f}"]
            x, y = x_next, y_next
        lines.append("".join(parts) + f"M{x_end - 4:.0f} {y_end - 6:.0f}l4 5l4 -5")
    return tuple(lines)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"
