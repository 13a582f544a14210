"""scatter and scatter_arg, column by column."""

import numpy as np

REDUCE = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "mul": np.prod}


def scatter(
    src: np.ndarray, index: np.ndarray, like: np.ndarray, dim: int, reduce: str
) -> tuple[np.ndarray, ...]:
    def reduced(entries: np.ndarray) -> float:
        if len(entries) == 0:
            return float(reduce == "mul")
        if reduce == "mean" and src.dtype.kind == "i":
            return float(entries.sum() // len(entries))
        with np.errstate(invalid="ignore"):
            return float(REDUCE[reduce](entries))

    columns, rows = _columns(src, index, dim)
    out = np.array(
        [[reduced(c[r == i]) for i in range(len(like))] for c, r in zip(columns, rows, strict=True)]
    )
    return (_restored(out, src, like, dim).astype(src.dtype),)


def scatter_arg(
    src: np.ndarray, index: np.ndarray, like: np.ndarray, dim: int, reduce: str
) -> tuple[np.ndarray, ...]:
    def place(column: np.ndarray, rows: np.ndarray, row: int) -> int:
        entries = np.flatnonzero(rows == row)
        if len(entries) == 0:
            return src.shape[dim]
        best = np.argmax(column[entries]) if reduce == "max" else np.argmin(column[entries])
        return int(entries[best])  # argmax takes the first of equal ones, and the first NaN

    columns, rows = _columns(src, index, dim)
    arg = [[place(c, r, i) for i in range(len(like))] for c, r in zip(columns, rows, strict=True)]
    out = _restored(np.array(arg, np.int64), src, like, dim)
    return (*scatter(src, index, like, dim, reduce), out.astype(np.int64))


def _columns(src: np.ndarray, index: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """src and index as [columns, elements]."""
    first = np.moveaxis(src, dim, -1)
    full = index if index.ndim == 1 else np.moveaxis(index, dim, -1)
    columns = int(np.prod(first.shape[:-1]))
    shape = (columns, first.shape[-1])
    return first.reshape(shape), np.broadcast_to(full, first.shape).reshape(shape)


def _restored(out: np.ndarray, src: np.ndarray, like: np.ndarray, dim: int) -> np.ndarray:
    """[columns, rows] in the shape of the result."""
    others = [n for d, n in enumerate(src.shape) if d != dim % src.ndim]
    return np.moveaxis(out.reshape(*others, len(like)), -1, dim)
