"""Graphs of operators made by hand, for tests of how they are collapsed and drawn."""

import random

from geocompile.report.program import INPUT, OPERATOR, OUTPUT, Node, ProgramGraph


def chain(*layers: str) -> ProgramGraph:
    """x -> an operator per entry -> output; an entry is the layer's path, empty for none."""
    nodes = [Node("x", INPUT, result="float32 [num_nodes, 4]")]
    for k, layer in enumerate(layers):
        paths = tuple(layer.split("/")) if layer else ()
        nodes.append(Node(f"op_{k}", OPERATOR, "aten.relu", paths, "float32 [num_nodes, 4]", (k,)))
    nodes.append(Node("output", OUTPUT, reads=(len(nodes) - 1,)))
    return ProgramGraph(
        tuple(nodes), {layer: "Layer" for entry in layers for layer in entry.split("/") if layer}
    )


def random_program(seed: int, operators: int, layers: int) -> ProgramGraph:
    """Operators that read anything before them, in layers that are called at random."""
    draw = random.Random(seed)
    nodes = [Node("x", INPUT), Node("edge_index", INPUT)]
    for k in range(operators):
        layer = draw.choice(["", *(f"layers.{i}" for i in range(layers))])
        reads = tuple(
            sorted({draw.randrange(max(0, len(nodes) - 30), len(nodes)) for _ in range(draw.randint(1, 3))})
        )
        operator = draw.choice(["aten.linear", "aten.add", "geocompile.segment_reduce"])
        nodes.append(Node(f"op_{k}", OPERATOR, operator, (layer,) if layer else (), "float32 [n, 8]", reads))
    nodes.append(Node("output", OUTPUT, reads=(len(nodes) - 1,)))
    return ProgramGraph(tuple(nodes), {f"layers.{i}": "GCNConv" for i in range(layers)})
