"""How our operators answer what the peers are asked: for each of their functions one or more routes."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import torch
from torch import Tensor

from geocompile import custom_ops
from geocompile.custom_ops import (
    csr_from_coo,
    gather_segment_reduce,
    gather_sparse_kernel_reduce,
    scatter,
    scatter_arg,
    segment_reduce,
    segment_softmax,
)
from geocompile.custom_ops import spline_basis as basis_of_splines
from geocompile.custom_ops.operators import coalesce as coalesced
from geocompile.custom_ops.operators import fps as sampled
from geocompile.custom_ops.operators import graclus
from geocompile.custom_ops.operators import grid_cluster as voxels_of
from geocompile.custom_ops.operators.csr import row_of_each_edge
from tests.peers.case import Case
from tests.peers.tensors import Outputs


@dataclass(frozen=True)
class Route:
    """One way to the peer's answer.

    Attributes:
        through: The operators that it goes through.
        function: Takes the peer's arguments, gives outputs under the peer's names.
        lacks: The peer's outputs that it does not give.
        takes: The cases that it is for.
    """

    through: str
    function: Callable[..., Outputs]
    lacks: frozenset[str] = frozenset()
    takes: Callable[[Case], bool] = lambda case: True


def by_scatter(
    src: Tensor,
    index: Tensor,
    dim: int,
    dim_size: int | None = None,
    reduce: str = "sum",
    out: Tensor | None = None,
) -> Outputs:
    if reduce not in ("max", "min"):
        return {"out": scatter(src, index, dim, dim_size, reduce, out)}
    return dict(zip(("out", "arg"), scatter_arg(src, index, dim, dim_size, reduce, out), strict=True))


def by_segments(src: Tensor, index: Tensor, dim: int, dim_size: int | None, reduce: str) -> Outputs:
    return {"out": _rows(src, index, dim, int(index.max()) + 1 if dim_size is None else dim_size, reduce)}


def segment_csr(src: Tensor, indptr: Tensor, reduce: str) -> Outputs:
    if indptr.dim() == 1:
        return {"out": segment_reduce(src, indptr, None, reduce)}
    return {"out": torch.stack([segment_reduce(*one, None, reduce) for one in zip(src, indptr, strict=True)])}


def segment_csr_by_scatter(src: Tensor, indptr: Tensor, reduce: str) -> Outputs:
    if indptr.dim() == 1:
        return by_scatter(src, row_of_each_edge(indptr, src), 0, indptr.size(0) - 1, reduce)
    each = [segment_csr_by_scatter(*one, reduce) for one in zip(src, indptr, strict=True)]
    return {name: torch.stack([one[name] for one in each]) for name in each[0]}


def gather_csr(src: Tensor, indptr: Tensor) -> Outputs:
    """A gather is the sum over one neighbour."""
    rows = row_of_each_edge(indptr, torch.empty(int(indptr[-1])))
    return {"out": gather_segment_reduce(src, torch.arange(rows.numel() + 1), rows)}


def scatter_softmax(src: Tensor, index: Tensor, dim: int, dim_size: int) -> Outputs:
    edges, rowptr, perm = _compressed(src, index, dim, dim_size)
    softmax = segment_softmax(edges, rowptr, perm)
    return {"out": softmax.view(src.movedim(dim, 0).shape).movedim(0, dim)}


def scatter_log_softmax(src: Tensor, index: Tensor, dim: int, dim_size: int) -> Outputs:
    logsumexp = scatter_logsumexp(src, index, dim, dim_size)["out"]
    return {"out": src - logsumexp.gather(dim, _broadcast(index, src, dim))}


def scatter_logsumexp(src: Tensor, index: Tensor, dim: int, dim_size: int) -> Outputs:
    """The peer adds 1e-12 to the sum, which is at least 1, and gives 0 for an empty row."""
    largest = scatter(src, index, dim, dim_size, "max")
    exponential = (src - largest.gather(dim, _broadcast(index, src, dim))).exp()
    total = scatter(exponential, index, dim, dim_size, "sum")
    return {"out": torch.where(total > 0, (total + 1e-12).log() + largest, 0)}


def scatter_std(src: Tensor, index: Tensor, dim: int, dim_size: int) -> Outputs:
    """The peer divides by n - 1 + 1e-6, and by 1 + 1e-6 where n is 0 or 1."""
    mean = scatter(src, index, dim, dim_size, "mean").gather(dim, _broadcast(index, src, dim))
    squares = scatter((src - mean).square(), index, dim, dim_size, "sum")
    count = scatter(torch.ones_like(src), index, dim, dim_size, "sum")
    return {"out": (squares / ((count - 1).clamp(min=1) + 1e-6)).sqrt()}


def spmm(index: Tensor, value: Tensor, m: int, n: int, matrix: Tensor) -> Outputs:
    return matmul(index, value, m, n, matrix, "sum")


def matmul(index: Tensor, value: Tensor, m: int, n: int, matrix: Tensor, reduce: str) -> Outputs:
    rowptr, perm, col = csr_from_coo(index[0], torch.empty(m), index[1])
    return {"out": gather_segment_reduce(matrix, rowptr, col, value[perm], None, reduce)}


def transpose(index: Tensor, value: Tensor, m: int, n: int) -> Outputs:
    """Two stable sorts, by row and then by column, order the transpose; there is nothing to add up."""
    _, by_row, col = csr_from_coo(index[0], torch.empty(m), index[1])
    _, by_col, row = csr_from_coo(col, torch.empty(n), index[0][by_row])
    return {"index": torch.stack([col[by_col], row]), "out": value[by_row[by_col]]}


def fps(src: Tensor, batch: Tensor | None, ratio: float, random_start: bool) -> Outputs:
    return {"out": sampled(src, batch, ratio, random_start)}


def knn(x: Tensor, y: Tensor, k: int, batch_x: Tensor | None, batch_y: Tensor | None) -> Outputs:
    return {"out": custom_ops.knn(x, y, k, batch_x, batch_y)}


def radius(
    x: Tensor,
    y: Tensor,
    r: float,
    max_num_neighbors: int,
    batch_x: Tensor | None,
    batch_y: Tensor | None,
) -> Outputs:
    return {"out": custom_ops.radius(x, y, r, batch_x, batch_y, max_num_neighbors)}


def nearest(x: Tensor, y: Tensor, batch_x: Tensor | None, batch_y: Tensor | None) -> Outputs:
    return {"out": custom_ops.nearest(x, y, batch_x, batch_y)}


def coalesce(index: Tensor, value: Tensor, m: int, n: int, op: str) -> Outputs:
    edges, values = coalesced(index, value, max(m, n), {"add": "sum"}.get(op, op))
    assert values is not None
    return {"index": edges, "out": values}


def grid_cluster(pos: Tensor, size: Tensor, start: Tensor | None, end: Tensor | None) -> Outputs:
    return {"out": voxels_of(pos, size, start, end)}


def graclus_cluster(
    row: Tensor, col: Tensor, weight: Tensor | None, num_nodes: int, orders: int = 1
) -> Outputs:
    """Of several random orders the peer is asked for all that they can give: ours of every order."""
    edges = torch.stack([row, col])
    if orders == 1:
        return {"out": graclus(edges, weight, num_nodes)}
    each = [
        graclus(edges, weight, num_nodes, torch.tensor(order)) for order in permutations(range(num_nodes))
    ]
    return {"out": torch.stack(each).unique(dim=0)}


def spline_weighting(x: Tensor, weight: Tensor, basis: Tensor, weight_index: Tensor) -> Outputs:
    """Each edge is a row of its own."""
    edges = torch.arange(x.size(0) + 1)
    sums = gather_sparse_kernel_reduce(x, edges, edges[:-1], basis, weight_index, weight)
    return {"out": sums.flatten(1) @ weight.flatten(0, 1)}


def spline_basis(pseudo: Tensor, kernel_size: Tensor, is_open_spline: Tensor, degree: int) -> Outputs:
    return dict(
        zip(
            ("out", "weight_index"),
            basis_of_splines(pseudo, kernel_size, is_open_spline, degree),
            strict=True,
        )
    )


def _rows(src: Tensor, index: Tensor, dim: int, num_rows: int, reduce: str) -> Tensor:
    edges, rowptr, perm = _compressed(src, index, dim, num_rows)
    sizes = src.movedim(dim, 0).shape[1:]
    return segment_reduce(edges, rowptr, perm, reduce).view(num_rows, *sizes).movedim(0, dim)


def _compressed(src: Tensor, index: Tensor, dim: int, num_rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Edges and their compressed rows; with an index per element, each element is an edge of its own."""
    edges = src.movedim(dim, 0)
    if index.dim() == 1:
        return edges, *csr_from_coo(index, torch.empty(num_rows))[:2]
    sizes = edges.shape[1:]
    places = _broadcast(index, src, dim).movedim(dim, 0) * sizes.numel() + torch.arange(sizes.numel()).view(
        sizes
    )
    like = torch.empty(num_rows * sizes.numel())
    return edges.flatten(), *csr_from_coo(places.flatten(), like)[:2]


def _broadcast(index: Tensor, src: Tensor, dim: int) -> Tensor:
    """A vector along `dim`; an index of more dimensions from the left."""
    if index.dim() == 1:
        return index.view([-1 if d == dim % src.dim() else 1 for d in range(src.dim())]).expand_as(src)
    return index.view(*index.shape, *[1] * (src.dim() - index.dim())).expand_as(src)
