"""Every public function scripts as it stands, and gives what it gives in eager."""

from typing import Any

import pytest
import torch
from torch import Tensor

from geocompile import custom_ops

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # a target here on purpose

NODES, EDGES, HEADS, CHANNELS = 6, 9, 2, 3


def calls(dtype: torch.dtype) -> dict[str, tuple[Any, ...]]:
    """Arguments for each public function: a graph of six nodes in two graphs, or as many points."""
    generator = torch.Generator().manual_seed(4)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(dtype)

    edge_index = torch.randint(NODES, (2, EDGES), generator=generator)
    nodes, edges, batch = drawn(NODES, CHANNELS), drawn(EDGES), torch.tensor([0, 0, 0, 0, 1, 1])
    rowptr, perm, col = custom_ops.csr_from_coo(edge_index[1], nodes, edge_index[0])
    heads, ends = drawn(NODES, HEADS, CHANNELS), (drawn(NODES, HEADS), drawn(NODES, HEADS))
    ptr = custom_ops.graph_ptr(batch)
    size = torch.tensor([4, 3])
    dense = drawn(2, 4, CHANNELS)
    kernel = torch.randint(2, (EDGES, 2), generator=generator)
    additive = heads, heads.flip(0), drawn(HEADS, CHANNELS), rowptr, col
    return {
        "additive_attention": additive,
        "additive_coefficients": additive,
        "batch_ptr": (batch,),
        "coalesce": (edge_index, edges),
        "consecutive": (edge_index[0],),
        "cosine_attention": (heads, rowptr, col, 2.0),
        "csr_from_coo": (edge_index[0], nodes, edge_index[1]),
        "dot_attention": (heads, heads.flip(0), heads, rowptr, col, 0.5),
        "dot_coefficients": (heads, heads.flip(0), rowptr, col, 0.5),
        "filter_edges": (edge_index, torch.tensor([4, 1, 0]), nodes),
        "fps": (nodes, batch, 0.5, False),
        "from_dense": (dense, ptr, nodes),
        "from_dense_batch": (dense, batch),
        "gat_aggregate": (heads, rowptr, col, *ends),
        "gat_coefficients": (rowptr, col, *ends),
        "gather_kernel_reduce": (nodes, rowptr, col, drawn(EDGES, 2)),
        "gather_segment_reduce": (nodes, rowptr, col, edges),
        "gather_sparse_kernel_reduce": (nodes, rowptr, col, drawn(EDGES, 2), kernel, torch.zeros(2)),
        "gaussian_weights": (drawn(EDGES, 2), drawn(4, 2), drawn(4, 2)),
        "gcn_norm": (rowptr, col, nodes, edges.abs()),
        "graclus": (edge_index, edges, NODES),
        "graph_ptr": (batch,),
        "grid_cluster": (nodes, drawn(CHANNELS).abs() + 0.5),
        "grouped_matmul": (nodes, ptr, drawn(2, CHANNELS, 4)),
        "knn": (nodes, nodes[:4], 2),
        "knn_graph": (nodes, 2, batch),
        "nearest": (nodes, nodes[4:]),
        "radius": (nodes, nodes[:4], 1.5),
        "radius_graph": (nodes, 1.5, batch),
        "renumber_edges": (edge_index, torch.arange(NODES).flip(0)),
        "scatter": (edges, edge_index[0], 0, NODES),
        "scatter_arg": (edges, edge_index[0], 0, NODES),
        "segment_reduce": (edges, rowptr, perm),
        "segment_softmax": (edges, rowptr),
        "slots": (ptr, nodes),
        "spline_basis": (drawn(EDGES, 2).sigmoid(), size, torch.tensor([1, 0])),
        "to_dense": (nodes, ptr, torch.arange(4)),
        "to_dense_batch": (nodes, batch),
        "topk": (edges[:NODES], 0.5, batch),
        "voxel_grid": (nodes, batch, 0.5),
    }


def test_no_public_function_is_left_out() -> None:
    assert set(calls(torch.float32)) == set(custom_ops.__all__)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", custom_ops.__all__)
def test_a_public_function_scripts_and_equals_eager(name: str, dtype: torch.dtype) -> None:
    function, arguments = getattr(custom_ops, name), calls(dtype)[name]
    scripted = torch.jit.script(function)
    torch.testing.assert_close(scripted(*arguments), function(*arguments), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("beta", [0.5, torch.tensor([0.5, 2.0])], ids=["number", "parameter"])
def test_cosine_attention_scripts_within_a_model(beta: Tensor | float) -> None:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.beta = beta

        def forward(self, x: Tensor, rowptr: Tensor, col: Tensor) -> Tensor:
            return custom_ops.cosine_attention(x, rowptr, col, self.beta)

    x, rowptr, col, _ = calls(torch.float32)["cosine_attention"]
    torch.testing.assert_close(
        torch.jit.script(Model())(x, rowptr, col), Model()(x, rowptr, col), rtol=0, atol=0
    )
