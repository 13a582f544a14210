"""Voxels of a regular grid as clusters of points."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops.operators.halves import in_float32
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.registry import Operator, register


def grid_cluster(
    pos: Tensor,
    size: Tensor,
    start: Tensor | None = None,
    end: Tensor | None = None,
    batch: Tensor | None = None,
) -> Tensor:
    """The number of the voxel that each point falls into.

    ``out = sum_d trunc((pos_d - start_d) / size_d) * prod_{c < d} n_c``, with ``n_d = trunc((end_d - start_d) /
    size_d) + 1`` voxels in dimension d, and ``batch * prod_c n_c`` on top. As torch-cluster counts, points outside of
    the extent are numbered by the same formula, and can share a number with others.

    Args:
        pos: ``[num_points, dimensions]`` float32, float64, float16 or bfloat16 (halves are computed in float32),
            finite.
        size: ``[dimensions]``, dtype of `pos`, above 0: the edges of a voxel.
        start: ``[dimensions]``, dtype of `pos`: where the grid begins; None: the least coordinates.
        end: ``[dimensions]``, dtype of `pos`: where it ends; None: the largest coordinates.
        batch: ``[num_points]`` int64 or int32, the graph of each point, in any order: graphs share no voxels.

    Returns:
        ``[num_points]`` int64; `consecutive` turns these numbers into 0, 1, ...

    Raises:
        ValueError: For a wrong dtype, shape, size or coordinate, or voxels that int64 cannot number: 2^62 of them,
            points as far from `start`, or too many graphs.
        IndexError: For a graph number out of range.

    Source: Simonovsky and Komodakis, "Dynamic Edge-Conditioned Filters in Convolutional Neural Networks on Graphs"
    (2017); ``torch_cluster.grid_cluster``.
    """
    return torch.ops.geocompile.grid_cluster(pos, size, start, end, batch)  # type: ignore[no-any-return]


def voxel_grid(
    pos: Tensor,
    batch: Tensor | None,
    size: float | list[float] | Tensor,
    start: float | list[float] | Tensor | None = None,
    end: float | list[float] | Tensor | None = None,
) -> Tensor:
    """`grid_cluster` of a batch of clouds, with numbers for all dimensions where one is given.

    PyG 2.8 has `size` before `batch`; which one is meant is told by their dtypes.

    Args:
        pos: ``[num_points, dimensions]`` or ``[num_points]``.
        batch: ``[num_points]`` int64 or int32, the graph of each point; None: one graph.
        size: The edge of a voxel, or ``[dimensions]`` edges.
        start: Where the grid begins, in all dimensions or each; None: the least coordinates.
        end: Where it ends; None: the largest coordinates.

    Returns:
        ``[num_points]`` int64, the number of each point's voxel.

    Raises:
        ValueError: As `grid_cluster`, and for `size` and `batch` in each other's place.
        IndexError: For a graph number out of range.
    """
    points = pos.unsqueeze(-1) if pos.dim() == 1 else pos
    _check_order(batch, size)
    return grid_cluster(
        points, _corner(points, size), _corner_if(points, start), _corner_if(points, end), batch
    )


def _check_order(batch: Tensor | None, size: float | list[float] | Tensor) -> None:
    mistaken = isinstance(batch, Tensor) and batch.is_floating_point()
    if isinstance(size, Tensor):
        mistaken = mistaken or (not size.is_floating_point() and size.dim() > 0)
    if not is_scripting():
        mistaken = mistaken or size is None or not (batch is None or isinstance(batch, Tensor))
    if mistaken:
        raise ValueError(
            "geocompile.voxel_grid: the arguments are (pos, batch, size): 'batch' must be integers, one per point, or "
            "None, and 'size' floats, one per dimension; were they given in each other's place?"
        )


def _corner(pos: Tensor, values: float | list[float] | Tensor) -> Tensor:
    """One value for each dimension."""
    if isinstance(values, Tensor):
        corner = values.to(pos.device, pos.dtype)
    elif isinstance(values, list):
        corner = torch.tensor(values, dtype=pos.dtype, device=pos.device)
    else:
        corner = torch.full([1], float(values), dtype=pos.dtype, device=pos.device)
    return corner.expand(pos.size(1)) if corner.numel() == 1 else corner


def _corner_if(pos: Tensor, values: float | list[float] | Tensor | None) -> Tensor | None:
    return None if values is None else _corner(pos, values)


@in_float32
def grid_cluster_reference(
    pos: Tensor,
    size: Tensor,
    start: Tensor | None = None,
    end: Tensor | None = None,
    batch: Tensor | None = None,
) -> Tensor:
    """The meaning of `grid_cluster`."""
    if pos.size(0) == 0:
        return pos.new_empty(0, dtype=torch.long)
    low = pos.min(dim=0).values if start is None else start
    high = pos.max(dim=0).values if end is None else end
    strides = torch.cat([torch.ones(1, dtype=torch.long), (((high - low) / size).long() + 1).cumprod(0)])
    voxels = (((pos - low) / size).long() * strides[:-1]).sum(dim=1)
    return voxels if batch is None else voxels + batch.long() * strides[-1]


def _fake_grid_cluster(
    pos: Tensor,
    size: Tensor,
    start: Tensor | None = None,
    end: Tensor | None = None,
    batch: Tensor | None = None,
) -> Tensor:
    same_device("grid_cluster", pos=pos, size=size, start=start, end=end, batch=batch)
    return pos.new_empty(pos.size(0), dtype=torch.long)


torch.library.register_fake("geocompile::grid_cluster", _fake_grid_cluster)
_TYPES = tuple(
    f"GridCluster{start}{end}{batch}"
    for start in ("", "From")
    for end in ("", "To")
    for batch in ("", "Batched")
)
register(Operator("grid_cluster", grid_cluster_reference, False, _TYPES, {"batch": None}))
