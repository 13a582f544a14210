"""Finds the stage of a compilation at which the numbers went wrong: capture, one of the passes, or the exporter."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from geocompile.exporters.program import CapturedProgram
from geocompile.passes import run_passes
from geocompile.verification.inputs import Array
from geocompile.verification.judged import Judged
from geocompile.verification.reference import Reference
from geocompile.verification.report import Report
from geocompile.verification.suite import make_suite

if TYPE_CHECKING:
    from geocompile.bundle import Bundle


def first_wrong_stage(
    bundle: "Bundle",
    model: torch.nn.Module,
    report: Report,
    captured: CapturedProgram,
    passes: Sequence[str],
) -> str:
    """Name the first stage whose result does not equal eager on the first graph that failed.

    Args:
        bundle: The bundle that was verified on its own samples.
        model: The model.
        report: The failed report.
        captured: What capture gave, before any pass.
        passes: The passes that ran, in order.

    Returns:
        "capture", "the pass drop_dropout", or "the exporter of onnx"; empty where no graph failed.
    """
    failed = [(engine, graph) for engine in report.engines for graph in engine.graphs if not graph.ok]
    if not failed:
        return ""
    engine, wrong = failed[0]
    examples = [inputs for inputs, _ in bundle.samples()]
    suite = make_suite(bundle.manifest.inputs, examples, report.seed)  # the one that was verified
    graph = next(graph for graph in suite.graphs if graph.name == wrong.graph)
    reference = Reference(model, captured.output_structure, report.seed)
    reference.probe(examples[0])
    judged = Judged(bundle, reference, [graph])
    for count in range(len(passes) + 1):
        program = run_passes(captured, passes[:count])[0] if count else captured
        if not _is_right(program, judged):
            return f"the pass {passes[count - 1]}" if count else "capture"
    return f"the exporter of {engine.engine}"


def _is_right(program: CapturedProgram, judged: Judged) -> bool:
    """Whether the program answers its one graph rightly; one that raises where eager does not is wrong."""
    try:
        outputs = _run(program, judged.graphs[0].inputs)
    except Exception:  # whatever a wrong graph of operators raises: that it does is the answer
        return False
    return all(check.ok for check in judged.judge(0, outputs))


def _run(program: CapturedProgram, inputs: dict[str, Array]) -> list[Array]:
    """The program's flat outputs; it takes its inputs by position."""
    arguments = [torch.tensor(inputs[spec.name]) for spec in program.inputs]
    with torch.no_grad():
        outputs = program.exported.module()(*arguments)
    return [output.numpy() for output in outputs]
