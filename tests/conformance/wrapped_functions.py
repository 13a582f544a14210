"""Functions of the reference as modules, which is what a case makes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from geocompile import layers


class Called(torch.nn.Module):
    """One function, without weights."""

    def reset_parameters(self) -> None:
        """There are none."""


class GlobalPool(Called):
    """The function is an attribute, which `from_pyg` replaces."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor, batch: Tensor | None = None, size: int | None = None) -> Tensor:
        return self.function(x, batch, size)  # type: ignore[no-any-return]


class GlobalSortPool(Called):
    def __init__(self, k: int, sort_channels: bool = True) -> None:
        super().__init__()
        self.k, self.sort_channels = k, sort_channels

    def forward(self, x: Tensor, batch: Tensor | None = None) -> Tensor:
        return layers.global_sort_pool(x, batch, self.k, self.sort_channels)


Pooled = tuple[Tensor | None, Tensor, Tensor | None, Tensor | None, Tensor | None]


class ClusterPool(Called):
    """`max_pool` or `avg_pool`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(
        self,
        cluster: Tensor,
        x: Tensor,
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
        pos: Tensor | None = None,
    ) -> Pooled:
        return self.function(cluster, x, edge_index, edge_attr, batch, pos)  # type: ignore[no-any-return]


class ClusterPoolX(Called):
    """`max_pool_x` or `avg_pool_x`."""

    def __init__(self, function: Callable[..., Any], size: int | None) -> None:
        super().__init__()
        self.function, self.size = function, size

    def forward(self, cluster: Tensor, x: Tensor, batch: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return self.function(cluster, x, batch, self.size)  # type: ignore[no-any-return]


class Graclus(Called):
    """The nodes are those of x."""

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None, order: Tensor | None = None
    ) -> Tensor:
        return layers.graclus(edge_index, edge_weight, x.size(0), order)


class VoxelGrid(Called):
    def __init__(self, size: float) -> None:
        super().__init__()
        self.size = size

    def forward(self, pos: Tensor, batch: Tensor | None = None) -> Tensor:
        return layers.voxel_grid(pos, batch, self.size)


class VoxelsWithin(Called):
    """Of a grid of given extent."""

    def __init__(self, size: list[float], start: float, end: float) -> None:
        super().__init__()
        self.size, self.start, self.end = size, start, end

    def forward(self, pos: Tensor, batch: Tensor | None = None) -> Tensor:
        return layers.voxel_grid(pos, batch, self.size, self.start, self.end)


class FarthestPoints(Called):
    def __init__(self, ratio: float) -> None:
        super().__init__()
        self.ratio = ratio

    def forward(self, pos: Tensor, batch: Tensor | None = None) -> Tensor:
        return layers.fps(pos, batch, self.ratio, random_start=False)


class Knn(Called):
    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(
        self, x: Tensor, y: Tensor, batch_x: Tensor | None = None, batch_y: Tensor | None = None
    ) -> Tensor:
        return layers.knn(x, y, self.k, batch_x, batch_y)


class KnnGraph(Called):
    def __init__(self, k: int, loop: bool = False, flow: str = "source_to_target") -> None:
        super().__init__()
        self.k, self.loop, self.flow = k, loop, flow

    def forward(self, pos: Tensor, batch: Tensor | None = None) -> Tensor:
        return layers.knn_graph(pos, self.k, batch, self.loop, self.flow)


class Radius(Called):
    def __init__(self, r: float, max_num_neighbors: int = 32) -> None:
        super().__init__()
        self.r, self.max_num_neighbors = r, max_num_neighbors

    def forward(
        self, x: Tensor, y: Tensor, batch_x: Tensor | None = None, batch_y: Tensor | None = None
    ) -> Tensor:
        return layers.radius(x, y, self.r, batch_x, batch_y, self.max_num_neighbors)


class RadiusGraph(Called):
    def __init__(
        self, r: float, loop: bool = False, max_num_neighbors: int = 32, flow: str = "source_to_target"
    ) -> None:
        super().__init__()
        self.r, self.loop, self.max_num_neighbors, self.flow = r, loop, max_num_neighbors, flow

    def forward(self, pos: Tensor, batch: Tensor | None = None) -> Tensor:
        return layers.radius_graph(pos, self.r, batch, self.loop, self.max_num_neighbors, self.flow)


class Nearest(Called):
    def forward(
        self, x: Tensor, y: Tensor, batch_x: Tensor | None = None, batch_y: Tensor | None = None
    ) -> Tensor:
        return layers.nearest(x, y, batch_x, batch_y)
