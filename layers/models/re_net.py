"""RENet: who does what to whom next, from what happened before."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout, log_softmax

from geocompile.custom_ops import csr_from_coo, gather_segment_reduce
from geocompile.layers.common.checks import check_count
from geocompile.layers.common.options import options_of
from geocompile.layers.models.events import Events, History
from geocompile.layers.models.recurrent import gru_state


class RENet(torch.nn.Module):
    r"""The recurrent event network over a temporal knowledge graph.

    .. math::
        \mathbf{h}^{(t)}(s, r) = \mathrm{GRU}\left(\left[\mathbf{e}_s,
        \frac{1}{|\mathcal{O}_r^{(t)}(s)|} \sum_{o \in \mathcal{O}_r^{(t)}(s)} \mathbf{e}_o, \mathbf{e}_r\right],
        \mathbf{h}^{(t-1)}(s, r)\right), \qquad
        \log p(o \mid s, r) = \log \mathrm{softmax}\left(\mathbf{W}
        \left[\mathbf{e}_s, \mathbf{h}^{(T)}(s, r), \mathbf{e}_r\right] + \mathbf{b}\right)

    :math:`\mathcal{O}_r^{(t)}(s)` are the objects that s met under r at step t; without any the mean is 0. The subject
    of an event is predicted in the same way, from its object and the subjects that this one met.

    Equal to PyG 2.8.1's RENet, state dict included; with ``num_layers > 1``, which fails there, the state of the last
    layer is :math:`\mathbf{h}`.

    Args:
        num_nodes: number of entities.
        num_rels: number of relations.
        hidden_channels: size of their embeddings and of the state.
        seq_len: number of steps of the history.
        num_layers: recurrent layers.
        dropout: probability with which a value is dropped before the last layer, in training.
        bias: all layers have a bias.

    Shapes:
        ``data`` an object with the attributes of :class:`Events`, such as a PyG ``Batch`` of events to which
        :meth:`pre_transform` wrote their history (``follow_batch=["h_sub", "h_obj"]``), or an :class:`Events`; result
        ([num_events, num_nodes], [num_events, num_nodes]), the log-probabilities of the object, and of the subject.

    Raises:
        ValueError: a size is less than 1, or ``data`` lacks a part.
        IndexError: the number of a node, relation, step or event is out of range.

    Source: Jin et al., "Recurrent event network for reasoning over temporal knowledge graphs" (2019).

    >>> one, none = torch.tensor([1]), torch.tensor([], dtype=torch.long)
    >>> model = RENet(num_nodes=4, num_rels=2, hidden_channels=8, seq_len=3)
    >>> of_object, of_subject = model(Events(one, one, one, none, none, none, none, none, none))
    >>> of_object.shape
    torch.Size([1, 4])
    """

    def __init__(
        self,
        num_nodes: int,
        num_rels: int,
        hidden_channels: int,
        seq_len: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        sizes = {"num_nodes": num_nodes, "num_rels": num_rels, "hidden_channels": hidden_channels}
        for name, size in {**sizes, "seq_len": seq_len, "num_layers": num_layers}.items():
            check_count("RENet", name, size, 1)
        self.num_nodes = num_nodes
        self.num_rels = num_rels
        self.hidden_channels = hidden_channels
        self.seq_len = seq_len
        self.num_layers = num_layers
        self.dropout = float(dropout)
        self.ent = torch.nn.Parameter(torch.empty(num_nodes, hidden_channels))
        self.rel = torch.nn.Parameter(torch.empty(num_rels, hidden_channels))
        wide = 3 * hidden_channels
        self.sub_gru = torch.nn.GRU(wide, hidden_channels, num_layers, batch_first=True, bias=bias)
        self.obj_gru = torch.nn.GRU(wide, hidden_channels, num_layers, batch_first=True, bias=bias)
        self.sub_lin = torch.nn.Linear(wide, num_nodes, bias=bias)
        self.obj_lin = torch.nn.Linear(wide, num_nodes, bias=bias)
        self._draw_embeddings()

    def reset_parameters(self) -> None:
        """Draw the embeddings (Glorot, twice the variance) and the weights of the layers anew."""
        self._draw_embeddings()
        for part in (self.sub_gru, self.obj_gru, self.sub_lin, self.obj_lin):
            part.reset_parameters()

    def _draw_embeddings(self) -> None:
        for embeddings in (self.ent, self.rel):
            torch.nn.init.xavier_uniform_(embeddings, gain=math.sqrt(2.0))

    @staticmethod
    def pre_transform(seq_len: int) -> Callable[[Any], Any]:
        """What writes their history to the events of a data set, one by one, in the order of time.

        See :class:`History`; an instance serves one pass over one data set.

        Args:
            seq_len: number of steps of the history.
        """
        return History(seq_len)

    def forward(self, data: Events) -> tuple[Tensor, Tensor]:
        """The log-probabilities of the object and of the subject of each event; see the class for shapes and errors."""
        sub, obj, rel = self.ent[data.sub], self.ent[data.obj], self.rel[data.rel]
        h_sub = self._mean_met(data.h_sub, data.h_sub_t, data.h_sub_batch, sub)
        h_obj = self._mean_met(data.h_obj, data.h_obj_t, data.h_obj_batch, obj)
        h_sub = self._sequence(sub, h_sub, rel)
        h_obj = self._sequence(obj, h_obj, rel)
        h_sub = gru_state(h_sub, self.sub_gru._flat_weights, self.num_layers)  # type: ignore[arg-type]
        h_obj = gru_state(h_obj, self.obj_gru._flat_weights, self.num_layers)  # type: ignore[arg-type]
        of_obj = dropout(torch.cat([sub, h_sub, rel], dim=-1), self.dropout, self.training)
        of_sub = dropout(torch.cat([obj, h_obj, rel], dim=-1), self.dropout, self.training)
        return log_softmax(self.sub_lin(of_obj), dim=1), log_softmax(self.obj_lin(of_sub), dim=1)

    def _mean_met(self, met: Tensor, step: Tensor, event: Tensor, of: Tensor) -> Tensor:
        """The mean embedding of those met at each step, ``[num_events, seq_len, hidden_channels]``."""
        slots = of.new_empty([of.size(0) * self.seq_len, 0])
        rowptr, _, col = csr_from_coo(event * self.seq_len + step, slots, met)
        mean = gather_segment_reduce(self.ent, rowptr, col, None, None, "mean")
        return mean.view(-1, self.seq_len, self.hidden_channels)

    def _sequence(self, node: Tensor, met: Tensor, rel: Tensor) -> Tensor:
        steps = (-1, self.seq_len, -1)
        return torch.cat([node.unsqueeze(1).expand(steps), met, rel.unsqueeze(1).expand(steps)], dim=-1)

    def test(self, logits: Tensor, y: Tensor) -> Tensor:
        """Mean reciprocal rank, and the share of the true nodes among the first 1, 3 and 10.

        Args:
            logits: ``[num_events, num_nodes]``, such as a result of :meth:`forward`; equal ones in the order of nodes.
            y: ``[num_events]``, the true nodes.

        Returns:
            ``[4]``, float32.

        Raises:
            ValueError: the shapes do not fit.
        """
        if logits.dim() != 2 or y.dim() != 1 or y.size(0) != logits.size(0):
            raise ValueError(
                f"geocompile.RENet: test needs logits [num_events, num_nodes] and y [num_events], "
                f"got {list(logits.shape)} and {list(y.shape)}"
            )
        order = logits.argsort(dim=1, descending=True, stable=True)
        rank = (order == y.view(-1, 1)).float().argmax(dim=1)
        hits = [(rank < first).float().mean() for first in (1, 3, 10)]
        return torch.stack([(1.0 / (rank + 1)).mean(), *hits]).float()

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        return options_of(self)
