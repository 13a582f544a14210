"""Collapses a graph of operators into one box per layer, so that a model of hundreds of operators fits a screen."""

from collections import Counter
from dataclasses import dataclass

from geocompile.report.program import INPUT, OUTPUT, Node, ProgramGraph

LAYER, LOOSE = "layer", "loose"
FEW_LAYERS = 3  # a model whose outermost modules are fewer is shown by the modules inside them
MAX_NAMES = 4
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Group:
    """Operators that are drawn as one box: those of one layer, or some that stand between layers.

    Attributes:
        kind: `input`, `output`, `layer`, or `loose` for operators of the model's own forward.
        path: The layer's place in the model; for inputs and outputs their name.
        title: What the box says first.
        subtitle: What it says below.
        members: Positions of its nodes.
        reads: Positions of the groups that it reads, all before its own or none.
    """

    kind: str
    path: str
    title: str
    subtitle: str
    members: tuple[int, ...]
    reads: tuple[int, ...]


def collapse(graph: ProgramGraph) -> list[Group]:
    """The groups of a graph, in an order in which they can run.

    A layer that is called twice, or whose operators others stand between, makes several groups: the drawing has no
    cycle.
    """
    depth = _depth(graph)
    partition = _Partition()
    for position, node in enumerate(graph.nodes):
        path = _path(node, depth)
        alone = node.kind in (INPUT, OUTPUT)
        partition.add(position, node.reads, f"{node.kind} {position}" if alone else path)
    order = partition.in_order()
    place = {group: k for k, group in enumerate(order)}
    return [
        _group(
            graph,
            partition.members[group],
            tuple(sorted(place[source] for source in partition.sources[group])),
            depth,
        )
        for group in order
    ]


def operator_counts(graph: ProgramGraph) -> Counter[str]:
    """How many operators each layer has, by the path that `collapse` uses; those outside of layers count for ``""``."""
    depth = _depth(graph)
    return Counter(_path(node, depth) for node in graph.nodes if node.kind not in (INPUT, OUTPUT))


def short_name(operator: str) -> str:
    """`aten.relu` as `relu`, `geocompile.csr_from_coo` as `csr_from_coo`."""
    return operator.rpartition(".")[2]


def listed(operators: Counter[str], most: int = MAX_NAMES) -> list[str]:
    """`["relu", "cat", "linear ×3"]`; the rest is counted."""
    parts = [f"{name} {TIMES}{count}" if count > 1 else name for name, count in operators.items()]
    return parts if len(parts) <= most else [*parts[: most - 1], f"{len(parts) - most + 1} more"]


class _Partition:
    """Groups of nodes whose quotient has no cycle, grown node by node in topological order."""

    def __init__(self) -> None:
        self.members: list[list[int]] = []
        self.sources: list[set[int]] = []
        self._ancestors: list[int] = []  # bit g: group g comes before
        self._latest: dict[str, int] = {}
        self._group_of: list[int] = []

    def add(self, position: int, reads: tuple[int, ...], key: str) -> None:
        """Put a node into the latest group of its key, or a new one where that would close a cycle."""
        group = self._latest.get(key)
        sources = {self._group_of[source] for source in reads}
        if group is None or any(self._ancestors[source] >> group & 1 for source in sources - {group}):
            group = len(self.members)
            self.members.append([])
            self.sources.append(set())
            self._ancestors.append(0)
            self._latest[key] = group
        self.members[group].append(position)
        self._group_of.append(group)
        self._connect(group, sources - {group})

    def in_order(self) -> list[int]:
        """The groups, each after its sources."""
        return sorted(range(len(self.members)), key=lambda group: (self._ancestors[group].bit_count(), group))

    def _connect(self, group: int, sources: set[int]) -> None:
        self.sources[group] |= sources
        before = self._ancestors[group]
        for source in sources:
            self._ancestors[group] |= self._ancestors[source] | 1 << source
        if self._ancestors[group] != before:
            for other, ancestors in enumerate(self._ancestors):
                if ancestors >> group & 1:
                    self._ancestors[other] |= self._ancestors[group]


def _depth(graph: ProgramGraph) -> int:
    """How deep in the tree of modules the layers of a model are: the first depth that has a few."""
    deepest = max((len(node.layers) for node in graph.nodes), default=0)
    counts = {
        depth: len({_path(node, depth) for node in graph.nodes if node.layers})
        for depth in range(1, deepest + 1)
    }
    enough = [depth for depth, count in counts.items() if count >= FEW_LAYERS]
    return enough[0] if enough else max(counts, key=lambda depth: counts[depth], default=1)


def _path(node: Node, depth: int) -> str:
    return node.layers[:depth][-1] if node.layers else ""


def _group(graph: ProgramGraph, members: list[int], reads: tuple[int, ...], depth: int) -> Group:
    first = graph.nodes[members[0]]
    if first.kind in (INPUT, OUTPUT):
        return Group(first.kind, first.name, first.name, first.result, tuple(members), reads)
    operators = Counter(short_name(graph.nodes[position].operator) for position in members)
    path = _path(first, depth)
    if not path:
        names = listed(operators)
        return Group(LOOSE, "", ", ".join(names[:2]), ", ".join(names[2:]), tuple(members), reads)
    count = f"{len(members)} operator{'s' * (len(members) != 1)}"
    return Group(LAYER, path, path, f"{graph.kinds.get(path, '')} · {count}", tuple(members), reads)
