"""Pooling layers beyond their formulas: what they refuse, and the corners of their options."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import geocompile
from geocompile.layers import (
    AttentionalAggregation,
    GATConv,
    GlobalAttention,
    SAGPooling,
    Set2Set,
    SoftmaxAggregation,
    TopKPooling,
)
from geocompile.pyg import from_pyg_report

pyg = pytest.importorskip("torch_geometric.nn")
X, EDGES, BATCH = torch.ones(3, 2), torch.tensor([[0, 1], [1, 2]]), torch.tensor([0, 0, 1])
GATE = torch.nn.Linear(2, 1)
NO_BATCH = r"batch must have shape \[3\], one graph number for each node of x, got \[2\]"
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a gate that is no module": (
        lambda: GlobalAttention(torch.relu),
        TypeError,
        "gate_nn must be a torch.nn.Mod",
    ),
    "a gate of one dimension": (
        lambda: GlobalAttention(torch.nn.Flatten(0))(X, BATCH),
        ValueError,
        r"gate_nn must map x of shape \[3, 2\] to \[\*, num_nodes, 1\].*got \[6\]",
    ),
    "a batch that is too short": (lambda: GlobalAttention(GATE)(X, BATCH[1:]), ValueError, NO_BATCH),
    "a float index": (
        lambda: AttentionalAggregation(GATE)(X, X[:, 0]),
        TypeError,
        "index must be a tensor of dt",
    ),
    "a size that is too small": (lambda: GlobalAttention(GATE)(X, BATCH, 1), IndexError, "1"),
    "no channels": (lambda: Set2Set(0, 2), ValueError, "in_channels must be an integer of at least 1, got 0"),
    "other channels": (lambda: Set2Set(3, 2)(X, BATCH), ValueError, r"shape \[num_nodes, 3\].*got \[3, 2\]"),
    "a short batch of Set2Set": (lambda: Set2Set(2, 2)(X, BATCH[1:]), ValueError, NO_BATCH),
    "integers of softmax": (
        lambda: SoftmaxAggregation()(X.long(), BATCH),
        TypeError,
        "SoftmaxAggregation: x must be a floating-point tensor",
    ),
    "ratio 0": (lambda: TopKPooling(2, 0), ValueError, "ratio must be a share of the nodes above 0.*got 0"),
    "no ratio": (lambda: TopKPooling(2, None), ValueError, "got None; or give min_score"),
    "an unknown name": (lambda: TopKPooling(2, nonlinearity="tanhh"), ValueError, "'tanhh' is no activation"),
    "no function": (lambda: TopKPooling(2, nonlinearity=3), TypeError, "nonlinearity must be"),  # type: ignore[arg-type]
    "channels of x": (lambda: TopKPooling(3)(X, EDGES), ValueError, r"\[num_nodes, 3\].*got \[3, 2\]"),
    "edge_attr": (
        lambda: TopKPooling(2)(X, EDGES, X),
        ValueError,
        r"edge_attr must have shape \[2, ...\].*\[3, 2\]",
    ),
    "a short batch of TopK": (lambda: TopKPooling(2)(X, EDGES, None, BATCH[1:]), ValueError, NO_BATCH),
    "a wide GNN": (
        lambda: SAGPooling(2, GNN=GATConv, heads=2)(X, EDGES),
        ValueError,
        r"GNN must give .*got \[3, 2\]",
    ),
    "a learned t without gradient": (
        lambda: SoftmaxAggregation(1.0, True, True),
        ValueError,
        "semi_grad=True",
    ),
    "a fixed t per channel": (lambda: SoftmaxAggregation(channels=3), ValueError, "needs learn=True"),
    "other channels than t has": (
        lambda: SoftmaxAggregation(learn=True, channels=3)(X, BATCH),
        ValueError,
        r"\[\*, num_elements, 3\], got \[3, 2\]",
    ),
    "transposed edges": (lambda: TopKPooling(2)(X, torch.ones(4, 2).long()), ValueError, "transpose it"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_words(name: str) -> None:
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("ratio", "num_nodes"), [(0.6, 25), (0.55, 100), (0.07, 100), (0.3, 50), (0.5, 7)])
def test_a_share_of_the_nodes_is_rounded_as_pyg_rounds_it(
    dtype: torch.dtype, ratio: float, num_nodes: int
) -> None:
    theirs = pyg.TopKPooling(3, ratio).to(dtype)
    ours = geocompile.from_pyg(theirs)
    x, batch = torch.randn(num_nodes + 9, 3, dtype=dtype), torch.tensor([0] * num_nodes + [1] * 9)
    torch.testing.assert_close(
        ours(x, EDGES, None, batch)[4], theirs(x, EDGES, None, batch)[4], rtol=0, atol=0
    )


@pytest.mark.parametrize("ratio", [np.float32(1.0), np.float64(1.0), np.float32(0.5), np.int64(1)])
def test_a_number_of_numpy_means_what_pythons_means(ratio: Any) -> None:
    x, edge_index = torch.randn(6, 2), torch.zeros(2, 0, dtype=torch.int64)
    pool, same = TopKPooling(2, ratio), TopKPooling(2, ratio.item())
    same.load_state_dict(pool.state_dict())
    assert torch.equal(torch.jit.script(pool)(x, edge_index)[4], same(x, edge_index)[4])


def test_the_float_ratio_one_keeps_every_node_and_the_integer_one_keeps_one() -> None:
    x = torch.randn(3, 2)
    assert TopKPooling(2, 1.0)(x, EDGES)[4].sort()[0].tolist() == [0, 1, 2]
    assert TopKPooling(2, 1)(x, EDGES)[4].numel() == 1
    assert geocompile.from_pyg(pyg.TopKPooling(2, 1.0))(x, EDGES)[4].numel() == 1
    with pytest.raises(ValueError, match=r"PyG takes a ratio of 1\.0 for a number of nodes"):
        geocompile.to_pyg(TopKPooling(2, 1.0))


@pytest.mark.parametrize("norm", ["batch_norm", "graph_norm"])
def test_an_mlp_of_pyg_is_carried_unless_its_norms_are_over_graphs(norm: str) -> None:
    theirs = pyg.aggr.AttentionalAggregation(pyg.MLP([2, 4, 1], norm=norm)).eval()
    ours = geocompile.from_pyg(theirs)
    assert isinstance(ours, AttentionalAggregation) == (norm == "batch_norm")
    x = torch.randn(3, 2)
    torch.testing.assert_close(ours(x, BATCH), theirs(x, BATCH))


@pytest.mark.parametrize("options", [{"batch_first": True}, {"bidirectional": True}, {"proj_size": 1}])
def test_an_lstm_that_set2set_cannot_feed_is_kept(options: dict[str, Any]) -> None:
    theirs = pyg.aggr.Set2Set(2, 2, **options)
    _, report = from_pyg_report(theirs)
    assert "lstm" in report.kept[0].reason


def test_a_sag_pooling_of_pyg_takes_its_convolution_along() -> None:
    theirs = pyg.SAGPooling(2, GNN=pyg.GATConv, heads=1).double()
    ours = geocompile.from_pyg(theirs)
    assert type(ours.gnn) is GATConv
    x = torch.randn(3, 2, dtype=torch.float64)
    torch.testing.assert_close(ours(x, EDGES)[0], theirs(x, EDGES)[0])
    assert type(geocompile.to_pyg(ours).gnn) is pyg.GATConv
