"""PyG's functions that have a geocompile counterpart."""

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

_POOLS = ("global_add_pool", "global_mean_pool", "global_max_pool")
_HOMES: dict[str, tuple[str, tuple[str, ...]]] = {
    "torch_geometric.nn.pool.glob": ("geocompile.layers", _POOLS),
    "torch_geometric.nn.dense.diff_pool": ("geocompile.layers", ("dense_diff_pool",)),
    "torch_geometric.utils._softmax": ("geocompile.pyg.reductions", ("softmax",)),
    "torch_geometric.utils._scatter": ("geocompile.pyg.reductions", ("scatter",)),
    "torch_geometric.utils._segment": ("geocompile.pyg.reductions", ("segment",)),
}
"""PyG's module -> ours, and the names that both have."""


def counterparts() -> dict[int, tuple[Callable[..., Any], Callable[..., Any]]]:
    """id of PyG's function -> (it, ours); empty while nothing has imported PyG."""
    found = {}
    for home, (ours, names) in _HOMES.items():
        if home not in sys.modules:
            continue
        for name in names:
            # Within capturing() PyG's modules hold a dispatcher around the function.
            theirs = inspect.unwrap(getattr(sys.modules[home], name))
            found[id(theirs)] = theirs, getattr(import_module(ours), name)
    return found


def counterpart_of(value: Any) -> Callable[..., Any] | None:
    """Our function for PyG's function ``value``, None for anything else."""
    pair = counterparts().get(id(value))
    return None if pair is None else pair[1]
