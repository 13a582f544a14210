"""How tables, sizes, times and tensors look in the terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from geocompile.exporters.program import TensorSpec


def table(*columns: str, title: str | None = None, right: Sequence[str] = ()) -> Table:
    """An empty table in the style of all commands; the columns in `right` hold numbers."""
    result = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        result.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return result


def mark(ok: bool) -> str:
    """A coloured tick or cross."""
    return "[green]✓[/]" if ok else "[red]✗[/]"


def milliseconds(seconds: float) -> str:
    """A duration with three significant digits: `0.132 ms`, `41.7 ms`, `1,850 ms`."""
    value = seconds * 1e3
    digits = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f} ms"


def size(num_bytes: int) -> str:
    """A file size: `812 B`, `3.4 kB`, `1.2 MB`."""
    value = float(num_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def path(location: Path) -> str:
    """A path as one would type it: relative where it lies below the current folder."""
    here = Path.cwd()
    return str(location.relative_to(here) if location.is_relative_to(here) else location)


def shape(spec: TensorSpec) -> str:
    """A tensor's dtype and shape: `float32 [num_nodes, 3]`, without markup."""
    return f"{spec.dtype} [{', '.join(str(dimension) for dimension in spec.shape)}]"
