"""Finds what repeats in a sequence, so that a hundred equal layers are told once."""

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

MAX_PERIOD = 32  # entries of a pattern; a transformer's block has about twenty modules
MIN_COUNT = 4  # what stands there three times is as easily read as its summary
TIMES, TO = "\N{MULTIPLICATION SIGN}", "\N{HORIZONTAL ELLIPSIS}"
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Run:
    """`count` times the same `period` entries from `start` on; what does not repeat is a run of one entry, once."""

    start: int
    period: int = 1
    count: int = 1

    @property
    def stop(self) -> int:
        """The position after its last entry."""
        return self.start + self.period * self.count

    def copies(self, entry: int) -> range:
        """The positions of the pattern's entry of that number."""
        return range(self.start + entry, self.stop, self.period)


def fold(signatures: Sequence[Hashable], levels: Sequence[int]) -> list[Run]:
    """Split a sequence into runs, from its beginning on, each the longest that begins there.

    Args:
        signatures: What makes entries equal.
        levels: How deep each entry stands; a pattern begins at one of its outermost entries.
    """
    numbers: dict[Hashable, int] = {}
    entries = [numbers.setdefault(signature, len(numbers)) for signature in signatures]
    runs: list[Run] = []
    while not runs or runs[-1].stop < len(entries):
        if not entries:
            return []
        runs.append(_longest(entries, levels, runs[-1].stop if runs else 0))
    return runs


def template(path: str) -> str:
    """A layer's place without its numbers: `convs.3.lin` as `convs.#.lin`."""
    return _NUMBER.sub("#", path)


def span(paths: Iterable[str]) -> str:
    """`l.1 … l.149`; a single path as it is."""
    first, *others = paths
    return f"{first} {TO} {others[-1]}" if others and others[-1] != first else first


def _longest(entries: list[int], levels: Sequence[int], start: int) -> Run:
    best = Run(start)
    for period in range(1, MAX_PERIOD + 1):
        if start + MIN_COUNT * period > len(entries):
            break
        if min(levels[start : start + period]) < levels[start]:
            break  # so would every longer pattern
        run = Run(start, period, _count(entries, start, period))
        if run.count >= MIN_COUNT and run.stop > best.stop:
            best = run
    return best


def _count(entries: list[int], start: int, period: int) -> int:
    pattern, count = entries[start : start + period], 1
    while entries[start + count * period : start + (count + 1) * period] == pattern:
        count += 1
    return count
