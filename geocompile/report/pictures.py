"""Small pictures of graphs: nodes and edges where they are few, the pattern of the adjacency where they are many."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geocompile.report.sections import GraphFigure
from geocompile.verification.picture import Picture

SIDE, MARGIN = 108.0, 7.0
STEPS = 120  # of the spring layout
Places = NDArray[np.float64]


@dataclass(frozen=True)
class Dot:
    """A node: its place, and how dark it is, 0 to 1."""

    x: float
    y: float
    shade: float


@dataclass(frozen=True)
class Cell:
    """A block of the adjacency: its place, its size, and how dark it is."""

    x: float
    y: float
    width: float
    height: float
    shade: float


@dataclass(frozen=True)
class SmallDrawing:
    """What a template draws: lines as one SVG path, circles for nodes with edges to themselves, dots, cells."""

    width: float
    height: float
    lines: str = ""
    loops: tuple[tuple[float, float], ...] = ()
    dots: tuple[Dot, ...] = ()
    radius: float = 0.0
    cells: tuple[Cell, ...] = ()


def draw_picture(picture: Picture) -> SmallDrawing:
    """A graph of the suite."""
    if picture.density:
        return SmallDrawing(SIDE, SIDE, cells=_cells(picture.density))
    nodes = picture.sources + picture.targets if picture.bipartite else picture.sources
    shift = picture.sources if picture.bipartite else 0
    edges = [(source, target + shift) for source, target in picture.edges]
    places = _two_columns(picture) if picture.bipartite else spring_layout(nodes, edges)
    return _dots_and_lines(places, edges, [1.0] * nodes)


def draw_figure(figure: GraphFigure) -> SmallDrawing:
    """A graph whose nodes have places."""
    shades = (
        list(figure.shades) if len(figure.shades) == len(figure.positions) else [1.0] * len(figure.positions)
    )
    places = np.array(figure.positions, np.float64).reshape(-1, 2)
    return _dots_and_lines(places, list(figure.edges), shades)


def spring_layout(nodes: int, edges: list[tuple[int, int]]) -> Places:
    """Places of nodes, `[nodes, 2]`: edges pull, all nodes push (Fruchterman and Reingold 1991), from a circle on.

    Equal graphs get equal places.
    """
    angles = 2 * math.pi * np.arange(nodes) / max(nodes, 1)
    places: Places = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    pairs = np.array([edge for edge in edges if edge[0] != edge[1]], np.int64).reshape(-1, 2)
    near = 1.6 / math.sqrt(max(nodes, 1))
    for step in range(STEPS if len(pairs) else 0):
        apart = places[:, None] - places[None]
        distance = np.maximum(np.linalg.norm(apart, axis=2), 1e-3)
        force = (apart * (near**2 / distance**2)[..., None]).sum(1) - 0.3 * near * places
        pull = places[pairs[:, 1]] - places[pairs[:, 0]]
        pull *= np.linalg.norm(pull, axis=1, keepdims=True) / near
        np.add.at(force, pairs[:, 0], pull)
        np.add.at(force, pairs[:, 1], -pull)
        length = np.maximum(np.linalg.norm(force, axis=1, keepdims=True), 1e-9)
        places = places + force / length * np.minimum(length, 0.15 * (1 - step / STEPS))
    return places


def _two_columns(picture: Picture) -> Places:
    def column(x: float, count: int) -> list[tuple[float, float]]:
        return [(x, (k + 0.5) / count) for k in range(count)]

    places = [*column(0.0, picture.sources), *column(1.0, picture.targets)]
    return np.array(places, np.float64).reshape(-1, 2)


def _dots_and_lines(places: Places, edges: list[tuple[int, int]], shades: list[float]) -> SmallDrawing:
    valid = [edge for edge in edges if min(edge) >= 0 and max(edge) < len(places)]
    xy = _fitted(places)
    drawn = sorted({(min(edge), max(edge)) for edge in valid})
    lines = "".join(f"M{xy[a, 0]:g} {xy[a, 1]:g}L{xy[b, 0]:g} {xy[b, 1]:g}" for a, b in drawn if a != b)
    loops = tuple((float(xy[a, 0]), float(xy[a, 1])) for a, b in drawn if a == b)
    radius = 4.5 if len(places) <= 16 else 3.6 if len(places) <= 40 else 2.6
    shaded = zip(xy.tolist(), shades, strict=True)
    dots = tuple(Dot(x, y, round(min(1.0, max(0.0, shade)), 2)) for (x, y), shade in shaded)
    return SmallDrawing(SIDE, SIDE, lines, loops, dots, radius)


def _fitted(places: Places) -> Places:
    """The places scaled into the square, the shape kept."""
    if not len(places):
        return places
    finite = np.nan_to_num(places, posinf=0.0, neginf=0.0)
    low, high = finite.min(0), finite.max(0)
    span = float((high - low).max()) or 1.0
    fitted: Places = (finite - (low + high) / 2) / span * (SIDE - 2 * MARGIN) + SIDE / 2
    return np.round(fitted, 1)


def _cells(density: tuple[tuple[int, ...], ...]) -> tuple[Cell, ...]:
    """Sources from top to bottom, targets from left to right; darker where there are more edges."""
    most = math.log1p(max((count for row in density for count in row), default=0)) or 1.0
    height = SIDE / len(density)
    return tuple(
        Cell(
            round(column * SIDE / len(row), 1),
            round(k * height, 1),
            round(SIDE / len(row), 1),
            round(height, 1),
            round(0.25 + 0.75 * math.log1p(count) / most, 2),
        )
        for k, row in enumerate(density)
        for column, count in enumerate(row)
        if count > 0
    )
