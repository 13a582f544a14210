"""Drawings of a graph of operators: one box per layer, and for each layer one box per operator."""

from dataclasses import dataclass

from geocompile.report.grouping import Group, short_name
from geocompile.report.layout import Placed, place
from geocompile.report.program import Node, ProgramGraph

TITLE_CHARACTER, TEXT_CHARACTER, PADDING = 7.4, 6.4, 12.0  # pixels; a fallback font may be a little wider
ONE_LINE, TWO_LINES = 28.0, 42.0
MAX_CHARACTERS = 44


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
    """Boxes and lines (SVG paths) on a plane of `width` × `height` pixels."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[str, ...]
    label: str


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


def draw_groups(graph: ProgramGraph, groups: list[Group], links: list[str], label: str) -> Drawing:
    """One box per group; `links` says where a click on each leads."""
    contents = []
    for group, link in zip(groups, links, strict=True):
        operators = [graph.nodes[position] for position in group.members]
        kind = f"{group.kind} ours" if any(node.is_ours for node in operators) else group.kind
        contents.append(_Content(_cut(group.title), _cut(group.subtitle), kind, _names(operators), link))
    edges = [(source, k) for k, group in enumerate(groups) for source in group.reads]
    return _drawing(contents, edges, label)


def draw_operators(graph: ProgramGraph, group: Group, label: str) -> Drawing:
    """The operators of one group, and above them, pale, what they read from elsewhere."""
    members = set(group.members)
    outside = sorted({s for m in group.members for s in graph.nodes[m].reads if s not in members})
    order = [*outside, *sorted(members)]
    place_of = {position: k for k, position in enumerate(order)}
    contents = [_operator(graph.nodes[position], position in members) for position in order]
    edges = [(place_of[source], place_of[m]) for m in sorted(members) for source in graph.nodes[m].reads]
    return _drawing(contents, edges, label)


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


def _drawing(contents: list[_Content], edges: list[tuple[int, int]], label: str) -> Drawing:
    placed = place([content.size for content in contents], sorted(set(edges)))
    boxes = []
    for content, (x, y) in zip(contents, placed.centres, strict=True):
        width, height = content.size
        texts = (content.title, content.subtitle, content.kind, content.tooltip, content.link)
        boxes.append(Box(round(x - width / 2, 1), round(y - height / 2, 1), round(width, 1), height, *texts))
    return Drawing(round(placed.width), round(placed.height), tuple(boxes), _lines(placed), label)


def _lines(placed: Placed) -> tuple[str, ...]:
    """Curves that leave and arrive vertically, with an arrowhead at a box."""
    lines = []
    for x0, y0, x1, y1, arrow in placed.lines:
        end = y1 - 1 if arrow else y1
        middle = (y0 + end) / 2
        curve = f"C{x0:.0f} {middle:.0f} {x1:.0f} {middle:.0f} {x1:.0f} {end:.0f}"
        head = f"M{x1 - 4:.0f} {end - 5:.0f}l4 5l4 -5" if arrow else ""
        lines.append(f"M{x0:.0f} {y0:.0f}" + (curve if x0 != x1 else f"V{end:.0f}") + head)
    return tuple(lines)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"
