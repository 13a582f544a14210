"""Sections that a caller adds to a report: text, a table, small graphs; values only, no markup."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GraphFigure:
    """A small graph whose nodes have places of their own.

    Attributes:
        title: What stands above it.
        positions: `(x, y)` of each node, y downwards, in any unit.
        edges: Pairs of nodes.
        shades: How dark each node is, 0 to 1; all equal where it is empty.
        lines: What stands below it, one line each.
        good: Colours the title: right, wrong, or neither (None).
    """

    title: str
    positions: tuple[tuple[float, float], ...]
    edges: tuple[tuple[int, int], ...] = ()
    shades: tuple[float, ...] = ()
    lines: tuple[str, ...] = ()
    good: bool | None = None


@dataclass(frozen=True)
class SectionTable:
    """A table; `numbers` names the columns that hold numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """One section of a report, after what was compiled: a text, then a table, then figures."""

    title: str
    text: str = ""
    table: SectionTable | None = None
    figures: tuple[GraphFigure, ...] = ()
