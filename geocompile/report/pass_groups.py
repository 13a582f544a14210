"""What a pass did, readable: its lines counted by kind of operator, with the layers in which that happened."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_REPLACED = re.compile(r"(?P<where>.+): (?P<old>\S+) -> (?P<new>\S+)")
_KEPT = re.compile(r"(?P<where>.+): (?P<old>\S+) is captured as it is: (?P<reason>.+)")
_MERGED = re.compile(r"(?P<node>\S+) = (?P<kept>\S+) \((?P<operator>[^()]+)\)")
_CHANGED = re.compile(r"(?P<node>\S+) \((?P<operator>[^()]+)\)(?P<rest>.*)")
_NODE = re.compile(r"\b[A-Za-z_]\w*\b")


@dataclass(frozen=True)
class Change:
    """Lines of a pass that say the same of different places.

    Attributes:
        what: What happened, without the place: `select computed once`.
        count: How often.
        layers: Where, by layer, the most first; empty where it is not known.
        lines: The lines themselves.
    """

    what: str
    count: int
    layers: tuple[tuple[str, int], ...]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class PassSummary:
    """One pass: its name, in how many places it changed the graph, and its changes by kind, the most first."""

    name: str
    changed: int
    changes: tuple[Change, ...]

    @property
    def is_idle(self) -> bool:
        """Whether it found nothing to do or to say."""
        return not self.changed and not self.changes


def summarize_passes(
    passes: Iterable[Mapping[str, Any]], layer_of: Mapping[str, str] | None = None
) -> list[PassSummary]:
    """Group the details of each pass.

    Args:
        passes: As a manifest keeps them: `{"name": …, "changed": …, "details": [line, …]}`.
        layer_of: The layer of each node of the captured graph.
    """
    return [
        PassSummary(
            str(entry.get("name", "")),
            _integer(entry.get("changed")),
            _group([str(line) for line in _list(entry.get("details"))], layer_of or {}),
        )
        for entry in passes
    ]


def _group(lines: list[str], layer_of: Mapping[str, str]) -> tuple[Change, ...]:
    kinds: dict[str, list[str]] = {}
    places: dict[str, Counter[str]] = {}
    for line in lines:
        what, where = _kind(line, layer_of)
        kinds.setdefault(what, []).append(line)
        places.setdefault(what, Counter()).update([where] if where else [])
    changes = [
        Change(what, len(same), tuple(places[what].most_common()), tuple(same))
        for what, same in kinds.items()
    ]
    return tuple(sorted(changes, key=lambda change: -change.count))


def _kind(line: str, layer_of: Mapping[str, str]) -> tuple[str, str]:
    """What a line says without its place, and the place."""
    if found := _REPLACED.fullmatch(line):
        return f"{_short(found['old'])} became {_short(found['new'])} of {_package(found['new'])}", found[
            "where"
        ]
    if found := _KEPT.fullmatch(line):
        return f"{_short(found['old'])} is captured as it is: {found['reason']}", found["where"]
    if found := _MERGED.fullmatch(line):
        return f"{_operator(found['operator'])}: the same as an earlier one", layer_of.get(found["node"], "")
    if found := _CHANGED.fullmatch(line):
        return _operator(found["operator"]), layer_of.get(found["node"], "")
    return _without_nodes(line, layer_of)


def _without_nodes(line: str, layer_of: Mapping[str, str]) -> tuple[str, str]:
    """Any other sentence: the nodes in it lose their numbers, and the first one tells the layer."""
    nodes = [word for word in _NODE.findall(line) if word in layer_of]
    for node in nodes:
        line = re.sub(rf"\b{re.escape(node)}\b", re.sub(r"_\d+$", "", node), line)
    return line, layer_of[nodes[0]] if nodes else ""


def _operator(name: str) -> str:
    """`aten.select.int` as `select`."""
    parts = name.split(".")
    return parts[1] if len(parts) == 3 else name


def _short(path: str) -> str:
    return path.rpartition(".")[2]


def _package(path: str) -> str:
    return path.partition(".")[0]


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else list(value) if isinstance(value, tuple) else []
