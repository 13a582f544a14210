"""The value of every node of a right program, and how far another computation of it may be: the judge of nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from geocompile.exporters.program import CapturedProgram
from geocompile.verification import bounds
from geocompile.verification.bisection.interpreter import NodeError, run_nodes
from geocompile.verification.bisection.nodes import is_tensor, nodes_by_name
from geocompile.verification.bounds import Bound
from geocompile.verification.compare import compare
from geocompile.verification.inputs import Array
from geocompile.verification.reference import PERTURBATIONS, Truth
from geocompile.verification.report import OutputCheck


class NodeValues:
    """What a program computes at each node on one graph; the bound is measured as for a model's outputs.

    The truth of a node is its value when the program runs in float64; the program itself, and runs with inputs
    and weights moved by a rounding, tell what rounding does to it (`verification.bounds`).

    Args:
        program: The program.
        graphs: The inputs of the graph in question, and of others that only serve to measure what is usual.
        seed: Seed of the moved runs.

    Raises:
        NodeError: The program fails on the graph.
    """

    def __init__(
        self, program: CapturedProgram, graphs: Sequence[Mapping[str, Array]], seed: int = 0
    ) -> None:
        self._program = program
        self._nodes = nodes_by_name(program)
        self._runs = [_runs(program, graphs[0], seed)]
        self._inputs = [graphs[0]]
        for graph in graphs[1:]:
            try:
                self._runs.append(_runs(program, graph, seed))
            except NodeError:  # not the graph in question: it only measures
                continue
            self._inputs.append(graph)
        self.multiple = bounds.MULTIPLE * (1 if len(self._runs[0]) > 1 else 2)
        self._measured: dict[str, tuple[Truth, Bound]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._runs[0][0]

    def eager(self, name: str) -> Array:
        """The node's value in the program's own precision."""
        return self._runs[0][0][name]

    def exact(self, name: str) -> Array:
        """The node's value in float64."""
        return self._truth(name)[0].exact[0]

    def allowed(self, name: str) -> Array:
        """The allowed distance from `exact`, in a shape that broadcasts to it."""
        columns = self._truth(name)[1].columns
        return columns if self._by_column(name) else columns.reshape(())

    def check(self, name: str, value: Array) -> OutputCheck:
        """Compare another computation of the node with its truth."""
        truth, bound = self._truth(name)
        return compare(name, value, truth, 0, bound, self._by_column(name))

    def is_like(self, name: str, value: Array) -> bool:
        """Whether `value` can be this node's: of its shape and type, and within the bound."""
        mine = self.eager(name)
        if mine.shape != value.shape or mine.dtype != value.dtype:
            return False
        return not self._is_far(name, value) and self.check(name, value).ok

    def _is_far(self, name: str, value: Array) -> bool:
        """Whether one element alone tells the values apart: a search compares many that have nothing in common."""
        truth, bound = self._truth(name)
        if value.size == 0 or value.dtype.kind != "f" or not bound.stable:
            return False
        exact, other = float(truth.exact[0].flat[value.size // 2]), float(value.flat[value.size // 2])
        return math.isfinite(exact) and abs(other - exact) > float(bound.columns.max())

    def names(self) -> list[str]:
        """Every node with a value, in the order in which they run."""
        return list(self._runs[0][0])

    def _truth(self, name: str) -> tuple[Truth, Bound]:
        if name not in self._measured:
            truths = [
                Truth.of(
                    [runs[0][name]], [runs[min(1, len(runs) - 1)][name]], [[run[name]] for run in runs[2:]]
                )
                for runs in self._runs
            ]
            terms = [
                bounds.longest_sum(self._program.inputs, inputs, self._is_reduced(name))
                for inputs in self._inputs
            ]
            measured = bounds.measure(truths, 0, self._by_column(name), terms, self.multiple)
            self._measured[name] = truths[0], measured[0]
        return self._measured[name]

    def _by_column(self, name: str) -> bool:
        node = self._nodes[name]
        if not is_tensor(node):
            return False
        shape = node.meta["val"].shape
        return len(shape) > 1 and isinstance(shape[-1], int)

    def _is_reduced(self, name: str) -> bool:
        node = self._nodes[name]
        return is_tensor(node) and all(isinstance(size, int) for size in node.meta["val"].shape)


def _runs(program: CapturedProgram, inputs: Mapping[str, Array], seed: int) -> list[dict[str, Array]]:
    """The program's own values, those in float64, and moved ones; the first only where float64 does not run."""
    own = run_nodes(program, inputs)
    try:
        moved = [
            run_nodes(program, inputs, double=True, moved=np.random.default_rng([seed, k]))
            for k in range(PERTURBATIONS)
        ]
        return [own, run_nodes(program, inputs, double=True), *moved]
    except NodeError:  # an operator that has no float64
        return [own]
