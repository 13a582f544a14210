"""Point clouds for the sections on neighbours, and SciPy's trees of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

SPACE = [(n, graphs) for n in (4_096, 16_384, 65_536, 1_000_000) for graphs in (1, 8)]  # points, graphs


def points(num_points: int, dimensions: int) -> Tensor:
    """Uniform in the unit cube."""
    return torch.from_numpy(np.random.default_rng(4).random((num_points, dimensions), dtype=np.float32))


def batch_of(num_points: int, graphs: int) -> Tensor | None:
    """Graphs of equal size."""
    return None if graphs == 1 else torch.arange(num_points) * graphs // num_points


def space_name(size: tuple[int, int]) -> str:
    """``65536 points in 8``."""
    return f"{size[0]} points in {size[1]}"


def by_scipy(x: Tensor, graphs: int, query: Callable[[Any, np.ndarray], object]) -> list[object]:
    """A tree of each graph, and the query for its own points."""
    from scipy.spatial import cKDTree

    return [query(cKDTree(own), own) for own in np.array_split(x.numpy(), graphs)]
