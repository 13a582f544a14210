"""Places the boxes of a directed graph in rows from top to bottom, and leads its lines between them.

The method is that of Sugiyama, Tagawa and Toda (1981): rows by longest path, points in between for lines that cross
rows, an order in each row by the mean place of the neighbours, then x coordinates near to those of the neighbours,
with order and distance kept (an isotonic regression per row).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

ROW_GAP, COLUMN_GAP, MARGIN = 30.0, 22.0, 8.0
ORDER_SWEEPS, PLACE_SWEEPS = 6, 9
POINT_WIDTH, LINE_GAP = 2.0, 7.0  # the room that a line takes where it crosses a row, and between two of them


@dataclass(frozen=True)
class Placed:
    """Where everything is.

    Attributes:
        centres: Of each box, `(x, y)`.
        lines: Each as `(x0, y0, x1, y1, arrow)`: from one row down to the next, or through a row; `arrow` where it
            ends at a box.
        width: Of the whole.
        height: Of the whole.
    """

    centres: list[tuple[float, float]]
    lines: list[tuple[float, float, float, float, bool]]
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
    rows, links = _rows(len(sizes), edges)
    widths = [width for width, _ in sizes] + [POINT_WIDTH] * (_count(rows) - len(sizes))
    _sort_rows(rows, links)
    x = _columns(rows, links, widths)
    return _draw(rows, links, x, sizes)


def _rows(count: int, edges: Sequence[tuple[int, int]]) -> tuple[list[list[int]], set[tuple[int, int]]]:
    """The rows, and the links between neighbouring rows; numbers from `count` on are points of long lines."""
    row = [0] * count
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        row[target] = max(row[target], row[source] + 1)
    targets = defaultdict(list)
    for source, target in edges:
        targets[source].append(target)
    has_source = {target for _, target in edges}
    for box in range(count):  # an input stands right above the first box that reads it
        if box not in has_source and box in targets:
            row[box] = min(row[target] for target in targets[box]) - 1
    rows: list[list[int]] = [[] for _ in range(max(row) + 1)]
    for box in range(count):
        rows[row[box]].append(box)
    return rows, _links(rows, row, targets)


def _links(rows: list[list[int]], row: list[int], targets: dict[int, list[int]]) -> set[tuple[int, int]]:
    """Adds the points of long lines to the rows; lines from one box share theirs."""
    links: set[tuple[int, int]] = set()
    for source, ends in targets.items():
        at = {row[source]: source}
        for level in range(row[source] + 1, max(row[end] for end in ends)):
            at[level] = _count(rows)
            rows[level].append(at[level])
            links.add((at[level - 1], at[level]))
        links |= {(at[row[end] - 1], end) for end in ends}
    return links


def _count(rows: list[list[int]]) -> int:
    return sum(map(len, rows))


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
    links: set[tuple[int, int]],
    x: dict[int, float],
    sizes: Sequence[tuple[float, float]],
) -> Placed:
    count = len(sizes)
    half = [width / 2 for width, _ in sizes]
    left = min(x[box] - (half[box] if box < count else 0) for box in x) - MARGIN
    right = max(x[box] + (half[box] if box < count else 0) for box in x) + MARGIN
    top, tops, bottoms, middles = MARGIN, {}, {}, {}
    for row in rows:
        height = max((sizes[box][1] for box in row if box < count), default=0.0)
        for box in row:
            own = sizes[box][1] if box < count else height
            middles[box] = top + height / 2
            tops[box], bottoms[box] = middles[box] - own / 2, middles[box] + own / 2
        top += height + ROW_GAP
    lines = [(x[a] - left, bottoms[a], x[b] - left, tops[b], b < count) for a, b in sorted(links)]
    through = [point for point in x if point >= count]
    lines += [(x[point] - left, tops[point], x[point] - left, bottoms[point], False) for point in through]
    centres = [(x[box] - left, middles[box]) for box in range(count)]
    return Placed(centres, lines, right - left, top - ROW_GAP + MARGIN)


def _mean(values: list[float] | list[int], default: float) -> float:
    return sum(values) / len(values) if values else default
