"""GraphNorm, LayerNorm, BatchNorm."""

from collections.abc import Callable
from typing import Any

import torch

from geocompile.layers import BatchNorm, GraphNorm, LayerNorm
from tests.conformance.case import SIZES, LayerCase, Sample
from tests.conformance.cases.neighbourhoods import Inputs, pyg_layer
from tests.conformance.formulas import norms as formulas

BESIDE = {
    "PyG": "without a batch vector PyG 2.8.1 adds eps to the root; the case with eps_beside_root compares it"
}


def batched(s: Sample) -> dict[str, Any]:
    return {"x": s.x(), "batch": s.batch()}


def sized(s: Sample) -> dict[str, Any]:
    """Graphs in any order, and one without nodes behind them."""
    return {"x": s.x(), "batch": s.batch().flip(0), "batch_size": 4}


def nodes(s: Sample) -> dict[str, Any]:
    return {"x": s.x()}


def drawn(module: torch.nn.Module) -> torch.nn.Module:
    """Weights, biases and averages that are not 1 and 0."""
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.is_floating_point():
            torch.nn.init.uniform_(tensor, 0.5 if "var" in name else -1.0, 1.5)
    return module


def norm(
    cls: type[torch.nn.Module], inputs: Inputs, formula: Callable[..., Any], **options: Any
) -> LayerCase:
    theirs = {name: value for name, value in options.items() if name != "eps_beside_root"}
    is_other = cls is LayerNorm and inputs is nodes and theirs == options and options.get("mode") != "node"
    is_batch_alone = options.get("track_running_stats") is False
    return LayerCase(
        cls.__name__,
        f"{inputs.__name__}, {options}",
        lambda: drawn(cls(3, **options).double()),
        inputs,
        formula,
        None if is_other else lambda: drawn(pyg_layer(cls.__name__, 3, **theirs)()),
        without=BESIDE if is_other else {},
        sizes=((6, 14), (11, 40), (4, 0)) if is_batch_alone else SIZES,  # torch refuses one node
    )


CASES = [
    norm(GraphNorm, batched, formulas.graph_norm),
    norm(GraphNorm, sized, formulas.graph_norm, eps=0.1),
    norm(GraphNorm, nodes, formulas.graph_norm),
    norm(LayerNorm, batched, formulas.layer_norm),
    norm(LayerNorm, sized, formulas.layer_norm, affine=False, eps=0.1),
    norm(LayerNorm, nodes, formulas.layer_norm, eps=0.1),
    norm(LayerNorm, nodes, formulas.layer_norm, eps=0.1, eps_beside_root=True),
    norm(LayerNorm, batched, formulas.layer_norm, mode="node"),
    norm(BatchNorm, nodes, formulas.batch_norm),
    norm(BatchNorm, nodes, formulas.batch_norm, affine=False, eps=0.1, allow_single_element=True),
    norm(BatchNorm, nodes, formulas.batch_norm, track_running_stats=False, momentum=None),
]
