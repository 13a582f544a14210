"""Reductions along any dimension by index, as torch-scatter has them; deterministic, gradients included.

Gradients are reverse-mode only; see `scatter_backward`. Of -0.0 and 0.0, which are equal, the first is the maximum.
"""

import torch
from torch import Tensor

from geocompile.custom_ops.operators.csr import most_named
from geocompile.custom_ops.operators.halves import in_float32
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.operators.segment import REDUCTIONS
from geocompile.custom_ops.registry import Operator, register


def scatter(
    src: Tensor,
    index: Tensor,
    dim: int = 0,
    dim_size: int | None = None,
    reduce: str = "sum",
    out: Tensor | None = None,
) -> Tensor:
    """Reduce the entries of `src` along `dim` that have one index: ``out[i] = reduce_e src[e]``, ``index[e] == i``.

    With an index of the shape of `src` every column has its own:
    ``out[o, i, c] = reduce_e src[o, e, c]``, ``index[o, e, c] == i``. The order of reduction is fixed: the same
    input gives the same bits for any number of threads. What has no entry is 0 (1 for ``"mul"``).

    Args:
        src: ``[*, num_elements, *]`` float32, float64, float16, bfloat16 (halves are reduced in float32), int32 or
            int64 (exact; the mean is rounded down).
        index: int64 or int32, at least 0: ``[num_elements]``, or what broadcasts to the shape of `src` from the left.
        dim: The dimension to reduce.
        dim_size: The size of the result there; None: that of `out`, else ``max(index) + 1``, which may be above 2^26
            only up to 64 for each element of the index.
        reduce: ``"sum"``, ``"mean"``, ``"max"``, ``"min"`` or ``"mul"``.
        out: Written to and returned where given; what it holds takes part as in torch-scatter: it is one more term
            that ``"mean"`` does not count. Halves are rounded once, after it.

    Returns:
        ``[*, dim_size, *]``, dtype of `src`.

    Raises:
        ValueError: For a wrong dtype, shape, dimension or reduction.
        IndexError: For an index out of range.

    Source: Fey, "PyTorch Scatter" (2018), ``torch_scatter.scatter``.
    """
    if out is not None and (reduce == "max" or reduce == "min"):
        return scatter_arg(src, index, dim, dim_size, reduce, out)[0]
    rows = _full_index(src, index)
    like = _rows_like(src, rows, dim, dim_size, out)
    if out is None:
        return torch.ops.geocompile.scatter(src, rows, like, dim, reduce)  # type: ignore[no-any-return]
    if src.dtype == torch.float16 or src.dtype == torch.bfloat16:
        return out.copy_(_reduced_into(out.float(), src.float(), rows, like, dim, reduce))
    return _reduced_into(out, src, rows, like, dim, reduce)


