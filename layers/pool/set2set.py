"""Set2Set: a recurrent unit that reads the nodes of each graph by attention, several times."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import dot_attention
from geocompile.layers.common.checks import check_count, check_kind
from geocompile.layers.common.groups import groups_of, in_order
from geocompile.layers.common.options import options_of


class Set2Set(torch.nn.Module):
    r"""Global pooling by iterated content-based attention.

    .. math::
        \mathbf{q}_t &= \mathrm{LSTM}(\mathbf{q}^*_{t-1}) \\
        \alpha_{i,t} &= \mathrm{softmax}_i(\mathbf{x}_i \cdot \mathbf{q}_t) \\
        \mathbf{r}_t &= \sum_i \alpha_{i,t} \mathbf{x}_i \\
        \mathbf{q}^*_t &= \mathbf{q}_t \, \Vert \, \mathbf{r}_t

    for every graph, :math:`\mathbf{q}^*_0` and the state of the LSTM being 0 at first; the result is
    :math:`\mathbf{q}^*_T`. Equal to PyG 2.8.1's Set2Set, state dict included. No tensor holds a query or a product for
    every node.

    Args:
        in_channels: size of the input features.
        processing_steps: :math:`T`.
        num_layers: LSTMs above one another; a next one reads the :math:`\mathbf{q}_t` of the last.
        bias: the LSTM has biases.
        dropout: probability with which, in training, a value between two LSTMs is 0.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16), ``batch`` [num_nodes] (int64 or int32,
        in any order) the graph of each node, None for a single graph, ``ptr`` [num_graphs + 1] in its place for sorted
        nodes, ``dim_size`` the number of graphs, None for the largest ``batch`` plus one, ``dim`` 0 or -2, ``index``
        PyG's name of ``batch``; result [num_graphs, 2 * in_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a graph number is negative, or not below ``dim_size``.

    Source: Vinyals et al., "Order matters: sequence to sequence for sets" (2016).

    >>> pool = Set2Set(1, processing_steps=2)
    >>> for weight in pool.parameters():
    ...     _ = torch.nn.init.zeros_(weight)
    >>> with torch.no_grad():  # queries of 0: the mean
    ...     pool(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 0, 1]))
    tensor([[0.0000, 1.5000],
            [0.0000, 4.0000]])
    """

    def __init__(
        self,
        in_channels: int,
        processing_steps: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for name, count in (("in_channels", in_channels), ("num_layers", num_layers)):
            check_count("Set2Set", name, count, 1)
        check_count("Set2Set", "processing_steps", processing_steps, 0)
        self.in_channels = in_channels
        self.out_channels = 2 * in_channels
        self.processing_steps = processing_steps
        self.num_layers = num_layers
        self.lstm = torch.nn.LSTM(self.out_channels, in_channels, num_layers, bias=bias, dropout=dropout)

    def reset_parameters(self) -> None:
        r"""Draw the LSTM's weights from :math:`U(\pm 1/\sqrt{in\_channels})`."""
        self.lstm.reset_parameters()

    def forward(
        self,
        x: Tensor,
        batch: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
        index: Tensor | None = None,
    ) -> Tensor:
        """The features of every graph; see the class for shapes and errors."""
        if x.dim() != 2 or x.size(1) != self.in_channels or (dim != -2 and dim != 0):
            raise ValueError(
                f"geocompile.Set2Set: x must have shape [num_nodes, {self.in_channels}] and dim be 0 or -2, "
                f"got {list(x.shape)} and {dim}"
            )
        if not is_scripting():
            check_kind("Set2Set", "x", x, self.lstm._flat_weights[0])  # type: ignore[arg-type]
        rowptr, perm = groups_of("Set2Set", x, index if batch is None else batch, ptr, dim_size, dim, "batch")
        col = in_order(perm, rowptr, x.size(0))
        q_star = x.new_zeros([rowptr.size(0) - 1, self.out_channels])
        start = x.new_zeros([rowptr.size(0) - 1, self.in_channels])
        h, c = [start] * self.num_layers, [start] * self.num_layers
        nodes = x.unsqueeze(1)
        for _ in range(self.processing_steps):
            q = self._step(q_star, h, c)
            r, _ = dot_attention(q.unsqueeze(1), nodes, nodes, rowptr, col)
            q_star = torch.cat([q, r.squeeze(1)], dim=1)
        return q_star

    def _step(self, read: Tensor, h: list[Tensor], c: list[Tensor]) -> Tensor:
        """One step of the LSTM, written out: export would fix the number of graphs in torch's own.

        The states ``h`` and ``c`` of its layers become those after the step.
        """
        weights: list[Tensor] = self.lstm._flat_weights  # type: ignore[assignment]
        per_layer = len(weights) // self.num_layers
        for layer in range(self.num_layers):
            of_layer = weights[layer * per_layer : (layer + 1) * per_layer]
            if layer > 0:
                read = torch.nn.functional.dropout(read, self.lstm.dropout, self.training)
            gates = torch.nn.functional.linear(read, of_layer[0]) + torch.nn.functional.linear(
                h[layer], of_layer[1]
            )
            if per_layer == 4:
                gates = gates + of_layer[2] + of_layer[3]
            let_in, keep, new, let_out = gates.chunk(4, dim=1)
            c[layer] = torch.sigmoid(keep) * c[layer] + torch.sigmoid(let_in) * torch.tanh(new)
            h[layer] = torch.sigmoid(let_out) * torch.tanh(c[layer])
            read = h[layer]
        return read

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        return options_of(self)
