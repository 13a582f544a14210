"""Events of a temporal knowledge graph, and the history that each of them has."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from geocompile.layers.common.checks import check_count


class Events(NamedTuple):
    """A batch of events as :class:`RENet` takes it, where there is no PyG ``Data``: TorchScript, engines.

    ``sub``, ``rel``, ``obj`` [num_events] int64. The history of the subjects: nodes ``h_sub``, the step
    ``h_sub_t`` of each (0 the oldest) and the event ``h_sub_batch`` that it belongs to; ``h_obj`` likewise.
    """

    sub: Tensor
    rel: Tensor
    obj: Tensor
    h_sub: Tensor
    h_sub_t: Tensor
    h_sub_batch: Tensor
    h_obj: Tensor
    h_obj_t: Tensor
    h_obj_batch: Tensor

    def __contains__(self, name: object) -> bool:
        """Whether there is a part of this name, as PyG's ``Data`` answers; not whether a tensor is among them."""
        return name in self._fields


class History:
    """Writes to each event what its subject and its object met before; given one event after the other, by time.

    ``h_sub`` are the objects that the subject met under the event's relation in the last `seq_len` steps, and
    ``h_sub_t`` the step of each, 0 the oldest; ``h_obj`` and ``h_obj_t`` are the subjects that the object met. A step
    is a time stamp that some event has, whatever the time between two; events of the event's own time stamp do not
    count.
    """

    def __init__(self, seq_len: int) -> None:
        check_count("RENet", "seq_len", seq_len, 1)
        self.seq_len = seq_len
        self.step = 0
        self.last = 0
        self.met_by_sub: dict[
            tuple[int, int], list[tuple[int, int]]
        ] = {}  # (node, relation) -> (step, other)
        self.met_by_obj: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def __call__(self, data: Any) -> Any:
        """``data``, an event with the numbers ``sub``, ``rel``, ``obj`` and ``t``, with its history."""
        sub, rel, obj, t = int(data.sub), int(data.rel), int(data.obj), int(data.t)
        if t > self.last:
            self.step, self.last = self.step + 1, t
        data.h_sub, data.h_sub_t = self._recent(self.met_by_sub, (sub, rel))
        data.h_obj, data.h_obj_t = self._recent(self.met_by_obj, (obj, rel))
        self.met_by_sub.setdefault((sub, rel), []).append((self.step, obj))
        self.met_by_obj.setdefault((obj, rel), []).append((self.step, sub))
        return data

    def _recent(
        self, met: dict[tuple[int, int], list[tuple[int, int]]], key: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """What is young enough, and was before this step; what is too old is forgotten."""
        oldest = self.step - self.seq_len
        kept = [(step, other) for step, other in met.get(key, []) if step >= oldest]
        if kept:
            met[key] = kept
        found = [(other, step - oldest) for step, other in kept if step < self.step]
        nodes, steps = torch.tensor(found, dtype=torch.long).view(-1, 2).t()
        return nodes.contiguous(), steps.contiguous()

    def __repr__(self) -> str:
        return f"History(seq_len={self.seq_len})"
