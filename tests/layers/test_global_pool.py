"""Global pooling against a loop over the graphs, PyG, and what export and script make of it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from geocompile.layers import global_add_pool, global_max_pool, global_mean_pool

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # a target here on purpose
POOLS = {
    global_add_pool: lambda rows: rows.sum(0),
    global_mean_pool: lambda rows: rows.mean(0),
    global_max_pool: lambda rows: rows.amax(0),
}
every_pool = pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.__name__)
Pool = Callable[..., Tensor]


def by_loop(pool: Pool, x: Tensor, batch: Tensor, num_graphs: int) -> Tensor:
    out = x.new_zeros(num_graphs, *x.shape[1:])
    for graph in batch.unique().tolist():
        out[graph] = POOLS[pool](x[batch == graph])
    return out


@every_pool
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_an_unsorted_batch_with_empty_graphs(pool: Pool, dtype: torch.dtype) -> None:
    x, batch = torch.randn(7, 3, dtype=torch.float64), torch.tensor([4, 0, 2, 0, 2, 2, 4], dtype=dtype)
    torch.testing.assert_close(pool(x, batch), by_loop(pool, x, batch, 5))
    torch.testing.assert_close(pool(x, batch, 8), by_loop(pool, x, batch, 8))
    torch.testing.assert_close(pool(x[:, 0], batch), by_loop(pool, x[:, 0], batch, 5))


@every_pool
def test_no_batch_is_one_graph_and_no_nodes_give_zero(pool: Pool) -> None:
    x = torch.randn(7, 3, dtype=torch.float64)
    torch.testing.assert_close(pool(x, None), POOLS[pool](x)[None])
    assert pool(x[:0], None).tolist() == [[0, 0, 0]]
    none = torch.zeros(0, dtype=torch.int64)
    assert pool(x[:0], none).shape == (0, 3)
    assert pool(x[:0], none, 2).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert pool(x[:, :0], torch.arange(7)).shape == (7, 0)


@every_pool
def test_shapes_are_pygs(pool: Pool) -> None:
    pyg = pytest.importorskip("torch_geometric.nn", reason="PyG is not installed (extra: pyg)")
    theirs = getattr(pyg, pool.__name__)
    batch = torch.tensor([0, 0, 1, 3])
    for x in (torch.randn(4), torch.randn(4, 3), torch.randn(2, 4, 3), torch.randn(5, 2, 4, 3)):
        for arguments in ((None,), (batch,), (batch, 6)):
            torch.testing.assert_close(pool(x, *arguments), theirs(x, *arguments))


@every_pool
def test_gradients_are_right(pool: Pool) -> None:
    x = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    batch = torch.tensor([1, 0, 1, 3, 1])
    assert torch.autograd.gradcheck(lambda x: pool(x, batch), (x,))
    assert torch.autograd.gradcheck(lambda x: pool(x, None), (x,))


class Pooling(torch.nn.Module):
    def __init__(self, pool: Pool, size: int | None) -> None:
        super().__init__()
        self.pool = pool
        self.size = size

    def forward(self, x: Tensor, batch: Tensor | None = None) -> Tensor:
        return self.pool(x, batch, self.size)


@every_pool
@pytest.mark.parametrize("size", [None, 6])
@pytest.mark.parametrize("batched", [True, False])
def test_it_scripts_and_exports_for_any_number_of_nodes_and_graphs(
    pool: Pool, size: Any, batched: bool
) -> None:
    model = Pooling(pool, size)
    script = torch.jit.script(model)
    nodes = torch.export.Dim("num_nodes")
    batch = (torch.tensor([0, 1, 1, 2]),) if batched else ()
    shapes = ({0: nodes}, {0: nodes}) if batched else ({0: nodes},)
    with torch.fx.experimental._config.patch(backed_size_oblivious=True):
        exported = torch.export.export(model, (torch.randn(4, 3), *batch), dynamic_shapes=shapes).module()
    for batch_list in ([0, 1, 1, 2], [5, 1], [0] * 9, [0], []):
        x = torch.randn(len(batch_list), 3)
        inputs = (x, torch.tensor(batch_list, dtype=torch.int64)) if batched else (x,)
        torch.testing.assert_close(script(*inputs), model(*inputs))
        torch.testing.assert_close(exported(*inputs), model(*inputs))


X = torch.ones(3, 2)
REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "float batch": ((X, torch.zeros(3)), TypeError, "batch must be a tensor of dtype int64 or int32"),
    "list": ((X, [0, 0, 1]), TypeError, "batch must be a tensor of dtype int64 or int32"),
    "too short": ((X, torch.tensor([0, 1])), ValueError, r"batch must have shape \[3\].*got \[2\]"),
    "matrix": (
        (X, torch.zeros(3, 1, dtype=torch.int64)),
        ValueError,
        r"batch must have shape \[3\].*got \[3, 1\]",
    ),
    "number": ((torch.tensor(1.0), None), ValueError, "got a single number"),
    "negative size": ((X, torch.tensor([0, 0, 1]), -1), ValueError, "size must be at least 0, got -1"),
    "negative index": ((X, torch.tensor([0, -2, 1])), IndexError, "-2"),
    "size too small": ((X, torch.tensor([0, 5, 1]), 3), IndexError, "5"),
}


@every_pool
@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_words(pool: Pool, name: str) -> None:
    arguments, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        pool(*arguments)
