"""Softmax and power mean of what a node receives, for each feature. Scriptable."""

import torch
from torch import Tensor

from geocompile.custom_ops import gat_aggregate, gather_segment_reduce


class SoftmaxOfMessages(torch.nn.Module):
    r"""The sum of messages weighted by their own softmax, :math:`\sum_p \mathrm{softmax}_p(t \, m_p) \, m_p`.

    Args:
        t: the inverse temperature.
        learn: learn it.
        semi_grad: the weights have no gradient; without effect where t is learned.
    """

    def __init__(self, t: float, learn: bool, semi_grad: bool) -> None:
        super().__init__()
        self.initial_t = float(t)
        self.semi_grad = semi_grad and not learn
        self.t = torch.nn.Parameter(torch.full((1,), self.initial_t)) if learn else self.initial_t

    def reset_parameters(self) -> None:
        """Set t back."""
        if isinstance(self.t, Tensor):
            torch.nn.init.constant_(self.t, self.initial_t)

    def forward(self, messages: Tensor, rowptr: Tensor, places: Tensor) -> Tensor:
        """``messages`` [num_messages, channels] at the ``places`` of each row: [num_rows, channels]."""
        scores = (messages * self.t).to(messages.dtype)
        if self.semi_grad:
            scores = scores.detach()
        # Every feature is a head of one channel. A slope of 1 leaves the scores as they are.
        nothing = scores.new_zeros([rowptr.size(0) - 1, scores.size(1)])
        out = gat_aggregate(messages.unsqueeze(2), rowptr, places, scores, nothing, None, None, 1.0, False)
        return out.squeeze(2)


class PowerMeanOfMessages(torch.nn.Module):
    r"""The power mean, :math:`\left(\frac{1}{n} \sum_p m_p^{\,q}\right)^{1/q}`, of values between 1e-4 and 100.

    What lies outside is set to these bounds, and so is the mean of powers. A q of 1 that is not learned gives the
    plain mean.

    Args:
        p: q.
        learn: learn it.
    """

    def __init__(self, p: float, learn: bool) -> None:
        super().__init__()
        self.initial_p = float(p)
        self.is_mean = not learn and self.initial_p == 1.0
        self.p = torch.nn.Parameter(torch.full((1,), self.initial_p)) if learn else self.initial_p

    def reset_parameters(self) -> None:
        """Set q back."""
        if isinstance(self.p, Tensor):
            torch.nn.init.constant_(self.p, self.initial_p)

    def forward(self, messages: Tensor, rowptr: Tensor, places: Tensor) -> Tensor:
        """``messages`` [num_messages, channels] at the ``places`` of each row: [num_rows, channels]."""
        if self.is_mean:
            return gather_segment_reduce(messages, rowptr, places, None, None, "mean")
        powers = messages.clamp(1e-4, 100.0).pow(self.p)
        mean = gather_segment_reduce(powers, rowptr, places, None, None, "mean")
        return mean.clamp(1e-4, 100.0).pow(1.0 / self.p)


class ReducedMessages(torch.nn.Module):
    """Sum, mean, maximum, minimum or product, under the same interface."""

    def __init__(self, reduce: str) -> None:
        super().__init__()
        self.reduce = reduce

    def reset_parameters(self) -> None:
        """Nothing is learned."""

    def forward(self, messages: Tensor, rowptr: Tensor, places: Tensor) -> Tensor:
        """``messages`` [num_messages, channels] at the ``places`` of each row: [num_rows, channels]."""
        return gather_segment_reduce(messages, rowptr, places, None, None, self.reduce)