def scatter_arg(
    src: Tensor,
    index: Tensor,
    dim: int = 0,
    dim_size: int | None = None,
    reduce: str = "max",
    out: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`scatter` of ``"max"`` or ``"min"``, and where along `dim` it was reached.

    Args:
        src: As in `scatter`.
        index: As in `scatter`.
        dim: The dimension to reduce.
        dim_size: The size of the result there; None: that of `out`, else ``max(index) + 1``.
        reduce: ``"max"`` or ``"min"``.
        out: Written to and returned where given; what it holds takes part, and wins a tie.

    Returns:
        ``out [*, dim_size, *]`` and ``arg``, int64 of the same shape: the lowest e at which ``out`` was reached (the
        first NaN if there is one), ``src.size(dim)`` where nothing was, or where `out` had it.

    Raises:
        ValueError: For a wrong dtype, shape, dimension or reduction.
        IndexError: For an index out of range.

    Source: Fey, "PyTorch Scatter" (2018), ``torch_scatter.scatter_max``.
    """
    rows = _full_index(src, index)
    like = _rows_like(src, rows, dim, dim_size, out)
    result, arg = torch.ops.geocompile.scatter_arg(src, rows, like, dim, reduce)
    if out is None:
        return result, arg
    better = result > out if reduce == "max" else result < out
    takes = (arg != src.size(dim)) & (better | (result.isnan() & ~out.isnan()))
    out.copy_(torch.where(takes, result, out))
    return out, torch.where(takes, arg, src.size(dim))


def _reduced_into(out: Tensor, src: Tensor, index: Tensor, like: Tensor, dim: int, reduce: str) -> Tensor:
    """`out` after a sum, mean or product that what it holds takes part in."""
    result = torch.ops.geocompile.scatter(src, index, like, dim, "sum" if reduce == "mean" else reduce)
    if reduce == "mul":
        return out.mul_(result)
    if reduce == "sum":
        return out.add_(result)
    ones = torch.ones_like(src, dtype=torch.long)
    count = torch.ops.geocompile.scatter(ones, index, like, dim, "sum").clamp(min=1).to(out.dtype)
    if src.is_floating_point():
        return out.add_(result).div_(count)
    return out.add_(result).div_(count, rounding_mode="floor")


def _full_index(src: Tensor, index: Tensor) -> Tensor:
    """A vector as it is; an index of more dimensions broadcast from the left, as torch-scatter does."""
    if index.dim() <= 1 or index.size() == src.size():
        return index
    if index.dim() > src.dim():
        raise ValueError(
            f"geocompile.scatter: 'index' has {index.dim()} dimensions, 'src' has {src.dim()}; give a vector, or an "
            "index that broadcasts to the shape of 'src'"
        )
    sizes = list(index.size())
    for d in range(len(sizes)):
        if sizes[d] != 1 and sizes[d] != src.size(d):
            raise ValueError(
                f"geocompile.scatter: 'index' of shape {sizes} does not broadcast to 'src' of shape "
                f"{list(src.size())}: dimension {d} must be 1 or {src.size(d)}"
            )
    for _ in range(src.dim() - index.dim()):
        index = index.unsqueeze(-1)
    return index.expand(src.size())


def _rows_like(src: Tensor, index: Tensor, dim: int, dim_size: int | None, out: Tensor | None) -> Tensor:
    """A tensor without elements whose first size is the number of rows."""
    if out is not None:
        _check_dim(src, dim)
        if out.dtype != src.dtype or out.dim() != src.dim():
            raise ValueError(
                f"geocompile.scatter: 'out' must have the dtype and the number of dimensions of 'src', {src.dtype} "
                f"and {src.dim()}, got {out.dtype} and {out.dim()}"
            )
        for d in range(src.dim()):
            if d != dim % src.dim() and out.size(d) != src.size(d):
                raise ValueError(
                    f"geocompile.scatter: 'out' of shape {list(out.size())} must have the sizes of 'src', "
                    f"{list(src.size())}, outside of dimension {dim}"
                )
        if dim_size is not None and dim_size != out.size(dim):
            raise ValueError(
                f"geocompile.scatter: 'dim_size' is {dim_size}, but 'out' of shape {list(out.size())} has "
                f"{out.size(dim)} in dimension {dim}; leave out one of them"
            )
        return src.new_empty([out.size(dim), 0])
    if dim_size is None:
        dim_size = _rows_named(index)
    if dim_size < 0:
        raise ValueError(f"geocompile.scatter: 'dim_size' must not be negative, got {dim_size}")
    return src.new_empty([dim_size, 0])


def _check_dim(src: Tensor, dim: int) -> None:
    """What the operator would refuse, before `out` is compared with `src`."""
    if src.dim() == 0:
        raise ValueError("geocompile.scatter: 'src' must have at least one dimension, got a scalar")
    if dim < -src.dim() or dim >= src.dim():
        raise ValueError(
            f"geocompile.scatter: 'dim' must be between {-src.dim()} and {src.dim() - 1} for 'src' of shape "
            f"{list(src.size())}, got {dim}"
        )


def _rows_named(index: Tensor) -> int:
    """The number of rows up to the last one that the index names."""
    if index.numel() == 0:
        return 0
    last = int(index.max())
    if last < 0:
        raise IndexError(f"geocompile.scatter: 'index' must not be negative, its largest value is {last}")
    most = most_named(index.numel())
    if last >= most:
        raise IndexError(
            f"geocompile.scatter: 'index' holds {last}, the largest possible without 'dim_size' is {most - 1} for "
            f"{index.numel()} elements"
        )
    return last + 1


@in_float32
def scatter_reference(src: Tensor, index: Tensor, like: Tensor, dim: int = 0, reduce: str = "sum") -> Tensor:
    """The meaning of `scatter`."""
    shape = list(src.shape)
    shape[dim] = like.size(0)
    start = src.new_ones(shape) if reduce == "mul" else src.new_zeros(shape)
    full = _as_full(src, index, dim)
    return start.scatter_reduce(dim, full, src, REDUCTIONS[reduce], include_self=False)


@in_float32
def scatter_arg_reference(
    src: Tensor, index: Tensor, like: Tensor, dim: int = 0, reduce: str = "max"
) -> tuple[Tensor, Tensor]:
    """The meaning of `scatter_arg`: the lowest place whose value is the result."""
    out = scatter_reference(src, index, like, dim, reduce)
    full = _as_full(src, index, dim)
    reached = out.gather(dim, full)
    hit = (src == reached) | (src.isnan() & reached.isnan())
    nothing = src.size(dim)
    place = _as_full(src, torch.arange(nothing, device=src.device), dim)
    start = full.new_full(out.shape, nothing)
    return out, start.scatter_reduce(dim, full, place.where(hit, nothing), "amin")


def _as_full(src: Tensor, index: Tensor, dim: int) -> Tensor:
    """`index` as int64 in the shape of `src`."""
    if index.dim() == 1:
        index = index.view([-1 if d == dim % src.dim() else 1 for d in range(src.dim())])
    return index.long().expand_as(src)


def _fake_scatter(src: Tensor, index: Tensor, like: Tensor, dim: int = 0, reduce: str = "sum") -> Tensor:
    same_device("scatter", src=src, index=index, like=like)
    shape = list(src.shape)
    shape[dim] = like.size(0)
    return src.new_empty(shape)


def _fake_scatter_arg(
    src: Tensor, index: Tensor, like: Tensor, dim: int = 0, reduce: str = "max"
) -> tuple[Tensor, Tensor]:
    same_device("scatter_arg", src=src, index=index, like=like)
    out = _fake_scatter(src, index, like, dim, reduce)
    return out, out.new_empty(out.shape, dtype=torch.long)


torch.library.register_fake("geocompile::scatter", _fake_scatter)
torch.library.register_fake("geocompile::scatter_arg", _fake_scatter_arg)
for _name in ("scatter", "scatter_arg"):
    torch.library.register_autocast(f"geocompile::{_name}", "cpu", torch.float32)
_TYPES = tuple(f"Scatter{reduce.capitalize()}" for reduce in REDUCTIONS)
register(Operator("scatter", scatter_reference, True, _TYPES, {"index": "like"}))
register(
    Operator(
        "scatter_arg", scatter_arg_reference, True, ("ScatterMaxArg", "ScatterMinArg"), {"index": "like"}
    )
)

from geocompile.custom_ops.operators import scatter_backward as scatter_backward  # noqa: E402  (needs the above)
