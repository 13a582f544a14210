"""Whether a model that was captured wrongly was converted wrongly: the two halves of capture are told apart here."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from geocompile.exporters.program import CapturedProgram
from geocompile.pyg import capturing, from_pyg
from geocompile.verification.bisection.layers import EagerRun, run_layers
from geocompile.verification.bisection.values import NodeValues
from geocompile.verification.inputs import Array
from geocompile.verification.structure import flatten


def layers_of(
    model: nn.Module, captured: CapturedProgram, values: NodeValues, inputs: Mapping[str, Array]
) -> tuple[EagerRun, bool]:
    """What the layers should take and give on a graph, and whether the conversion of PyG's layers is what is wrong.

    It is where the converted model, in eager, answers what the captured graph wrongly answers; then the layers are
    those of the model itself. Otherwise they are those of the converted model, which runs the operators that the
    graph was captured from.
    """
    converted = from_pyg(model).eval()
    with torch.no_grad(), capturing():
        result = converted(**{name: torch.tensor(array) for name, array in inputs.items()})
        outputs = [leaf.numpy() for leaf in flatten(result, captured.output_structure)]
        if not _are_the_graphs(outputs, captured, values):
            return run_layers(converted, inputs), False
    return run_layers(model, inputs), True


def _are_the_graphs(outputs: list[Array], captured: CapturedProgram, values: NodeValues) -> bool:
    names = [spec.arg.name for spec in captured.exported.graph_signature.output_specs]
    return len(names) == len(outputs) and all(
        name in values and values.is_like(name, output) for name, output in zip(names, outputs, strict=True)
    )
