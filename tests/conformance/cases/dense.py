"""DenseSAGEConv, dense_diff_pool."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from geocompile import layers
from geocompile.layers import DenseSAGEConv
from tests.conformance.case import LayerCase, Sample
from tests.conformance.cases.neighbourhoods import Inputs, pyg_layer
from tests.conformance.formulas import dense as formulas

REFERENCE = {"PyG": "PyG 2.8.1 has another meaning, root_weight=True here; the other cases compare it"}
CORNER = {"gradients": "the mean of a row of zeros has no derivative"}
SIZES = ((6, 14), (11, 40), (4, 0), (1, 2))
"""`num_edges` gives the number of graphs."""


NAMED_SIZES: dict[str, list[int | str]] = {
    "x": ["num_graphs", "num_nodes", 3],
    "adj": ["num_graphs", "num_nodes", "num_nodes"],
    "s": ["num_graphs", "num_nodes", 2],
    "mask": ["num_graphs", "num_nodes"],
}


def named_sizes(inputs: Inputs) -> dict[str, list[int | str]]:
    """Of the tensors that there are, without the dimension of the batch where they have none."""
    given = {name: t for name, t in inputs(Sample(2, 2)).items() if isinstance(t, Tensor)}
    return {name: NAMED_SIZES[name][len(NAMED_SIZES[name]) - t.dim() :] for name, t in given.items()}


def graphs(s: Sample) -> dict[str, Any]:
    """Some rows of the adjacency are zero."""
    num_graphs = 1 + s.num_edges % 3
    x = torch.randn(num_graphs, s.num_nodes, 3, dtype=torch.float64)
    adj = (torch.rand(num_graphs, s.num_nodes, s.num_nodes, dtype=torch.float64) < 0.3).double()
    return {"x": x, "adj": adj}


def masked(s: Sample) -> dict[str, Any]:
    given = graphs(s)
    return {**given, "mask": torch.rand(given["x"].shape[:2]) < 0.7}


def without_loops(s: Sample) -> dict[str, Any]:
    return {**weighted(s), "add_loop": False}


def weighted(s: Sample) -> dict[str, Any]:
    given = graphs(s)
    return {"x": given["x"], "adj": given["adj"] * torch.rand(given["adj"].shape, dtype=torch.float64)}


def weighted_and_masked(s: Sample) -> dict[str, Any]:
    return {**weighted(s), "mask": torch.rand(1 + s.num_edges % 3, s.num_nodes) < 0.7}


def one_matrix(s: Sample) -> dict[str, Any]:
    given = graphs(s)
    return {"x": given["x"][0], "adj": given["adj"][0]}


def assigned(s: Sample) -> dict[str, Any]:
    given = weighted(s)
    return {**given, "s": torch.randn(*given["x"].shape[:2], 2, dtype=torch.float64)}


def assigned_and_masked(s: Sample) -> dict[str, Any]:
    given = assigned(s)
    return {**given, "mask": torch.rand(given["x"].shape[:2]) < 0.7}


class DiffPool(torch.nn.Module):
    """The function in a module."""

    def __init__(self, pool: Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]], normalize: bool) -> None:
        super().__init__()
        self.pool = pool
        self.normalize = normalize

    def forward(
        self, x: Tensor, adj: Tensor, s: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.pool(x, adj, s, mask, self.normalize)

    def reset_parameters(self) -> None:
        """There are none."""


def sage(inputs: Inputs, reference: bool = False, **options: Any) -> LayerCase:
    ours = options if reference else {"normalize": False, **options, "root_weight": True, "min_degree": 1.0}
    return LayerCase(
        "DenseSAGEConv",
        f"{inputs.__name__}, {ours}",
        lambda: DenseSAGEConv(3, 4, **ours).double(),
        inputs,
        formulas.sage,
        None if reference else pyg_layer("DenseSAGEConv", 3, 4, **options),
        sizes=SIZES,
        without={**(REFERENCE if reference else {}), **(CORNER if inputs is without_loops else {})},
        dynamic=named_sizes(inputs),
    )


def diff_pool(inputs: Inputs, normalize: bool = True) -> LayerCase:
    def theirs() -> torch.nn.Module:
        import torch_geometric.nn

        return DiffPool(torch_geometric.nn.dense_diff_pool, normalize)

    return LayerCase(
        "dense_diff_pool",
        f"{inputs.__name__}, {normalize=}",
        lambda: DiffPool(layers.dense_diff_pool, normalize),
        inputs,
        formulas.diff_pool,
        theirs,
        sizes=SIZES,
        dynamic=named_sizes(inputs),
    )


CASES = [
    sage(masked, reference=True),
    sage(without_loops, reference=True, normalize=False, bias=False),
    sage(one_matrix, reference=True),
    sage(weighted_and_masked),
    sage(weighted, bias=False, normalize=True),
    diff_pool(assigned_and_masked),
    diff_pool(assigned, normalize=False),
]
