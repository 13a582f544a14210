"""The edges of a graph as those to train, to validate and to test a link predictor with."""

from typing import Any, TypeVar

import torch
from torch import Tensor

Data = TypeVar("Data")


def split_edges(
    data: Data, val_ratio: float = 0.05, test_ratio: float = 0.1, generator: torch.Generator | None = None
) -> Data:
    """See :meth:`GAE.split_edges`."""
    given: Any = data
    _check(given, val_ratio, test_ratio)
    row, col = given.edge_index
    upper = (row < col).nonzero()[:, 0]
    positive = given.edge_index[:, upper[torch.randperm(upper.numel(), generator=generator)]]
    num_val, num_test = int(val_ratio * upper.numel()), int(test_ratio * upper.numel())
    given.val_pos_edge_index = positive[:, :num_val]
    given.test_pos_edge_index = positive[:, num_val : num_val + num_test]
    given.train_pos_edge_index = positive[:, num_val + num_test :]

    mask = torch.ones(given.num_nodes, given.num_nodes, dtype=torch.bool, device=row.device).triu(diagonal=1)
    mask[positive[0], positive[1]] = False
    free = mask.nonzero().t()
    negative = free[:, torch.randperm(free.size(1), generator=generator)[: num_val + num_test]]
    mask[negative[0], negative[1]] = False
    given.val_neg_edge_index = negative[:, :num_val].to(row.dtype)
    given.test_neg_edge_index = negative[:, num_val:].to(row.dtype)
    given.train_neg_adj_mask = mask
    return data


def _check(data: Any, val_ratio: float, test_ratio: float) -> None:
    edge_index = getattr(data, "edge_index", None)
    if not isinstance(edge_index, Tensor):
        raise ValueError("geocompile.split_edges: data.edge_index must be a tensor of shape [2, num_edges]")
    if getattr(data, "batch", None) is not None:
        raise ValueError("geocompile.split_edges: data is a batch of graphs; split each graph on its own")
    if val_ratio < 0 or test_ratio < 0 or val_ratio + test_ratio > 1:
        raise ValueError(
            f"geocompile.split_edges: val_ratio and test_ratio must be at least 0 and at most 1 together, "
            f"got {val_ratio} and {test_ratio}"
        )
