"""`find_fault`: from a failed report to the stage, node and layer that are wrong, and a script that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from geocompile.exporters.program import CapturedProgram
from geocompile.progress import Progress
from geocompile.verification.bisection import cutting
from geocompile.verification.bisection.budget import LIMIT, Budget, OutOfTime
from geocompile.verification.bisection.capturing import WrongLayer, first_wrong_layer
from geocompile.verification.bisection.conversion import layers_of
from geocompile.verification.bisection.cutting import Piece
from geocompile.verification.bisection.exporting import ExporterSearch, Wrong
from geocompile.verification.bisection.interpreter import NodeError
from geocompile.verification.bisection.nodes import described, layer_of, nodes_by_name, same_layer
from geocompile.verification.bisection.passing import first_changed
from geocompile.verification.bisection.script import Demand, write_script
from geocompile.verification.bisection.stages import Stages, first_wrong_stage
from geocompile.verification.bisection.values import NodeValues
from geocompile.verification.engines import EngineId, list_engines
from geocompile.verification.fault import SCRIPT, Fault
from geocompile.verification.inputs import Array
from geocompile.verification.judged import Judged
from geocompile.verification.reference import Reference
from geocompile.verification.report import EngineCheck, OutputCheck, Report, first_line
from geocompile.verification.suite import make_suite

if TYPE_CHECKING:
    from geocompile.bundle import Bundle

MEASURED = 4  # graphs on which the values of nodes are measured, the failing one among them
ENOUGH = 200  # numbers in a graph's inputs from which on it can tell one rounding from another
NOT_AGAIN = "a new engine of the same program is right, so the failure does not repeat"
NO_NODE = "no single value is outside of its bound: the distance grows from node to node"


def find_fault(
    bundle: Bundle,
    model: torch.nn.Module,
    report: Report,
    captured: CapturedProgram,
    passes: Sequence[str],
    folder: Path,
    progress: Progress,
    seconds: float = LIMIT,
) -> Fault | None:
    """Find where the numbers of a failed report first go wrong, and write a script that shows it.

    Args:
        bundle: The bundle that was verified on its own samples.
        model: The model.
        report: The failed report.
        captured: What capture gave, before any pass.
        passes: The passes that ran, in order.
        folder: Where the script is written, with its data.
        progress: Where the steps are shown.
        seconds: The limit; what is found by then is returned, with a note.

    Returns:
        The fault; None where no engine is wrong (rounding decided too much to tell).
    """
    wrong = next((engine for engine in report.engines if not engine.ok and _has_failed(engine)), None)
    if wrong is None:
        return None
    search = _Search(bundle, model, captured, Budget(progress, seconds), folder)
    return search.run(report, wrong, passes)


@dataclass(frozen=True)
class _Search:
    bundle: Bundle
    model: torch.nn.Module
    captured: CapturedProgram
    budget: Budget
    folder: Path

    def run(self, report: Report, wrong: EngineCheck, passes: Sequence[str]) -> Fault:
        with self.budget.step("running eager once more"):
            judged = self._judged(report)
        graph = _telling_graph(judged, wrong)
        with self.budget.step("running the graph after each pass"):
            stages = first_wrong_stage(self.captured, passes, judged, graph)
        fault = Fault(
            stage="exporter" if not stages.name else "capture" if stages.right is None else "pass",
            pass_name=stages.name if stages.right is not None else "",
            target="" if stages.name else wrong.engine,
            graph=judged.graphs[graph].name,
        )
        try:
            return self._node(fault, stages, judged, graph, wrong, report.seed)
        except OutOfTime:
            return replace(fault, note=self._late("the node was not found"))
        except (
            Exception
        ) as error:  # the stage is known: it must be told, whatever the search for the node meets
            return replace(fault, note=f"the node could not be found ({first_line(error)})")

    def _judged(self, report: Report) -> Judged:
        """The judge of the verification, made anew: the same suite, the same bounds."""
        examples = [inputs for inputs, _ in self.bundle.samples()]
        suite = make_suite(self.bundle.manifest.inputs, examples, report.seed)
        reference = Reference(self.model, self.captured.output_structure, report.seed)
        reference.probe(examples[0])
        return Judged(self.bundle, reference, suite.graphs)

    def _node(
        self, fault: Fault, stages: Stages, judged: Judged, graph: int, wrong: EngineCheck, seed: int
    ) -> Fault:
        graphs = _measured(judged, graph)
        if fault.stage == "capture":
            return self._in_capture(fault, graphs, seed)
        assert stages.right is not None
        with self.budget.step("measuring what each node may be off"):
            values = NodeValues(stages.right, graphs, seed)
        if fault.stage == "pass":
            assert stages.wrong is not None
            return self._in_pass(fault, stages.right, stages.wrong, values, graphs[0])
        return self._in_exporter(fault, stages.right, _engine(self.bundle, wrong), values, graphs[0])

    def _in_capture(self, fault: Fault, graphs: Sequence[dict[str, Array]], seed: int) -> Fault:
        program = self.captured
        try:
            values = NodeValues(program, graphs, seed)
        except NodeError as error:
            return _told(fault, Wrong(error.node, OutputCheck("", False, str(error)), raises=True), program)
        with self.budget.step("comparing layers with eager's"):
            eager, is_conversion = layers_of(self.model, program, values, graphs[0])
            found = first_wrong_layer(program, values, eager, same_operators=not is_conversion)
        fault = replace(fault, pass_name="from_pyg" if is_conversion else "")
        if found is None:
            return replace(fault, note="every layer by itself is right")
        fault = replace(_told(fault, found, program), layer=found.layer)
        demand = Demand(fault, program, values, found.expected)
        return self._with_script(demand, _pieces_of_layer(program, found))

    def _in_pass(
        self,
        fault: Fault,
        before: CapturedProgram,
        after: CapturedProgram,
        values: NodeValues,
        inputs: dict[str, Array],
    ) -> Fault:
        with self.budget.step("comparing the nodes before and after the pass"):
            found = first_changed(after, inputs, values)
        if found is None:
            return replace(fault, note=NO_NODE)
        fault = _told(fault, found, after)
        known = _first_known(after, before, found.node)
        pieces = _pieces(before, known) if known else iter(())
        return self._with_script(Demand(fault, before, values, raises=found.raises), pieces)

    def _in_exporter(
        self,
        fault: Fault,
        program: CapturedProgram,
        engine: EngineId,
        values: NodeValues,
        inputs: dict[str, Array],
    ) -> Fault:
        search = ExporterSearch(program, engine.target, engine.portable, inputs, values, self.budget)
        found = search.first_wrong()
        if found is None:
            return replace(fault, note=NOT_AGAIN)
        fault = _told(fault, found, program)
        demand = Demand(fault, program, values, raises=found.raises, portable=engine.portable)
        return self._with_script(demand, _pieces(program, found.node))

    def _with_script(self, demand: Demand, pieces: Iterator[Piece]) -> Fault:
        fault = demand.fault
        try:
            if write_script(self.folder, demand, pieces, self.budget):
                return replace(fault, script=SCRIPT)
            reason = "no part of the graph by itself shows the fault, so there is no script"
        except OutOfTime:
            reason = self._late("there is no script")
        except Exception as error:  # the node is known: it must be told, whatever the script meets
            reason = f"the script could not be written ({first_line(error)})"
        return replace(fault, note=f"{fault.note}; {reason}" if fault.note else reason)

    def _late(self, missing: str) -> str:
        return f"the search was stopped after {self.budget.seconds:.0f} s: {missing}"


def _has_failed(engine: EngineCheck) -> bool:
    return bool(engine.problem) or any(not graph.ok for graph in engine.graphs)


def _telling_graph(judged: Judged, wrong: EngineCheck) -> int:
    """The smallest graph on which the engine fails, of those with enough numbers where there are such."""
    failed = {graph.graph for graph in wrong.graphs if not graph.ok}
    candidates = [k for k, graph in enumerate(judged.graphs) if graph.name in failed or wrong.problem]
    return min(
        candidates, key=lambda k: (_size(judged.graphs[k].inputs) < ENOUGH, _size(judged.graphs[k].inputs))
    )


def _measured(judged: Judged, graph: int) -> list[dict[str, Array]]:
    """The inputs of the graph, and of the smallest others that are no smaller than a graph should be to measure."""
    others = [other for k, other in enumerate(judged.graphs) if k != graph]
    others.sort(key=lambda other: (_size(other.inputs) < ENOUGH, _size(other.inputs)))
    return [dict(item.inputs) for item in (judged.graphs[graph], *others[: MEASURED - 1])]


def _size(inputs: dict[str, Array]) -> int:
    return sum(array.size for array in inputs.values())


def _engine(bundle: Bundle, check: EngineCheck) -> EngineId:
    return next(engine for engine in list_engines(bundle, None) if engine.label == check.engine)


def _told(fault: Fault, wrong: Wrong, program: CapturedProgram) -> Fault:
    """The fault with its node."""
    node = nodes_by_name(program)[wrong.node]
    name, operator = described(node)
    return replace(
        fault, node=name, operator=operator, layer=layer_of(node), error=wrong.check.error,
        bound=wrong.check.bound, problem=wrong.check.problem, note=wrong.note,
    )  # fmt: skip


def _pieces(program: CapturedProgram, name: str) -> Iterator[Piece]:
    """From small to large: the node alone, its layer, then all that leads to it."""
    tried: set[int] = set()
    for piece in (
        cutting.one_node(program, name),
        cutting.one_layer(program, name, same_layer(program, name)),
        cutting.from_inputs(program, name),
    ):
        if len(piece.nodes) not in tried:  # each holds the one before
            tried.add(len(piece.nodes))
            yield piece


def _pieces_of_layer(program: CapturedProgram, found: WrongLayer) -> Iterator[Piece]:
    if found.leaving:
        yield cutting.one_layer(program, found.leaving, found.region)
        yield cutting.from_inputs(program, found.leaving)


def _first_known(after: CapturedProgram, before: CapturedProgram, name: str) -> str:
    """The node itself, or the first that depends on it and was there before the pass; empty where none was."""
    known = nodes_by_name(before)
    reached = {nodes_by_name(after)[name]}
    for node in after.exported.graph.nodes:
        if node in reached or any(source in reached for source in node.all_input_nodes):
            reached.add(node)
            if node.name in known and node.op == "call_function":
                return str(node.name)
    return ""
