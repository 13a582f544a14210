"""DataParallel: a list of graphs, shared out among devices."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor


class DataParallel(torch.nn.DataParallel):  # type: ignore[type-arg]
    """Runs a model on the graphs of a list, in parallel on several CUDA devices.

    The graphs are cut into one part for each device, of about as many nodes; each part becomes a PyG ``Batch`` on its
    device, the model is copied there, and the results are brought together. With one device, or none, the list becomes
    one batch there. As PyG 2.8.1's DataParallel, which needs a CUDA device. ``DistributedDataParallel`` is faster.

    Args:
        module: the model, called with a batch; its parameters lie on the first device.
        device_ids: numbers of CUDA devices, or devices; default: all there are.
        output_device: where the results are brought together; default: the first device.
        follow_batch: handed to ``Batch.from_data_list``.
        exclude_keys: handed to ``Batch.from_data_list``.

    Shapes:
        ``data_list`` a list of PyG ``Data``, as ``DataListLoader`` gives it; result what ``module`` gives, the parts
        put together along dimension 0.

    Raises:
        ValueError: the list is empty.
        RuntimeError: a parameter or buffer does not lie on the first device.
        ImportError: PyG is not installed.

    Source: PyG's class of this name.

    >>> from torch_geometric.data import Data
    >>> class Sizes(torch.nn.Module):
    ...     def forward(self, batch):
    ...         return batch.ptr.diff()
    >>> DataParallel(Sizes())([Data(num_nodes=2), Data(num_nodes=3)]).tolist()
    [2, 3]
    """

    def __init__(
        self,
        module: torch.nn.Module,
        device_ids: Sequence[int | torch.device] | None = None,
        output_device: int | torch.device | None = None,
        *,
        follow_batch: Sequence[str] = (),
        exclude_keys: Sequence[str] = (),
    ) -> None:
        super().__init__(module, device_ids, output_device)
        self.follow_batch = list(follow_batch)
        self.exclude_keys = list(exclude_keys)

    def forward(self, data_list: Sequence[Any]) -> Any:
        """The results for all graphs; see the class."""
        if len(data_list) == 0:
            raise ValueError("geocompile.DataParallel: data_list must hold at least one graph, got none")
        if not self.device_ids:
            return self.module(self._batch(data_list))
        if len(self.device_ids) == 1:
            return self.module(self._batch(data_list).to(_device(self.device_ids[0])))
        self._check_home()
        inputs = self.scatter(data_list, self.device_ids)
        replicas = self.replicate(self.module, self.device_ids[: len(inputs)])
        outputs = self.parallel_apply(replicas, [(batch,) for batch in inputs], [{} for _ in inputs])
        return self.gather(outputs, self.output_device)

    def scatter(self, data_list: Sequence[Any], device_ids: Sequence[int | torch.device]) -> list[Any]:  # type: ignore[override]
        """A batch on each device, of about as many nodes; fewer where the graphs do not suffice.

        Args:
            data_list: the graphs.
            device_ids: numbers of CUDA devices, or devices.
        """
        counts = torch.tensor([data.num_nodes for data in data_list])
        cuts = cuts_of(counts, len(device_ids))
        return [
            self._batch(data_list[start:end]).to(_device(device))
            for (start, end), device in zip(cuts, device_ids, strict=False)
        ]

    def _batch(self, data_list: Sequence[Any]) -> Any:
        try:
            from torch_geometric.data import Batch  # type: ignore[attr-defined]
        except ImportError as error:
            raise ImportError(
                f"geocompile.DataParallel needs torch_geometric ({error}): pip install geocompile[pyg]"
            ) from None
        return Batch.from_data_list(list(data_list), self.follow_batch, self.exclude_keys)

    def _check_home(self) -> None:
        home = _device(self.device_ids[0])
        for tensor in (*self.module.parameters(), *self.module.buffers()):
            if tensor.device != home:
                raise RuntimeError(
                    f"geocompile.DataParallel: the module must lie on {home}, found a parameter or buffer on "
                    f"{tensor.device}; use module.to({str(home)!r})"
                )


def cuts_of(num_nodes: Tensor, num_devices: int) -> list[tuple[int, int]]:
    """Where each device's graphs start and end: a graph goes where the middle of its nodes falls.

    >>> cuts_of(torch.tensor([5, 2, 7, 1]), 2)
    [(0, 2), (2, 4)]
    """
    num_devices = min(num_devices, num_nodes.numel())
    end = num_nodes.cumsum(0)
    middle = (end - num_nodes / 2) / end[-1].clamp(min=1)
    device = (num_devices * middle).long().clamp(max=num_devices - 1)
    cuts = [0, *device.bincount(minlength=num_devices).cumsum(0).tolist()]
    return [(start, stop) for start, stop in pairwise(cuts) if start < stop]


def _device(number_or_device: int | torch.device) -> torch.device:
    if isinstance(number_or_device, int):
        return torch.device("cuda", number_or_device)
    return torch.device(number_or_device)
