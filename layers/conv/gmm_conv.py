"""GMMConv: neighbours weighed by Gaussians of where they lie."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import gaussian_weights, segment_reduce
from geocompile.layers.common.checks import check_count, check_matrix, edge_attr_as
from geocompile.layers.common.kernels import kernel_messages, kernel_sum
from geocompile.layers.common.lazy import is_unknown, materialize, parameter, take_shapes_from_state
from geocompile.layers.common.linear import glorot_, infer_size, linear, pair_of_channels
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.pairs import opened, with_own
from geocompile.layers.message_passing import MessagePassing


class GMMConv(MessagePassing):
    r"""The Gaussian mixture model convolution.

    .. math::
        \mathbf{x}'_i = \frac{1}{|\mathcal{N}(i)|} \sum_{j \in \mathcal{N}(i)} \frac{1}{K} \sum_{k=1}^{K}
        w_k(\mathbf{e}_{ji}) \Theta_k \mathbf{x}_j + \Theta_r \mathbf{x}_i + \mathbf{b}, \qquad
        w_k(\mathbf{e}) = \exp\left(-\frac{1}{2} \sum_d \frac{(e_d - \mu_{k,d})^2}{10^{-15} + \sigma_{k,d}^2}\right)

    With ``separate_gaussians`` every pair of channels has Gaussians of its own. PyG 2.8.1's GMMConv, state dict
    included, is this layer with ``kernel_average=False``: it leaves the :math:`1/K` out. There ``root_weight=False``
    fails; here it works.

    With shared Gaussians and sum or mean, features are summed once for each Gaussian and multiplied at the nodes:
    nothing of the size [num_edges, channels] exists. Separate ones go one input channel after the other,
    [num_edges, out_channels * kernel_size] at a time.

    Args:
        in_channels: size of the input features, -1 to take it from the first input; a pair for source and target.
        out_channels: size of the output features.
        dim: the number of pseudo-coordinates of an edge.
        kernel_size: :math:`K`.
        separate_gaussians: Gaussians for each pair of input and output channel.
        aggr: ``"add"``, ``"mean"``, ``"max"``, ``"min"`` or ``"mul"`` of the neighbours.
        root_weight: the term :math:`\Theta_r \mathbf{x}_i`.
        bias: add a learned bias.
        kernel_average: the factor :math:`1/K`.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels] or a pair ([num_sources, in_channels[0]], [num_targets, in_channels[1]] or
        None for no :math:`\Theta_r` term), ``edge_index`` [2, num_edges] (int64 or int32), ``edge_attr``
        [num_edges, dim], the pseudo-coordinates (without them there is nothing to weigh by: None is refused, as
        PyG 2.8.1 fails on it), ``size`` the number of nodes at ``edge_index[0]`` and ``edge_index[1]``;
        result [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Monti et al., "Geometric deep learning on graphs and manifolds using mixture model CNNs" (2017).

    >>> conv = GMMConv(1, 1, dim=1, kernel_size=2, root_weight=False, bias=False)
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.ones_(weight)
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[1.0], [2.0]]), torch.tensor([[1], [0]]), torch.tensor([[1.0]]))
    tensor([[2.],
            [0.]])
    """

    computes_in_forward = True

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        dim: int,
        kernel_size: int,
        separate_gaussians: bool = False,
        aggr: str = "mean",
        root_weight: bool = True,
        bias: bool = True,
        *,
        kernel_average: bool = True,
        sender_first: bool = False,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__(aggr, flow, node_dim=0)
        for name, value in (("dim", dim), ("kernel_size", kernel_size)):
            check_count("GMMConv", name, value, 1)
        source, target = pair_of_channels("GMMConv", in_channels)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.dim = dim
        self.kernel_size = kernel_size
        self.separate_gaussians = separate_gaussians
        self.root_weight = root_weight
        self.kernel_average = kernel_average
        self.sender_first = sender_first
        self.g = parameter((source, out_channels * kernel_size))
        self.mu = parameter(self._gaussian_shape(source))
        self.sigma = parameter(self._gaussian_shape(source))
        take_shapes_from_state(self)
        self.root = linear("GMMConv", target, out_channels, bias=False, glorot=True) if root_weight else None
        self.bias = torch.nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def _gaussian_shape(self, in_channels: int) -> tuple[int, ...]:
        if self.separate_gaussians:
            return in_channels, self.out_channels, self.kernel_size, self.dim
        return self.kernel_size, self.dim

    def reset_parameters(self) -> None:
        """Draw weights, means and widths by Glorot's rule; the bias is 0."""
        for weight in (self.g, self.mu, self.sigma):
            if not is_unknown(weight):
                glorot_(weight)
        if self.root is not None:
            self.root.reset_parameters()
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        source, target, count, _ = opened("GMMConv", x, edge_index, size, self.flow, self.sender_first, 0)
        if edge_attr is None:
            raise ValueError(
                f"geocompile.GMMConv: edge_attr is missing; give the pseudo-coordinates [num_edges, {self.dim}] of "
                "the edges, such as pos[edge_index[0]] - pos[edge_index[1]]"
            )
        if not is_scripting():
            self._infer_sizes(source)
        check_matrix("GMMConv", source, edge_index, self.g, self.g.size(0))
        pseudo = edge_attr_as("GMMConv", edge_attr, edge_index, source, self.dim)
        rowptr, col, perm = sorted_edges("GMMConv", edge_index, self.flow, source.size(0), count)
        out = self._neighbours(source, rowptr, col, pseudo.index_select(0, perm))
        if self.root is not None and target is not None:
            if not is_scripting():
                infer_size(self.root, target)
            check_matrix("GMMConv", target, edge_index, self.g, self.root.in_features)
            out = with_own("GMMConv", out, self.root(target))
        return out if self.bias is None else out + self.bias

    def _infer_sizes(self, source: Tensor) -> None:
        if not is_unknown(self.g):
            return
        channels = source.size(-1)
        materialize(self.g, (channels, self.out_channels * self.kernel_size))
        for weight in (self.mu, self.sigma):
            if is_unknown(weight):
                materialize(weight, self._gaussian_shape(channels))
                glorot_(weight)
        glorot_(self.g)

    def _neighbours(self, x: Tensor, rowptr: Tensor, col: Tensor, pseudo: Tensor) -> Tensor:
        g = self.g / self.kernel_size if self.kernel_average else self.g
        if self.separate_gaussians:
            return segment_reduce(self._separate_messages(x, col, pseudo, g), rowptr, None, self._reduce)
        weight = gaussian_weights(pseudo, self.mu, self.sigma)
        matrices = g.view([g.size(0), self.kernel_size, self.out_channels]).transpose(0, 1)
        if self._reduce == "sum" or self._reduce == "mean":
            return kernel_sum(x, rowptr, col, weight, matrices, self._reduce)
        every = torch.arange(self.kernel_size, dtype=col.dtype, device=col.device)
        messages = kernel_messages(
            x, col, weight, every.unsqueeze(0).expand([col.size(0), self.kernel_size]), matrices
        )
        return segment_reduce(messages, rowptr, None, self._reduce)

    def _separate_messages(self, x: Tensor, col: Tensor, pseudo: Tensor, g: Tensor) -> Tensor:
        """``[num_edges, out_channels]``, one input channel after the other."""
        messages = x.new_zeros([col.size(0), self.out_channels])
        for channel in range(self.g.size(0)):
            mu, sigma = self.mu[channel].flatten(0, 1), self.sigma[channel].flatten(0, 1)
            weight = gaussian_weights(pseudo, mu, sigma) * g[channel]
            weight = weight.view([col.size(0), self.out_channels, self.kernel_size]).sum(-1)
            messages = messages + x[:, channel].index_select(0, col).unsqueeze(1) * weight
        return messages
