"""Where an exporter goes wrong: the first node whose value the engine has wrong.

An engine that returns every value answers in one go. Where all is right then, because exposed values keep operators
from being fused, or where such an engine cannot be made, the graph is cut: engines of ever smaller beginnings, each
returning what a later node would read, until the smallest wrong one is found. A wrong value that reaches an output
passes through every such cut, so about log2(number of nodes) engines are enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from geocompile.exporters.program import CapturedProgram
from geocompile.verification.bisection.budget import Budget, OutOfTime
from geocompile.verification.bisection.engines import answers
from geocompile.verification.bisection.nodes import computed_tensors
from geocompile.verification.bisection.parts import frontier, with_outputs
from geocompile.verification.bisection.values import NodeValues
from geocompile.verification.inputs import Array
from geocompile.verification.report import OutputCheck, first_line

FUSED = (
    "the engine is right when it returns its intermediate values too, so the fault needs operators that are "
    "compiled together; the node named is where the smallest part of the graph that still fails ends"
)


@dataclass(frozen=True)
class Wrong:
    """A node whose value is wrong.

    Attributes:
        node: The node.
        check: How wrong.
        note: What must be said of how it was found.
        raises: Whether it is wrong because it cannot be computed at all.
    """

    node: str
    check: OutputCheck
    note: str = ""
    raises: bool = False


class ExporterSearch:
    """Looks for the first node that an engine has wrong on one graph.

    Args:
        program: What was exported; it is right.
        target: The exporter.
        portable: Whether the failure is ONNX's without our operators.
        inputs: The graph.
        values: What each node is worth there.
        budget: The time for it.
    """

    def __init__(
        self,
        program: CapturedProgram,
        target: str,
        portable: bool,
        inputs: Mapping[str, Array],
        values: NodeValues,
        budget: Budget,
    ) -> None:
        self._program = program
        self._target = target
        self._portable = portable
        self._inputs = inputs
        self._values = values
        self._budget = budget

    def first_wrong(self) -> Wrong | None:
        """The node; None where a new engine of the whole program is right.

        Raises:
            OutOfTime: Not even the first engine was made in time.
        """
        nodes = [node.name for node in computed_tensors(self._program) if node.name in self._values]
        with self._budget.step(f"building {self._target} with every value as an output"):
            wrong = self._try(nodes)
        if wrong is not None and not wrong.raises:
            return wrong
        found = self._bisect(nodes)
        if found is None or wrong is not None:
            return found
        return replace(found, note=f"{found.note}; {FUSED}" if found.note else FUSED)

    def _bisect(self, nodes: Sequence[str]) -> Wrong | None:
        """The end of the smallest beginning of the program that is wrong."""
        outputs = {node.name for node in self._program.exported.graph.output_node().all_input_nodes}
        last = max(k for k, name in enumerate(nodes) if name in outputs)
        first, known = 0, self._part(nodes, last)
        if known is None:
            return None
        end = last
        try:
            while first < end:
                middle = (first + end) // 2
                wrong = self._part(nodes, middle)
                if wrong is None:
                    first = middle + 1
                else:
                    end, known = middle, wrong
        except OutOfTime:
            note = (
                f"the search was stopped after {self._budget.seconds:.0f} s: the fault lies between "
                f"'{nodes[first]}' and the node named"
            )
            return replace(known, node=nodes[end], note=note)
        return replace(known, node=nodes[end])

    def _part(self, nodes: Sequence[str], end: int) -> Wrong | None:
        title = f"building {self._target} of the first {end + 1} of {len(nodes)} values"
        with self._budget.step(title):
            return self._try(frontier(self._program, nodes[end]))

    def _try(self, names: Sequence[str]) -> Wrong | None:
        """The first of these nodes that an engine which returns them has wrong; the last where it raises."""
        try:
            runs = answers(with_outputs(self._program, names), self._target, self._inputs, self._portable)
        except (
            Exception
        ) as error:  # exporters and runtimes raise anything; that they do is the fault looked for
            problem = f"the engine fails: {first_line(error)}"
            return Wrong(names[-1], OutputCheck(names[-1], False, problem), raises=True)
        for k, name in enumerate(names):
            for run in runs:
                check = self._values.check(name, run[k])
                if not check.ok:
                    return Wrong(name, check)
        return None
