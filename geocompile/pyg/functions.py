"""PyG's functions that have a geocompile counterpart."""

import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

_POOLS = ("global_add_pool", "global_mean_pool", "global_max_pool")
_HOME = "torch_geometric.nn.pool.glob"


def pool_functions() -> dict[int, tuple[Callable[..., Any], Callable[..., Any]]]:
    """id of PyG's pooling function -> (it, ours); empty while nothing has imported PyG."""
    home: ModuleType | None = sys.modules.get(_HOME)
    if home is None:
        return {}
    import geocompile.layers

    # Within capturing() PyG's modules hold a dispatcher around the function.
    pairs = [(inspect.unwrap(getattr(home, name)), getattr(geocompile.layers, name)) for name in _POOLS]
    return {id(theirs): (theirs, ours) for theirs, ours in pairs}


def pool_function_for(value: Any) -> Callable[..., Any] | None:
    """Our function for PyG's pooling function ``value``, None for anything else."""
    pair = pool_functions().get(id(value))
    return None if pair is None else pair[1]
