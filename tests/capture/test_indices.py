"""Bounds of index inputs: found per row, through what only moves values, and never tighter than eager's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from geocompile.capture import capture
from geocompile.custom_ops.operators import (
    batch_ptr,
    csr_from_coo,
    gather_segment_reduce,
    scatter,
    segment_reduce,
)
from geocompile.examples import normalize_examples
from geocompile.layers import AGNNConv, GATConv, GATv2Conv, SAGEConv

EDGES = torch.zeros(2, 9, dtype=torch.int64)
Function = Callable[..., Tensor]
LAYERS = {
    "GATConv": GATConv(8, 4, heads=2),
    "GATv2Conv": GATv2Conv(8, 4),
    "AGNNConv": AGNNConv(),
    "SAGEConv": SAGEConv(8, 4),
}


def bounds(function: Function, *example: Tensor, names: str = "x edge_index") -> list[object]:
    class Model(nn.Module):
        pass

    arguments = ", ".join(names.split())
    scope: dict[str, Function] = {"function": function}
    exec(f"def forward(self, {arguments}): return function({arguments})", scope)
    Model.forward = scope["forward"]
    program = capture(Model(), normalize_examples(Model(), example))
    return [spec.index_of for spec in program.inputs]


def bound(function: Function) -> object:
    return bounds(function, torch.randn(6, 8), EDGES)[1]


def convolve(x: Tensor, row: Tensor, col: Tensor) -> Tensor:
    return torch.zeros_like(x).index_add(0, col, x[row])


def loops(x: Tensor) -> Tensor:
    return torch.arange(x.size(0)).expand(2, -1)


FOUND: dict[str, Function] = {
    "rows": lambda x, e: convolve(x, e[0], e[1]),
    "stacked": lambda x, e: convolve(x, *torch.stack([e[1], e[0]])),
    "unbound": lambda x, e: convolve(x, *e.unbind(0)),
    "chunked": lambda x, e: convolve(x, *(part.squeeze(0) for part in e.chunk(2))),
    "flipped": lambda x, e: convolve(x, e.flip(0)[0], e.flip([0])[1]),
    "both ways": lambda x, e: convolve(x, *torch.cat([e, e.flip(0)], dim=1)),
    "with loops": lambda x, e: convolve(x, *torch.cat([e, loops(x)], dim=1)),
    "joined by rows": lambda x, e: convolve(x, torch.cat([e[0], loops(x)[0]]), torch.cat([e[1], loops(x)[1]])),
    "without loops": lambda x, e: convolve(x, *e[:, e[0] != e[1]]),
    "rows without loops": lambda x, e: convolve(x, e[0][e[0] != e[1]], e[1][e[0] != e[1]]),
    "sorted": lambda x, e: convolve(x, *e[:, e[1].argsort()]),
    "transposed": lambda x, e: convolve(x, e.t()[:, 0], e.t()[:, 1]),
    "expanded": lambda x, e: torch.zeros_like(x).scatter_add(0, e[1].view(-1, 1).expand(-1, 8), x[e[0]]),
    "narrower": lambda x, e: convolve(x, e.int()[0], e[1].clone().contiguous()),
    "csr": lambda x, e: gather_segment_reduce(x, *csr_from_coo(e[1], x, e[0])[::2]),
    "attention": lambda x, e: LAYERS["GATConv"](x, e),
    "attention of both ends": lambda x, e: LAYERS["GATv2Conv"](x, e),
    "attention by cosines": lambda x, e: LAYERS["AGNNConv"](x, e),
    "mean": lambda x, e: LAYERS["SAGEConv"](x, e),
    "scattered": lambda x, e: scatter(x[e[0]], e[1], 0, x.size(0)),
    "all at once": lambda x, e: x[e].sum(0),
    "sliced rows": lambda x, e: convolve(x, e[:1].squeeze(0), e[1:].reshape(-1)),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_values_that_are_only_moved_keep_their_bound(name: str) -> None:
    assert bound(FOUND[name]) == "num_nodes"


PADDED: dict[str, Function] = {
    "masked": lambda x, e: convolve(x, *e[:, e[0] >= 0]),
    "masked by weight": lambda x, e: convolve(x, *e[:, x.new_zeros(e.size(1)) > 0]),
    "replaced": lambda x, e: convolve(x, *torch.where(e >= 0, e, 0)),
    "clamped": lambda x, e: convolve(x, *e.clamp(min=0)),
    "shifted": lambda x, e: convolve(x, *(e + 1)),
    "wrapped": lambda x, e: convolve(x, *(e % x.size(0))),
    "first edges": lambda x, e: convolve(x, *e[:, :3]),
    "every other edge": lambda x, e: convolve(x, *e[:, ::2]),
    "one edge": lambda x, e: x[e[:, 0]],
    "sorted by fewer": lambda x, e: convolve(x, *e[:, x[:, 0].argsort()]),
    "other loops": lambda x, e: convolve(x, *e[:, e[0] != e[0].flip(0)]),
    "chosen": lambda x, e: convolve(x, *e[:, x.new_zeros(3).long()]),
    "flattened and cut": lambda x, e: x[e.reshape(-1)[:4]],
    "unused": lambda x, e: x + e.sum(),
}


@pytest.mark.parametrize("name", PADDED)
def test_values_that_may_be_padding_have_no_bound(name: str) -> None:
    """Eager takes an edge list with -1 or 10**6 there: a session must not refuse it."""
    assert bound(PADDED[name]) is None


def test_a_row_that_is_not_used_as_index_has_no_bound() -> None:
    assert bound(lambda x, e: x[e[1]] * e[0, :, None]) == (None, "num_nodes")
    assert bound(lambda x, e: x[torch.stack([e[0], e[1]])[0]]) == ("num_nodes", None)


def test_bipartite_rows_have_bounds_of_their_own() -> None:
    def forward(x_src: Tensor, x_dst: Tensor, edge_index: Tensor) -> Tensor:
        rowptr, _, col = csr_from_coo(edge_index[1], x_dst, edge_index[0])
        return gather_segment_reduce(x_src, rowptr, col)

    found = bounds(forward, torch.randn(5, 2), torch.randn(3, 2), EDGES, names="x_src x_dst edge_index")
    assert found[2] == ("num_src", "num_dst")


def test_batch_vector_is_not_negative() -> None:
    def pool(x: Tensor, batch: Tensor) -> Tensor:
        ptr, perm = batch_ptr(batch)
        return segment_reduce(x, ptr, perm)

    batch = torch.zeros(6, dtype=torch.int64)
    assert bounds(pool, torch.randn(6, 8), batch, names="x batch") == [None, "*"]
    given = bounds(
        lambda x, batch, u: pool(x, batch) + u, torch.randn(6, 8), batch, torch.randn(1, 8), names="x batch u"
    )
    assert given[1] == "*"
    graphs = bounds(
        lambda x, batch, u: x + u[batch], torch.randn(6, 8), batch, torch.randn(1, 8), names="x batch u"
    )
    assert graphs[1] == "num_graphs"


def test_virtual_node_may_be_named_in_the_edges() -> None:
    def forward(x: Tensor, edge_index: Tensor) -> Tensor:
        return convolve(torch.cat([x, x.new_zeros(1, 8)]), edge_index[0], edge_index[1])

    assert bound(forward) == "*"


def test_two_sizes_for_one_row_leave_the_smaller_number_or_no_size() -> None:
    tables = torch.randn(10, 8), torch.randn(5, 8)
    z = torch.zeros(6, dtype=torch.int64)
    assert bounds(lambda z: tables[0][z] + tables[1][z], z, names="z") == ["5"]
    assert bounds(lambda x, z: tables[0][z] + x[z], torch.randn(6, 8), z, names="x z") == [None, "*"]


def test_columns_that_index_different_tables_are_not_negative() -> None:
    """Atom features: one table a column."""
    tables = [torch.randn(size, 8) for size in (119, 5, 12)]
    z = torch.zeros(6, 3, dtype=torch.int64)
    assert bounds(lambda z: tables[0][z[:, 0]] + tables[1][z[:, 1]] + tables[2][z[:, 2]], z, names="z") == [
        "*"
    ]
    assert bounds(lambda z: tables[0][z[:, 0]] * z[:, 1:].sum(), z, names="z") == [None]
    assert bounds(lambda z: tables[1][z[:, 0]] + tables[1][z[:, 1:]].sum(1), z, names="z") == ["5"]
