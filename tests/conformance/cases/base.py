"""MessagePassing, by layers as users derive them."""

from typing import Any

import torch
from torch import Tensor

from geocompile.layers import MessagePassing
from tests.conformance.case import LayerCase
from tests.conformance.cases.neighbourhoods import FLIPPED, Inputs, graph, weighted
from tests.conformance.formulas import base as formulas
from tests.layers.user_layers import Plain

WITHOUT = {"PyG": "a base class: from_pyg converts what PyG derives from its own"}


class Pairs(MessagePassing):
    """Every hook: messages of both ends and a weight that may be None, and an update that reads the features."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.lin = torch.nn.Linear(6, 3)

    def reset_parameters(self) -> None:
        self.lin.reset_parameters()

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        return self.propagate(edge_index, x=x, edge_weight=edge_weight)  # type: ignore[no-any-return]

    def message(self, x_i: Tensor, x_j: Tensor, edge_weight: Tensor | None) -> Tensor:  # type: ignore[override]
        out = torch.tanh(self.lin(torch.cat([x_i, x_j], dim=1)))
        return out if edge_weight is None else edge_weight.unsqueeze(1) * out

    def update(self, aggr_out: Tensor, x: Tensor) -> Tensor:  # type: ignore[override]
        return aggr_out + x


def plain(**options: Any) -> LayerCase:
    without = {**WITHOUT, "trains": "no hook at all, and so no weights"}
    return LayerCase(
        "MessagePassing",
        f"no hook, {options}",
        lambda: Plain(**options),
        graph,
        formulas.plain,
        without=without,
    )


def pairs(inputs: Inputs, **options: Any) -> LayerCase:
    return LayerCase(
        "MessagePassing",
        f"all hooks, {inputs.__name__}, {options}",
        lambda: Pairs(**options).double(),
        inputs,
        formulas.pairs,
        without=WITHOUT,
    )


CASES = [
    pairs(weighted),
    pairs(graph, aggr="mean", **FLIPPED),
    pairs(weighted, aggr="max"),
    plain(),
    plain(aggr="max"),
    plain(aggr="mean", **FLIPPED),
]
