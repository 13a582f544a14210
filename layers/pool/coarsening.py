"""Graphs made smaller: the nodes of a cluster become one, and what belongs to them is pooled."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops import coalesce, consecutive, renumber_edges, scatter
from geocompile.custom_ops.operators.csr import rows_named
from geocompile.layers.common.node_numbers import check_numbers


def _takes_data(function: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a function on tensors take a ``Data`` too; TorchScript reads what is written in it."""

    @functools.wraps(function)
    def pool(*args: Any, **kwargs: Any) -> Any:
        data = args[1] if len(args) > 1 else kwargs.get("data")
        if data is None or isinstance(data, Tensor):
            return function(*args, **kwargs)
        return _pooled_data(function, *args, **kwargs)

    return pool


def _pooled_data(
    function: Callable[..., Any], cluster: Tensor, data: Any, transform: Callable[[Any], Any] | None = None
) -> Any:
    try:
        from torch_geometric.data import Batch  # type: ignore[attr-defined]
    except ImportError as error:
        raise ImportError(
            f"geocompile.{function.__name__} of a Data needs torch_geometric ({error}): pip install geocompile[pyg]"
        ) from None
    names = ("x", "edge_index", "edge_attr", "batch", "pos")
    pooled = function(cluster, *(getattr(data, name, None) for name in names))
    batch = Batch(**dict(zip(names, pooled, strict=True)))
    return batch if transform is None else transform(batch)


@_takes_data
def max_pool(
    cluster: Tensor,
    x: Tensor | None,
    edge_index: Tensor,
    edge_attr: Tensor | None = None,
    batch: Tensor | None = None,
    pos: Tensor | None = None,
) -> tuple[Tensor | None, Tensor, Tensor | None, Tensor | None, Tensor | None]:
    """Make one node of each cluster, with the largest features of its nodes.

    ``x'_c = max_{i in c} x_i``, channel by channel, and ``pos'_c`` the mean. An edge stands between two clusters where
    there is one between their nodes; edges within a cluster go, and the attributes of those that become one are added.

    As in PyG, ``max_pool(cluster, data, transform=None)`` takes a ``Data`` and gives a ``Batch``, transformed.

    Args:
        cluster: ``[num_nodes]`` int64 or int32, any numbers: those of `graclus`, `voxel_grid`, ...
        x: ``[num_nodes, *]`` features, or None.
        edge_index: ``[2, num_edges]`` int64 or int32.
        edge_attr: ``[num_edges, *]``, or None.
        batch: ``[num_nodes]``, the graph of each node, or None; the nodes of a cluster belong to one graph.
        pos: ``[num_nodes, dimensions]``, or None.

    Returns:
        ``(x, edge_index, edge_attr, batch, pos)`` of the smaller graph; clusters are numbered in ascending order, and
        edges sorted by row, then column. What was None stays so.

    Raises:
        ValueError: For a wrong dtype, shape or length.
        IndexError: For an edge that points outside.

    Source: ``torch_geometric.nn.pool.max_pool``.
    """
    return _pool("max_pool", cluster, x, edge_index, edge_attr, batch, pos, "max")


@_takes_data
def avg_pool(
    cluster: Tensor,
    x: Tensor | None,
    edge_index: Tensor,
    edge_attr: Tensor | None = None,
    batch: Tensor | None = None,
    pos: Tensor | None = None,
) -> tuple[Tensor | None, Tensor, Tensor | None, Tensor | None, Tensor | None]:
    """`max_pool` with the mean of the features: ``x'_c = mean_{i in c} x_i``; of a ``Data`` too.

    Args:
        cluster: ``[num_nodes]`` int64 or int32, any numbers.
        x: ``[num_nodes, *]`` features, or None.
        edge_index: ``[2, num_edges]`` int64 or int32.
        edge_attr: ``[num_edges, *]``, or None.
        batch: ``[num_nodes]``, the graph of each node, or None.
        pos: ``[num_nodes, dimensions]``, or None.

    Returns:
        ``(x, edge_index, edge_attr, batch, pos)`` of the smaller graph.

    Raises:
        ValueError: For a wrong dtype, shape or length.
        IndexError: For an edge that points outside.

    Source: ``torch_geometric.nn.pool.avg_pool``.
    """
    return _pool("avg_pool", cluster, x, edge_index, edge_attr, batch, pos, "mean")


