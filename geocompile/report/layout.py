"""Places the boxes of a directed graph in rows from top to bottom, and leads its lines between them.

The method is that of Sugiyama, Tagawa and Toda (1981): rows by longest path, points in between for lines that cross
rows, an order in each row by the mean place of the neighbours, then x coordinates near to those of the neighbours,
with order and distance kept (an isotonic regression per row).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, pairwise

ROW_GAP, COLUMN_GAP, MARGIN = 30.0, 22.0, 8.0
ORDER_SWEEPS, PLACE_SWEEPS = 6, 9
POINT_WIDTH, LINE_GAP = 2.0, 7.0  # the room that a line takes where it crosses a row, and between two of them


@dataclass(frozen=True)
class Placed:
    """Where everything is.

    Attributes:
        centres: Of each box, `(x, y)`.
        lines: One per edge, the points that it leads through, from its box, or from where it leaves the line of
            another edge of the same box, down to its box.
        width: Of the whole.
        height: Of the whole.
    """

    centres: list[tuple[float, float]]
    lines: list[list[tuple[float, float]]]
    width: float
    height: float


def place(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Placed:
    """Place boxes of the given `(width, height)`; every edge leads from an earlier box to a later one.

    Raises:
        ValueError: An edge does not.
    """
    for source, target in edges:
        if not 0 <= source < target < len(sizes):
            raise ValueError(f"geocompile.report: edge {source} -> {target} does not lead to a later box")
    if not sizes:
        return Placed([], [], 0.0, 0.0)
    rows, routes = _rows(len(sizes), edges)
    links = {link for route in routes for link in pairwise(route)}
    widths = [width for width, _ in sizes] + [POINT_WIDTH] * (sum(map(len, rows)) - len(sizes))
    _sort_rows(rows, links)
    x = _columns(rows, links, widths)
    return _draw(rows, routes, x, sizes)


def crossings(boxes: int, edges: Sequence[tuple[int, int]]) -> int:
    """How many rows long lines cross in all: with the boxes, what placing them costs."""
    row, targets = _levels(boxes, edges)
    return sum(max(row[end] for end in ends) - row[source] - 1 for source, ends in targets.items())


def _levels(boxes: int, edges: Sequence[tuple[int, int]]) -> tuple[list[int], dict[int, list[int]]]:
    """The row of each box, and the boxes that its lines lead to."""
    row = [0] * boxes
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        row[target] = max(row[target], row[source] + 1)
    targets = defaultdict(list)
    for source, target in edges:
        targets[source].append(target)
    has_source = {target for _, target in edges}
    for box in range(boxes):  # an input stands right above the first box that reads it
        if box not in has_source and box in targets:
            row[box] = min(row[target] for target in targets[box]) - 1
    return row, targets


def _rows(boxes: int, edges: Sequence[tuple[int, int]]) -> tuple[list[list[int]], list[list[int]]]:
    """The rows, and the route of each edge through them; numbers from `boxes` on are points of long lines."""
    row, targets = _levels(boxes, edges)
    rows: list[list[int]] = [[] for _ in range(max(row) + 1)]
    for box in range(boxes):
        rows[row[box]].append(box)
    return rows, _routes(rows, row, targets)


def _routes(rows: list[list[int]], row: list[int], targets: dict[int, list[int]]) -> list[list[int]]:
    """Adds the points of long lines to the rows: lines from one box branch off from the longest of them."""
    routes, number = [], count(len(row))
    for source, ends in targets.items():
        furthest = max(ends, key=lambda end: row[end])
        trunk = [source]
        for level in range(row[source] + 1, row[furthest]):
            trunk.append(next(number))
            rows[level].append(trunk[-1])
        routes.append([*trunk, furthest])
        routes += [[trunk[row[end] - row[source] - 1], end] for end in ends if end != furthest]
    return routes


def _neighbours(links: set[tuple[int, int]]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    above, below = defaultdict(list), defaultdict(list)
    for upper, lower in sorted(links):
        above[lower].append(upper)
        below[upper].append(lower)
    return above, below


def _sort_rows(rows: list[list[int]], links: set[tuple[int, int]]) -> None:
    """Order each row by the mean position of the neighbours, downwards and upwards in turns."""
    above, below = _neighbours(links)
    for sweep in range(ORDER_SWEEPS):
        downwards = sweep % 2 == 0
        side = above if downwards else below
        for level in range(1, len(rows)) if downwards else range(len(rows) - 2, -1, -1):
            other = {box: k for k, box in enumerate(rows[level - 1 if downwards else level + 1])}
            here = {box: k for k, box in enumerate(rows[level])}
            rows[level].sort(key=lambda box: _mean([other[near] for near in side[box]], default=here[box]))


def _columns(rows: list[list[int]], links: set[tuple[int, int]], widths: list[float]) -> dict[int, float]:
    """x of every box and point: near to the neighbours, in order, apart."""
    above, below = _neighbours(links)
    x: dict[int, float] = {}
    for row in rows:
        for box, middle in zip(row, _offsets(row, widths), strict=True):
            x[box] = middle
    for sweep in range(PLACE_SWEEPS):  # the last one leads downwards: a chain hangs straight
        side = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [
                _mean([x[near] for near in _boxes_first(side[box], widths)], default=x[box]) for box in row
            ]
            offsets = _offsets(row, widths)
            level = _isotonic([want - offset for want, offset in zip(wanted, offsets, strict=True)])
            for box, value, offset in zip(row, level, offsets, strict=True):
                x[box] = value + offset
    return x


def _boxes_first(near: list[int], widths: list[float]) -> list[int]:
    """The boxes among neighbours, where there are any: a chain of boxes stays straight beside the lines around it."""
    return [box for box in near if widths[box] != POINT_WIDTH] or near


def _offsets(row: list[int], widths: list[float]) -> list[float]:
    """The centres of a row that is packed from the left."""
    offsets = [widths[row[0]] / 2]
    for before, box in pairwise(row):
        lines = widths[before] == widths[box] == POINT_WIDTH
        gap = LINE_GAP if lines else COLUMN_GAP
        offsets.append(offsets[-1] + widths[before] / 2 + gap + widths[box] / 2)
    return offsets


def _isotonic(values: list[float]) -> list[float]:
    """The ascending sequence that is closest in squares (pool adjacent violators)."""
    pools: list[tuple[float, int]] = []
    for value in values:
        pools.append((value, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (low, few), (high, many) = pools.pop(), pools.pop()
            pools.append(((low * few + high * many) / (few + many), few + many))
    return [mean for mean, count in pools for _ in range(count)]


def _draw(
    rows: list[list[int]],
    routes: list[list[int]],
    x: dict[int, float],
    sizes: Sequence[tuple[float, float]],
) -> Placed:
    boxes = len(sizes)
    half = [width / 2 for width, _ in sizes]
    left = min(x[box] - (half[box] if box < boxes else 0) for box in x) - MARGIN
    right = max(x[box] + (half[box] if box < boxes else 0) for box in x) + MARGIN
    top, tops, bottoms, middles = MARGIN, {}, {}, {}
    for row in rows:
        height = max((sizes[box][1] for box in row if box < boxes), default=0.0)
        for box in row:
            own = sizes[box][1] if box < boxes else height
            middles[box] = top + height / 2
            tops[box], bottoms[box] = middles[box] - own / 2, middles[box] + own / 2
        top += height + ROW_GAP
    lines = []
    for first, *between, last in routes:
        line = [(x[first] - left, bottoms[first])]
        line += [(x[point] - left, y) for point in between for y in (tops[point], bottoms[point])]
        lines.append([*line, (x[last] - left, tops[last])])
    centres = [(x[box] - left, middles[box]) for box in range(boxes)]
    return Placed(centres, lines, right - left, top - ROW_GAP + MARGIN)


def _mean(values: list[float] | list[int], default: float) -> float:
    return sum(values) / len(values) if values else default
