"""PyG's ``softmax``, ``scatter`` and ``segment`` by geocompile's operators, for PyG code that is captured as it is."""

import inspect
from collections.abc import Callable

from torch import Tensor

from geocompile import layers
from geocompile.custom_ops import segment_reduce
from geocompile.layers.common.propagation import nodes_back, nodes_first, reduce_messages

_REDUCE = {"sum": "sum", "add": "sum", "mean": "mean", "mul": "mul"}
_REDUCE |= {"max": "max", "amax": "max", "min": "min", "amin": "min"}


def softmax(
    src: Tensor,
    index: Tensor | None = None,
    ptr: Tensor | None = None,
    num_nodes: int | None = None,
    dim: int = 0,
) -> Tensor:
    """PyG's ``softmax``; integer scores and a ``ptr`` of several dimensions are left to PyG."""
    if not src.is_floating_point() or (ptr is not None and ptr.dim() != 1):
        return _theirs("softmax")(src, index, ptr, num_nodes, dim)
    return layers.softmax(src, index, ptr, num_nodes, dim)


def scatter(
    src: Tensor, index: Tensor, dim: int = 0, dim_size: int | None = None, reduce: str = "sum"
) -> Tensor:
    """PyG's ``scatter``; integers, ``reduce="any"`` and what PyG refuses are left to PyG."""
    fits = index.dim() == 1 and -src.dim() <= dim < src.dim()
    if not fits or not src.is_floating_point() or reduce not in _REDUCE:
        return _theirs("scatter")(src, index, dim, dim_size, reduce)
    return reduce_messages(src, index, dim_size, dim % src.dim(), _REDUCE[reduce])


def segment(src: Tensor, ptr: Tensor, reduce: str = "sum") -> Tensor:
    """PyG's ``segment``, along the last dimension of ``ptr``; different segments side by side are left to PyG."""
    beside = ptr.shape[:-1]
    if any(size != 1 for size in beside) or not src.is_floating_point() or reduce not in _REDUCE:
        return _theirs("segment")(src, ptr, reduce)
    rows = nodes_first(src, len(beside))
    return nodes_back(segment_reduce(rows, ptr.reshape(-1), None, _REDUCE[reduce]), len(beside))


def _theirs(name: str) -> Callable[..., Tensor]:
    """PyG's own function, also while its name is bound to one of these."""
    import torch_geometric.utils as utils

    theirs: Callable[..., Tensor] = inspect.unwrap(getattr(utils, name))
    return theirs