def max_pool_x(
    cluster: Tensor, x: Tensor, batch: Tensor, size: int | None = None
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest features of each cluster.

    Args:
        cluster: ``[num_nodes]`` int64 or int32; with `size`, clusters ``g * size`` to ``(g + 1) * size - 1`` are those
            of graph g.
        x: ``[num_nodes, *]`` features.
        batch: ``[num_nodes]``, the graph of each node.
        size: Clusters of each graph, for a result of fixed size; a cluster without nodes gets 0.

    Returns:
        ``x [num_clusters, *]`` and ``batch [num_clusters]``; with `size`, ``x [num_graphs * size, *]`` alone.

    Raises:
        ValueError: For a wrong dtype, shape or length.
        IndexError: For a cluster that points outside of what `size` gives.

    Source: ``torch_geometric.nn.pool.max_pool_x``, where 2.8 has the number of graphs before `size`.
    """
    return _pool_x("max_pool_x", cluster, x, batch, size, "max")


def avg_pool_x(
    cluster: Tensor, x: Tensor, batch: Tensor, size: int | None = None
) -> Tensor | tuple[Tensor, Tensor]:
    """The mean features of each cluster; see `max_pool_x`.

    Args:
        cluster: ``[num_nodes]`` int64 or int32.
        x: ``[num_nodes, *]`` features.
        batch: ``[num_nodes]``, the graph of each node.
        size: Clusters of each graph, for a result of fixed size; a cluster without nodes gets 0.

    Returns:
        ``x [num_clusters, *]`` and ``batch [num_clusters]``; with `size`, ``x [num_graphs * size, *]`` alone.

    Raises:
        ValueError: For a wrong dtype, shape or length.
        IndexError: For a cluster that points outside of what `size` gives.

    Source: ``torch_geometric.nn.pool.avg_pool_x``.
    """
    return _pool_x("avg_pool_x", cluster, x, batch, size, "mean")


def _pool(
    name: str,
    cluster: Tensor,
    x: Tensor | None,
    edge_index: Tensor,
    edge_attr: Tensor | None,
    batch: Tensor | None,
    pos: Tensor | None,
    reduce: str,
) -> tuple[Tensor | None, Tensor, Tensor | None, Tensor | None, Tensor | None]:
    number, unique, first = consecutive(cluster)
    _check_rows(name, "x", x, number.size(0), "node")
    _check_rows(name, "batch", batch, number.size(0), "node")
    _check_rows(name, "pos", pos, number.size(0), "node")
    edges, attributes = _pool_edges(name, number, unique, edge_index, edge_attr)
    pooled_x = None if x is None else _reduced(x, number, unique, reduce)
    pooled_pos = None if pos is None else _reduced(pos, number, unique, "mean")
    return pooled_x, edges, attributes, None if batch is None else batch[first], pooled_pos


def _pool_edges(
    name: str, number: Tensor, unique: Tensor, edge_index: Tensor, edge_attr: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    check_numbers(name, "edge_index", edge_index, number.size(0))
    is_int32 = edge_index.dtype == torch.int32
    edges = renumber_edges(edge_index, number.int() if is_int32 else number)
    _check_rows(name, "edge_attr", edge_attr, edges.size(1), "edge")
    between = (edges[0] != edges[1]).nonzero()[:, 0]
    attributes = None if edge_attr is None else edge_attr.index_select(0, between)
    return coalesce(edges.index_select(1, between), attributes, unique.size(0))


def _pool_x(
    name: str, cluster: Tensor, x: Tensor, batch: Tensor, size: int | None, reduce: str
) -> Tensor | tuple[Tensor, Tensor]:
    if cluster.dim() != 1:
        raise ValueError(f"geocompile.{name}: 'cluster' must have one dimension, got {list(cluster.shape)}")
    _check_rows(name, "x", x, cluster.size(0), "node")
    _check_rows(name, "batch", batch, cluster.size(0), "node")
    if size is not None:
        return scatter(x, cluster, 0, rows_named(batch).size(0) * size, reduce)
    number, unique, first = consecutive(cluster)
    return _reduced(x, number, unique, reduce), batch[first]


def _check_rows(name: str, argument: str, values: Tensor | None, count: int, what: str) -> None:
    if values is not None and (values.dim() == 0 or values.size(0) != count):
        raise ValueError(
            f"geocompile.{name}: '{argument}' must have shape [{count}, ...], one row for each {what}, got "
            f"{list(values.shape)}"
        )


def _reduced(x: Tensor, number: Tensor, unique: Tensor, reduce: str) -> Tensor:
    out: Tensor = torch.ops.geocompile.scatter(x, number, unique, 0, reduce)
    return out
