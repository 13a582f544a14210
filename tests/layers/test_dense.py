"""Layers on dense graphs beyond their formulas: graphs that share a matrix, empty rows, what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

import geocompile
from geocompile.layers import DenseSAGEConv, dense_diff_pool

pyg = pytest.importorskip("torch_geometric.nn")
X, ADJ, S = torch.ones(2, 3, 4), torch.ones(2, 3, 3), torch.ones(2, 3, 2)
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "integers": (
        lambda: dense_diff_pool(X, ADJ.long(), S),
        TypeError,
        r"adj must be a floating-point tensor",
    ),
    "a vector": (
        lambda: dense_diff_pool(X[0, 0], ADJ, S),
        ValueError,
        r"x must have three dimensions.*got \[4\]",
    ),
    "other nodes": (
        lambda: dense_diff_pool(X[:, :2], ADJ, S),
        ValueError,
        r"got \[2, 2, 4\], \[2, 3, 3\] and",
    ),
    "a long mask": (
        lambda: dense_diff_pool(X, ADJ, S, X),
        ValueError,
        r"mask must have shape \[2, 3\].*\[2, 3, 4\]",
    ),
    "other channels": (
        lambda: DenseSAGEConv(3, 5)(X, ADJ),
        ValueError,
        r"\[batch_size, num_nodes, 3\].*\[2, 3, 4\]",
    ),
    "no square": (
        lambda: DenseSAGEConv(4, 5)(X, S),
        ValueError,
        r"\[batch_size, num_nodes, num_nodes\], got",
    ),
    "a negative degree": (
        lambda: DenseSAGEConv(4, 5, min_degree=-1.0),
        ValueError,
        "min_degree must be at least 0",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_words(name: str) -> None:
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("shapes", [((2, 3, 4), (3, 3)), ((2, 3, 4), (1, 3, 3)), ((3, 4), (2, 3, 3))])
def test_one_matrix_for_all_graphs_or_one_graph_for_all_matrices(shapes: tuple[tuple[int, ...], ...]) -> None:
    theirs = pyg.DenseSAGEConv(4, 5).double()
    x, adj = (torch.rand(shape, dtype=torch.float64) for shape in shapes)
    torch.testing.assert_close(geocompile.from_pyg(theirs)(x, adj), theirs(x, adj), rtol=1e-10, atol=1e-12)


def test_a_node_without_neighbours_gets_the_bias() -> None:
    conv = DenseSAGEConv(4, 5, normalize=False)
    out = conv(X, torch.zeros(2, 3, 3), add_loop=False)
    torch.testing.assert_close(out, conv.lin_rel.bias.expand_as(out))


def test_what_pyg_has_no_counterpart_of_is_refused() -> None:
    for conv, message in (
        (DenseSAGEConv(4, 5), "root_weight=True has one too"),
        (DenseSAGEConv(4, 5, root_weight=True), "min_degree=1 does so too"),
    ):
        with pytest.raises(ValueError, match=message):
            geocompile.to_pyg(conv)
