"""What the columns call equal."""

from typing import Any

import torch
from torch.utils import _pytree as pytree


def assert_same(ours: Any, expected: Any, rtol: float, atol: float) -> None:
    """Tensors alike, in the same structure; NaN equals NaN."""
    ours, expected = pytree.tree_leaves(ours), pytree.tree_leaves(expected)
    assert len(ours) == len(expected), f"{len(ours)} results, expected {len(expected)}"
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=rtol, atol=atol, equal_nan=True)
