"""PNAConv: several aggregations of a neighbourhood side by side, each scaled by the number of neighbours."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear as linear_map

from geocompile.custom_ops import gather_segment_reduce
from geocompile.layers.common.activations import activation
from geocompile.layers.common.attention import check_matrix
from geocompile.layers.common.checks import check_count, check_edge_index, edge_attr_as
from geocompile.layers.common.degree_scalers import DegreeScalers
from geocompile.layers.common.grouped_linear import grouped_product
from geocompile.layers.common.linear import linear, reset
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.precision import widened
from geocompile.layers.common.propagation import ends
from geocompile.layers.message_passing import MessagePassing

_AGGREGATORS = ("sum", "mean", "min", "max", "var", "std")


class PNAConv(MessagePassing):
    r"""The principal neighbourhood aggregation operator.

    .. math::
        \mathbf{x}'_i = \mathbf{W} \, \Big\Vert_t \, \gamma_t\left(\mathbf{x}_i, \mathbf{S}(d_i) \otimes
        \square_{j \in \mathcal{N}(i)} h_t(\mathbf{x}_i, \mathbf{x}_j, \mathbf{W}_e \mathbf{e}_{ji})\right) +
        \mathbf{b}

    in each tower t: every aggregation of ``aggregators`` times every factor of ``scalers``, which depend on the number
    of neighbours :math:`d_i`. A node without neighbours gets 0 from every aggregation; the variance is
    :math:`\overline{h^2} - \overline{h}^2`, and a standard deviation of at most :math:`\sqrt{10^{-5}}` is 0. Equal to
    PyG 2.8.1's PNAConv with the aggregators below, state dict included, but for ``in_channels=-1``.

    With one layer before the aggregation and no edge features nothing exists per edge: the part of
    :math:`\mathbf{x}_i` is added after the aggregation. Else there are tensors of shape
    [num_edges, towers, in_channels].

    Args:
        in_channels: size of the input features.
        out_channels: size of the output features, a multiple of ``towers``.
        aggregators: some of ``"sum"``, ``"mean"``, ``"min"``, ``"max"``, ``"var"``, ``"std"``.
        scalers: some of ``"identity"``, ``"amplification"`` :math:`\log(d_i + 1) / \delta`, ``"attenuation"``
            :math:`\delta / \log(d_i + 1)`, ``"linear"`` :math:`d_i / \bar{d}`, ``"inverse_linear"``
            :math:`\bar{d} / d_i`, with 1 for a :math:`d_i` of 0 where it divides.
        deg: how many nodes of the training graphs have 0, 1, 2, ... neighbours: of these nodes
            :math:`\bar{d}` is the mean of :math:`d`, :math:`\delta` that of :math:`\log(d + 1)`.
        edge_dim: size of the edge features; None: there are none.
        towers: number of towers.
        pre_layers: number of linear maps in :math:`h_t`.
        post_layers: number of linear maps in :math:`\gamma_t`.
        divide_input: every tower gets its part of the input features; False: all of them.
        act: between the linear maps of both: the name of an activation of torch.nn, or a module.
        act_kwargs: arguments of the activation of that name.
        train_norm: learn :math:`\bar{d}` and :math:`\delta`.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16), ``edge_index`` [2, num_edges] (int64 or
        int32), ``edge_attr`` [num_edges, edge_dim], given if and only if there is an ``edge_dim``; result
        [num_nodes, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Corso et al., "Principal neighbourhood aggregation for graph nets" (2020).

    >>> conv = PNAConv(1, 1, ["max"], ["linear"], deg=torch.tensor([0, 2]))
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.zeros_(weight)
    >>> for name in ("pre_nns.0.0", "post_nns.0.0", "lin"):  # x_j alone, then all summands
    ...     _ = torch.nn.init.ones_(conv.get_submodule(name).weight[:, -1:])
    >>> with torch.no_grad():  # the largest neighbour, times the number of neighbours over their mean, which is 1
    ...     conv(torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([[1, 2], [0, 0]]))
    tensor([[12.],
            [ 0.],
            [ 0.]])
    """

    computes_in_forward = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        aggregators: list[str],
        scalers: list[str],
        deg: Tensor,
        edge_dim: int | None = None,
        towers: int = 1,
        pre_layers: int = 1,
        post_layers: int = 1,
        divide_input: bool = False,
        act: str | Callable[[Tensor], Tensor] = "relu",
        act_kwargs: dict[str, Any] | None = None,
        train_norm: bool = False,
        *,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__("add", flow, node_dim=0)
        counts = {"in_channels": in_channels, "out_channels": out_channels, "towers": towers}
        for name, value in {**counts, "pre_layers": pre_layers, "post_layers": post_layers}.items():
            check_count("PNAConv", name, value, 1)
        _check_parts(in_channels if divide_input else towers, out_channels, towers)
        _check_aggregators(aggregators)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.edge_dim = edge_dim
        self.towers = towers
        self.divide_input = divide_input
        self.aggregators = list(aggregators)
        self.F_in = in_channels // towers if divide_input else in_channels
        self.F_out = out_channels // towers
        self.aggr_module = DegreeScalers("PNAConv", scalers, deg, train_norm)
        width = (len(aggregators) * len(scalers) + 1) * self.F_in
        num_inputs = 2 if edge_dim is None else 3

        def network(first: int, channels: int, num_layers: int) -> _Network:
            return _network(first, channels, num_layers, act, act_kwargs)

        self.edge_encoder = None if edge_dim is None else linear("PNAConv", edge_dim, self.F_in, bias=True)
        self.pre_nns = torch.nn.ModuleList(
            [network(num_inputs * self.F_in, self.F_in, pre_layers) for _ in range(towers)]
        )
        self.post_nns = torch.nn.ModuleList([network(width, self.F_out, post_layers) for _ in range(towers)])
        self.lin = linear("PNAConv", out_channels, out_channels, bias=True)
        self.is_linear = pre_layers == 1

    def reset_parameters(self) -> None:
        """Draw every map as :class:`torch.nn.Linear` does, set the mean degrees back."""
        self.aggr_module.reset_parameters()
        for module in (self.edge_encoder, self.pre_nns, self.post_nns, self.lin):
            if module is not None:
                reset(module)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor | None = None) -> Tensor:
        """The features of every node after the convolution; see the class for shapes and errors."""
        check_edge_index("PNAConv", edge_index)
        check_matrix(
            "PNAConv", x, edge_index, x.new_empty((0, self.in_channels), dtype=self.lin.weight.dtype)
        )
        i, j = ends(self.flow)
        rowptr, col, perm = sorted_edges("PNAConv", edge_index, self.flow, x.size(0), x.size(0))
        own, sent, added = self._parts_of_messages(x, edge_index, edge_attr)
        places, shift = col, own
        if added is not None or not self.is_linear:
            sent, places = sent.index_select(0, edge_index[j]), perm
            if added is not None:
                sent = sent + added
            if not self.is_linear:
                sent = self._through_the_rest(sent + own.index_select(0, edge_index[i]))
                shift = torch.zeros_like(own)
        degree = (rowptr[1:] - rowptr[:-1]).to(widened(x).dtype)
        read = self._aggregated(widened(sent), widened(shift), rowptr, places, degree)
        return self._finished(x, read.to(x.dtype), self.aggr_module(degree).to(x.dtype))

    def _parts_of_messages(
        self, x: Tensor, edge_index: Tensor, edge_attr: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """What the first map of every tower makes of both ends [num_nodes, towers, F_in], and of edges."""
        weights, biases = [], []
        for network in self.pre_nns:
            w, b = network.first()  # type: ignore[operator]
            weights.append(w)
            biases.append(b)
        weight, bias = torch.stack(weights), torch.stack(biases)
        width = self.F_in
        of_edge = weight[:, :, 2 * width :].flatten(0, 1)
        added: Tensor | None = None
        if self.edge_encoder is None:
            if edge_attr is not None:
                raise ValueError(
                    "geocompile.PNAConv: edge_attr is given, but edge_dim was None; set edge_dim"
                )
        elif edge_attr is None:
            raise ValueError(
                "geocompile.PNAConv: edge_attr is missing; with an edge_dim every edge has features"
            )
        else:
            encoder = self.edge_encoder
            edge_attr = edge_attr_as("PNAConv", edge_attr, edge_index, x, encoder.weight.size(1))
            added = linear_map(edge_attr, of_edge @ encoder.weight, of_edge @ encoder.bias)
            added = added.view([edge_attr.size(0), self.towers, width])
        own = self._in_towers(x, weight[:, :, :width]) + bias
        return own, self._in_towers(x, weight[:, :, width : 2 * width]), added

    def _in_towers(self, x: Tensor, weight: Tensor) -> Tensor:
        """``x`` under the map of each tower, ``weight`` [towers, F_in, F_in]: [num_nodes, towers, F_in]."""
        shape = [x.size(0), self.towers, self.F_in]
        if self.divide_input:
            return grouped_product(x.view(shape), weight.transpose(1, 2))
        return linear_map(x, weight.flatten(0, 1)).view(shape)

    def _through_the_rest(self, messages: Tensor) -> Tensor:
        """What follows the first map of each tower."""
        towers = []
        for t, network in enumerate(self.pre_nns):
            towers.append(network.rest(messages[:, t]))  # type: ignore[operator]
        return torch.stack(towers, dim=1)

    def _aggregated(
        self, sent: Tensor, shift: Tensor, rowptr: Tensor, places: Tensor, degree: Tensor
    ) -> Tensor:
        """The aggregations of ``sent + shift``, [num_nodes, towers, num_aggregators * F_in]; ``shift`` is per node."""
        shift = shift * (degree > 0).to(shift.dtype).view(-1, 1, 1)
        has_spread = "var" in self.aggregators or "std" in self.aggregators
        mean, variance = torch.zeros_like(shift), torch.zeros_like(shift)
        if has_spread or "mean" in self.aggregators:
            mean = gather_segment_reduce(sent, rowptr, places, None, None, "mean")
        if has_spread:  # which a shift does not change
            squares = gather_segment_reduce(sent * sent, rowptr, places, None, None, "mean")
            variance = squares - mean * mean
        found: list[Tensor] = []
        for name in self.aggregators:
            if name == "var":
                found.append(variance)
            elif name == "std":
                found.append(_deviation(variance))
            elif name == "mean":
                found.append(mean + shift)
            else:
                out = gather_segment_reduce(sent, rowptr, places, None, None, name)
                found.append(out + (shift * degree.view(-1, 1, 1) if name == "sum" else shift))
        return torch.cat(found, dim=-1)

    def _finished(self, x: Tensor, read: Tensor, scales: Tensor) -> Tensor:
        """The networks after the aggregation; ``scales`` [num_scalers, num_nodes] go behind their first map."""
        width = read.size(2)
        towers = []
        for t, network in enumerate(self.post_nns):
            weight, bias = network.first()  # type: ignore[operator]
            own = x[:, t * self.F_in : (t + 1) * self.F_in] if self.divide_input else x
            out = linear_map(own, weight[:, : self.F_in], bias)
            for s in range(scales.size(0)):
                start = self.F_in + s * width
                part = linear_map(read[:, t], weight[:, start : start + width])
                out = out + scales[s].unsqueeze(1) * part
            towers.append(network.rest(out))  # type: ignore[operator]
        return self.lin(torch.cat(towers, dim=1))  # type: ignore[no-any-return]

    @staticmethod
    def get_degree_histogram(loader: Iterable[Any]) -> Tensor:
        """How many nodes of the graphs have 0, 1, 2, ... incoming edges: the argument ``deg``.

        Args:
            loader: graphs with ``edge_index`` and ``num_nodes``.

        Returns:
            int64 ``[largest number + 1]``.
        """
        counts = [
            torch.bincount(torch.bincount(data.edge_index[1], minlength=data.num_nodes)) for data in loader
        ]
        length = max([count.numel() for count in counts], default=1)
        total = torch.zeros(length, dtype=torch.int64, device=counts[0].device if counts else None)
        for count in counts:
            total[: count.numel()] += count
        return total


class _Network(torch.nn.Sequential):
    """Linear maps with activations between them, of which the layer takes the first apart."""

    def first(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the first map."""
        weight, bias = self[0].weight, self[0].bias
        assert isinstance(weight, Tensor)
        assert isinstance(bias, Tensor)
        return weight, bias

    def rest(self, x: Tensor) -> Tensor:
        """What follows the first map."""
        for k, module in enumerate(self):
            if k > 0:
                x = module(x)
        return x


def _network(
    first: int,
    channels: int,
    num_layers: int,
    act: str | Callable[[Tensor], Tensor],
    act_kwargs: dict[str, Any] | None,
) -> _Network:
    """Linear maps with the activation between them."""
    modules: list[torch.nn.Module] = [linear("PNAConv", first, channels, bias=True)]
    for _ in range(num_layers - 1):
        between = activation("PNAConv", "act", act)
        if isinstance(act, str) and act_kwargs:
            kind: Any = type(between)
            between = kind(**act_kwargs)
        if not isinstance(between, torch.nn.Module):
            raise TypeError(f"geocompile.PNAConv: act must be a name or a module, got {between!r}")
        modules += [between, linear("PNAConv", channels, channels, bias=True)]
    return _Network(*modules)


def _deviation(variance: Tensor) -> Tensor:
    """The square root, without its infinite slope at 0."""
    root = variance.clamp(min=1e-5).sqrt()
    return root.masked_fill(variance <= 1e-5, 0.0)


def _check_parts(in_channels: int, out_channels: int, towers: int) -> None:
    if in_channels % towers != 0 or out_channels % towers != 0:
        raise ValueError(
            f"geocompile.PNAConv: towers={towers} must divide out_channels, and in_channels under divide_input"
        )


def _check_aggregators(aggregators: list[str]) -> None:
    unknown = [name for name in aggregators if name not in _AGGREGATORS]
    if unknown or not aggregators:
        raise ValueError(
            f"geocompile.PNAConv: aggregators must be some of {', '.join(_AGGREGATORS)}, got {aggregators!r}"
        )
