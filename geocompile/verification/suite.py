"""The graphs that a verification runs on: the examples, and the graphs on which engines tend to go wrong."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geocompile.verification.drawing import Structure, Wanted, draw
from geocompile.verification.inputs import (
    NUM_GRAPHS,
    Array,
    InputSpec,
    Meanings,
    is_batch,
    read_meanings,
    symbolic_sizes,
)

NODES, EDGES = 400, 4000  # graphs that need not be large are cut to this, so that a suite takes seconds


def _larger(count: int, small: int) -> int:
    """Twice as many where that is quick; one more is enough to tell a size that was baked in."""
    return 2 * count + 1 if count <= 10 * small else count + 1


@dataclass(frozen=True)
class Graph:
    """One graph of the suite.

    Attributes:
        name: What it is there for.
        inputs: The model's inputs by name.
        redraw: Gives the same kind of graph with other random numbers; None where the user gave the graph.
    """

    name: str
    inputs: dict[str, Array]
    redraw: Callable[[int], "Graph"] | None = None


@dataclass(frozen=True)
class Case:
    """A kind of graph: its sizes from the example's (`n` nodes, `e` edges), and its structure."""

    name: str
    nodes: Callable[[int], int] = lambda n: min(n, NODES)
    edges: Callable[[int], int] = lambda e: min(e, EDGES)
    structure: Structure = "random"
    graphs: int | None = None
    empty_graph: bool = False


CASES = (
    Case("fresh features"),
    Case("larger", nodes=lambda n: _larger(n, NODES), edges=lambda e: _larger(e, EDGES)),
    Case("smaller", nodes=lambda n: max(2, min(n // 2, NODES)), edges=lambda e: max(2, min(e // 2, EDGES))),
    Case("no edges", edges=lambda e: 0),
    Case("isolated nodes", structure="isolated"),
    Case(
        "self-loops",
        nodes=lambda n: max(2, min(n, NODES)),
        edges=lambda e: max(6, min(e, EDGES)),
        structure="self-loops",
    ),
    Case("duplicate edges", edges=lambda e: max(4, min(e, EDGES)), structure="duplicates"),
    Case("one node", nodes=lambda n: 1, edges=lambda e: 0, graphs=1),
    Case("one node, self-loops", nodes=lambda n: 1, edges=lambda e: 2, structure="self-loops", graphs=1),
    Case("zero nodes", nodes=lambda n: 0, edges=lambda e: 0, graphs=0),
    Case("several graphs", nodes=lambda n: max(16, min(n, NODES)), graphs=5),
    Case("several graphs, one empty", nodes=lambda n: max(16, min(n, NODES)), graphs=5, empty_graph=True),
    Case("all edges to one node", structure="one target"),
    Case("all edges from one node", structure="one source"),
)


@dataclass(frozen=True)
class Suite:
    """The graphs, and the cases that this model's inputs do not allow, each with the reason."""

    graphs: tuple[Graph, ...]
    skipped: tuple[tuple[str, str], ...]

    def given(self) -> list[Graph]:
        """The user's own graphs."""
        return [graph for graph in self.graphs if graph.redraw is None]


def make_suite(specs: Sequence[InputSpec], examples: Sequence[Mapping[str, Array]], seed: int = 0) -> Suite:
    """Make the suite from the user's graphs.

    Args:
        specs: The model's inputs with their symbolic dimensions.
        examples: At least one graph; the largest of them gives sizes and distributions to the derived graphs.
        seed: Equal seeds give equal suites.

    Raises:
        ValueError: No example is given.
    """
    if not examples:
        raise ValueError("geocompile.verify: at least one example graph is needed, got none")
    given = [Graph(f"example {k}", dict(example)) for k, example in enumerate(examples)]
    base = max(examples, key=lambda example: sum(array.size for array in example.values()))
    roles = Roles.of(specs, base)
    skipped = [(case.name, reason) for case in CASES if (reason := roles.refuses(case))]
    names = {name for name, _ in skipped}
    drawn = [roles.graph(specs, base, case, seed, 0) for case in CASES if case.name not in names]
    return Suite((*given, *drawn), tuple(skipped))


@dataclass(frozen=True)
class Roles:
    """What the inputs mean, and whether they form a batch of how many graphs."""

    meanings: Meanings
    graphs: int
    batched: bool

    @staticmethod
    def of(specs: Sequence[InputSpec], example: Mapping[str, Array]) -> "Roles":
        """Read the roles from the descriptions of the inputs and an example."""
        batches = [example[spec.name] for spec in specs if is_batch(spec)]
        sizes = symbolic_sizes(specs, example)
        seen = max((int(batch.max()) + 1 for batch in batches if batch.size), default=1)
        graphs = sizes.get(NUM_GRAPHS, seen)
        return Roles(read_meanings(specs, example), graphs, bool(batches) or NUM_GRAPHS in sizes)

    def refuses(self, case: Case) -> str:
        """Why a case cannot be drawn for these inputs; empty where it can."""
        has_edge_list = not self.meanings.no_edge_list
        resized = case.nodes(7) != 7 or case.nodes(9) != 9
        rewired = case.edges(7) != 7 or case.edges(9) != 9
        only_edges = rewired and not resized and not self.meanings.edges
        if not has_edge_list and (case.structure != "random" or only_edges):
            return self.meanings.no_edge_list
        if has_edge_list and not self.meanings.edges and rewired:
            return "the number of edges is fixed"
        if not self.meanings.nodes and resized:
            return "the number of nodes is fixed"
        if case.graphs is not None and case.graphs > 1 and not self.batched:
            return "the model has no batch vector"
        return ""

    def graph(
        self, specs: Sequence[InputSpec], example: Mapping[str, Array], case: Case, seed: int, attempt: int
    ) -> Graph:
        """Draw a case; `attempt` tells redraws apart."""
        graphs = self.graphs if case.graphs is None else case.graphs
        sizes = {name: case.nodes(size) for name, size in self.meanings.nodes.items()}
        sizes |= {name: case.edges(size) for name, size in self.meanings.edges.items()} | {NUM_GRAPHS: graphs}
        wanted = Wanted(sizes, case.structure, graphs, case.empty_graph)
        rng = np.random.default_rng([seed, attempt, zlib.crc32(case.name.encode())])
        inputs = draw(specs, self.meanings.inputs, example, wanted, rng)
        return Graph(case.name, inputs, lambda again: self.graph(specs, example, case, seed, again))
