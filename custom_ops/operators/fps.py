"""Farthest point sampling: a subset of each cloud whose points are far from each other."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops.operators.csr import most_named
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.registry import Operator, register


def fps(
    x: Tensor,
    batch: Tensor | None = None,
    ratio: float = 0.5,
    random_start: bool = True,
    batch_size: int | None = None,
    start: Tensor | None = None,
) -> Tensor:
    """Sample points that are far from each other: next comes the point farthest from all that were taken.

    ``next = argmax_i min_{s taken} ||x_i - x_s||^2`` within each graph, the lowest of equals; each graph gives
    ``ceil(ratio * points)`` of its points (the product in float32), in the order in which they were taken. Squares
    are added in order of dimension, so that every engine takes the same points; once every point left coincides with
    one that was taken, the first point of the graph is repeated.

    A random start is drawn here, before the operator, where PyG's is drawn within: the same seed gives another.
    `start`, which PyG has not, says it to an engine; under ``torch.export`` none can be drawn: pass
    ``random_start=False`` or `start`. PyG leaves open what comes of ties, of a batch that does not ascend and of a
    coordinate that is not finite.

    Args:
        x: ``[num_points, dimensions]`` or ``[num_points]``, float32, float64, float16 or bfloat16 (halves are
            computed in float32), finite.
        batch: ``[num_points]`` int64 or int32, the graph of each point, ascending; None: one graph.
        ratio: Of the points of each graph, above 0 and at most 1.
        random_start: Whether the first point of each graph is drawn, by torch's generator; else it is the first.
        batch_size: Accepted as in PyG, and not needed.
        start: ``[num_graphs]`` int64, the place of the first point within its graph, instead.

    Returns:
        ``[num_samples]`` int64, points by number, graph after graph.

    Raises:
        ValueError: For a wrong dtype, shape or ratio, a batch that does not ascend, or a coordinate that is not finite.
        IndexError: For a graph number or a start out of range.

    Source: Qi et al., "PointNet++: Deep Hierarchical Feature Learning on Point Sets in a Metric Space" (2017).
    """
    src = x.unsqueeze(-1) if x.dim() == 1 else x
    if start is None and random_start:
        if not is_scripting():
            _refuse_to_draw_while_exporting()
        if _can_draw(src, batch):
            batch, sizes = _renumbered(src, batch)
            start = (torch.rand(sizes.size(0), dtype=torch.float64, device=src.device) * sizes).long()
    return torch.ops.geocompile.fps(src, ratio, batch, start)  # type: ignore[no-any-return]


def _refuse_to_draw_while_exporting() -> None:
    if torch.compiler.is_compiling():
        raise ValueError(
            "geocompile.fps: a random start cannot be drawn in an exported model; pass random_start=False, or start= "
            "as an input of the model"
        )


def _can_draw(src: Tensor, batch: Tensor | None) -> bool:
    """Whether there are graphs to draw a place in; the operator refuses what is none."""
    if src.dim() != 2 or src.size(0) == 0:
        return False
    if batch is None:
        return True
    is_integer = batch.dtype == torch.int64 or batch.dtype == torch.int32
    if not is_integer or batch.dim() != 1 or batch.size(0) != src.size(0):
        return False
    return (
        bool(batch[0] >= 0)
        and bool(batch[-1] < most_named(batch.size(0)))
        and bool((batch[1:] >= batch[:-1]).all())
    )


def _renumbered(src: Tensor, batch: Tensor | None) -> tuple[Tensor | None, Tensor]:
    """The graphs as 0, 1, ... without those that have no points, which need no start, and the points of each."""
    if batch is None:
        return None, torch.full([1], src.size(0), device=src.device)
    _, graph, sizes = torch.unique_consecutive(batch, return_inverse=True, return_counts=True)
    return graph, sizes


def fps_reference(
    src: Tensor, ratio: float, batch: Tensor | None = None, start: Tensor | None = None
) -> Tensor:
    """The meaning of `fps`."""
    points = src.float() if src.dtype in (torch.float16, torch.bfloat16) else src
    graphs = torch.zeros(src.size(0), dtype=torch.long) if batch is None else batch
    taken = [torch.zeros(0, dtype=torch.long)]
    for graph in sorted(set(graphs.tolist())):
        (members,) = torch.where(graphs == graph)
        first = 0 if start is None else int(start[graph])
        count = torch.ceil(torch.tensor(ratio, dtype=torch.float32) * members.numel()).long()
        taken.append(members[_farthest(points[members], first, min(int(count), members.numel()))])
    return torch.cat(taken)


def _farthest(points: Tensor, first: int, count: int) -> Tensor:
    nearest = points.new_full((points.size(0),), torch.inf)
    taken = [first]
    while len(taken) < count:
        squares = (points - points[taken[-1]]).square()
        nearest = torch.minimum(nearest, sum(squares.unbind(1), torch.zeros_like(nearest)))
        taken.append(int((nearest == nearest.max()).nonzero()[0]))
    return torch.tensor(taken)


def _fake_fps(src: Tensor, ratio: float, batch: Tensor | None = None, start: Tensor | None = None) -> Tensor:
    same_device("fps", src=src, batch=batch, start=start)
    return src.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.long)


torch.library.register_fake("geocompile::fps", _fake_fps)
register(
    Operator("fps", fps_reference, False, ("Fps", "FpsBatched", "FpsFrom", "FpsBatchedFrom"), {"batch": None})
)
