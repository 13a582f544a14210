"""Norms beyond their formulas: training, and what they refuse."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

import geocompile
from geocompile.layers import BatchNorm, GraphNorm, LayerNorm

pyg = pytest.importorskip("torch_geometric.nn")
X, SHORT = torch.ones(3, 2), torch.tensor([0, 1])
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "integers": (
        lambda: GraphNorm(2)(X.long()),
        TypeError,
        r"x must be a floating-point tensor; use x\.float\(\)",
    ),
    "other channels": (
        lambda: GraphNorm(3)(X),
        ValueError,
        r"x must have shape \[num_nodes, 3\], got \[3, 2\]",
    ),
    "a short batch": (lambda: GraphNorm(2)(X, SHORT), ValueError, r"batch must have shape \[3\].*got \[2\]"),
    "too few graphs": (lambda: LayerNorm(2)(X, torch.tensor([0, 0, 5]), 2), IndexError, "5"),
    "an unknown mode": (
        lambda: LayerNorm(2, mode="edge"),
        ValueError,
        "mode must be 'graph' or 'node', got 'edge'",
    ),
    "a single vector": (lambda: BatchNorm(2)(X[0]), ValueError, r"got \[2\]"),
    "nothing to fall back on": (
        lambda: BatchNorm(2, track_running_stats=False, allow_single_element=True),
        ValueError,
        "needs track_running_stats=True",
    ),
    "one node in training": (lambda: BatchNorm(2)(X[:1]), ValueError, "more than 1 value per channel"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_words(name: str) -> None:
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("num_nodes", [1, 5])
@pytest.mark.parametrize("momentum", [0.3, None])
def test_batch_norm_trains_and_averages_as_pyg_does(num_nodes: int, momentum: float | None) -> None:
    theirs = pyg.BatchNorm(2, momentum=momentum, allow_single_element=True).double()
    ours = geocompile.from_pyg(theirs)
    for _ in range(3):
        x = torch.randn(num_nodes, 2, dtype=torch.float64)
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=1e-10, atol=1e-12)


def test_one_node_without_averages_gives_the_bias_in_evaluation() -> None:
    norm = BatchNorm(2, track_running_stats=False).eval()
    torch.nn.init.constant_(norm.module.bias, 0.5)
    assert norm(torch.randn(1, 2)).tolist() == [[0.5, 0.5]]


def test_a_graph_norm_in_half_precision_does_not_overflow() -> None:
    x = torch.full((4, 2), 300.0, dtype=torch.float16) + torch.arange(4).unsqueeze(1)
    wide = GraphNorm(2)(x.float())
    torch.testing.assert_close(GraphNorm(2).half()(x).float(), wide, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("options", [{}, {"affine": False}, {"mode": "node"}])
def test_layer_norm_goes_over_every_dimension_but_the_nodes(options: dict[str, Any]) -> None:
    theirs = pyg.LayerNorm(3, **options).double()
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    torch.testing.assert_close(geocompile.from_pyg(theirs)(x), theirs(x), rtol=1e-10, atol=1e-12)
