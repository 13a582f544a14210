"""A compiled model as a report keeps it: its layers, and its graph of operators, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

INPUT, OPERATOR, OUTPUT = "input", "operator", "output"
OURS = "geocompile."


@dataclass(frozen=True)
class Layer:
    """One module of a model.

    Attributes:
        path: Where it stands: `convs.0`; empty for the model itself.
        kind: Its class.
        parameters: The numbers in it that were trained, those of its parts included.
        settings: How it was made, as its own text says.
        replaced_by: The class that `from_pyg` put in its place; empty where it stayed.
    """

    path: str
    kind: str
    parameters: int
    settings: str = ""
    replaced_by: str = ""


@dataclass(frozen=True)
class ModelSummary:
    """A model's layers and size.

    Attributes:
        layers: Every module, in order, the model itself first.
        parameters: The number of trained numbers, shared ones counted once.
        buffers: The number of other stored numbers, such as running means.
        bytes: The size of both.
    """

    layers: tuple[Layer, ...]
    parameters: int
    buffers: int
    bytes: int


@dataclass(frozen=True)
class Node:
    """An operator, an input or an output of a graph.

    Attributes:
        name: Its name in the graph, unique.
        kind: `input`, `operator` or `output`.
        operator: What it computes: `aten.relu`, `geocompile.csr_from_coo`.
        layers: The modules around it, outermost first, without the model itself.
        variant: Its options in words: `mean`.
        result: What it gives: `float32 [num_nodes, 64]`.
        reads: Positions of the nodes that it reads, all before its own.
        weights: The stored tensors that it reads, with their shapes.
    """

    name: str
    kind: str
    operator: str = ""
    layers: tuple[str, ...] = ()
    result: str = ""
    reads: tuple[int, ...] = ()
    weights: tuple[str, ...] = ()
    variant: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether it is an operator of geocompile."""
        return self.operator.startswith(OURS)


@dataclass(frozen=True)
class ProgramGraph:
    """The operators of a captured program, in an order in which they can run.

    Attributes:
        nodes: Inputs, operators, outputs; arithmetic on sizes and stored tensors are left out.
        kinds: The class of each module that a node names.
    """

    nodes: tuple[Node, ...]
    kinds: dict[str, str] = field(default_factory=dict)

    @property
    def num_operators(self) -> int:
        """How many operators there are."""
        return sum(node.kind == OPERATOR for node in self.nodes)
