"""The first stage of a compilation whose program does not answer as eager does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from geocompile.exporters.names import with_safe_names
from geocompile.exporters.program import CapturedProgram
from geocompile.passes import run_passes
from geocompile.verification.inputs import Array
from geocompile.verification.judged import Judged


@dataclass(frozen=True)
class Stages:
    """The programs around the first wrong stage.

    Attributes:
        name: The pass that is wrong; "capture"; empty where every program is right.
        right: The last right program: the one that was exported where all are; None where capture is wrong.
        wrong: The first wrong one.
    """

    name: str
    right: CapturedProgram | None
    wrong: CapturedProgram | None


def first_wrong_stage(captured: CapturedProgram, passes: Sequence[str], judged: Judged, graph: int) -> Stages:
    """Run the program after capture and after each pass on one graph, until one is wrong.

    Args:
        captured: What capture gave, before any pass.
        passes: The passes that ran, in order.
        judged: The judge of the verification.
        graph: Which of its graphs.
    """
    right = None
    for count in range(len(passes) + 1):
        program = run_passes(captured, passes[:count])[0] if count else captured
        if not is_right(program, judged, graph):
            return Stages(passes[count - 1] if count else "capture", right, program)
        right = program
    return Stages("", right, None)


def is_right(program: CapturedProgram, judged: Judged, graph: int) -> bool:
    """Whether the program answers a graph rightly; one that raises where eager does not is wrong."""
    try:
        outputs = _run(program, judged.graphs[graph].inputs)
    except Exception:  # whatever a wrong graph of operators raises: that it does is the answer
        return False
    return all(check.ok for check in judged.judge(graph, outputs))


def _run(program: CapturedProgram, inputs: Mapping[str, Array]) -> list[Array]:
    """The program's flat outputs; it takes its inputs by position."""
    arguments = [torch.tensor(inputs[spec.name]) for spec in program.inputs]
    with torch.no_grad():
        outputs = with_safe_names(program.exported)[0].module()(*arguments)
    return [output.numpy() for output in outputs]
