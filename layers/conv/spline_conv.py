"""SplineConv: neighbours multiplied by a matrix that is a B-spline of where they lie."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import segment_reduce, spline_basis
from geocompile.layers.common.checks import check_count, check_matrix, edge_attr_as
from geocompile.layers.common.kernels import kernel_messages, sparse_kernel_sum
from geocompile.layers.common.lazy import is_unknown, materialize, parameter, take_shapes_from_state
from geocompile.layers.common.linear import infer_size, linear, pair_of_channels
from geocompile.layers.common.node_numbers import sorted_edges
from geocompile.layers.common.pairs import opened, with_own
from geocompile.layers.message_passing import MessagePassing


class SplineConv(MessagePassing):
    r"""The spline-based convolution.

    .. math::
        \mathbf{x}'_i = \frac{1}{|\mathcal{N}(i)|} \sum_{j \in \mathcal{N}(i)} \sum_{\mathbf{k}}
        \left(\prod_d B_{k_d}(e_{ji,d})\right) \mathbf{x}_j \mathbf{W}_{\mathbf{k}} + \Theta_r \mathbf{x}_i + \mathbf{b}

    where :math:`B_{k}` are the B-splines of ``degree`` over [0, 1], and ``weight[k_0 + k_1 n_0 + ...]`` is
    :math:`\mathbf{W}_{\mathbf{k}}`. Equal to PyG 2.8.1's SplineConv with ``aggr="mean"`` (``norm=True``) or
    ``aggr="add"`` (``norm=False``), state dict included; there coordinates outside [0, 1] are not looked for, and wrap
    around. PyG 1.2.0's ``root`` is ``lin.weight`` transposed; it aggregated at ``edge_index[0]``.

    Of all kernels an edge weighs ``(degree + 1) ** dim``. Features are summed once for each kernel and multiplied at
    the nodes: nothing of the size [num_edges, channels] exists.

    Args:
        in_channels: size of the input features, -1 to take it from the first input; a pair for source and target.
        out_channels: size of the output features.
        dim: the number of pseudo-coordinates of an edge.
        kernel_size: the number of kernels in each dimension; a number for all.
        is_open_spline: whether the spline is open in each dimension, else it is a circle; one value for all.
        degree: of the splines, 1, 2 or 3.
        norm: the mean of the neighbours, else their sum.
        root_weight: the term :math:`\Theta_r \mathbf{x}_i`.
        bias: add a learned bias.
        aggr: in place of what ``norm`` says, ``"add"``, ``"mean"``, ``"max"``, ``"min"`` or ``"mul"``.
        check_pseudo: look for pseudo-coordinates outside [0, 1] in eager on the CPU; engines do not.
        sender_first: a pair is sending and receiving features whatever the flow, as in PyG 2.8.1; default: ``x[k]``
            belongs to ``edge_index[k]``.
        flow: as in :class:`MessagePassing`.

    Shapes:
        ``x`` [num_nodes, in_channels] or a pair ([num_sources, in_channels[0]], [num_targets, in_channels[1]] or
        None for no :math:`\Theta_r` term), ``edge_index`` [2, num_edges] (int64 or int32), ``pseudo``
        [num_edges, dim] in [0, 1], ``size`` the number of nodes at ``edge_index[0]`` and ``edge_index[1]``;
        result [num_targets, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape, device or range.
        IndexError: a node number is negative or too large.

    Source: Fey et al., "SplineCNN: fast geometric deep learning with continuous B-spline kernels" (2018).

    >>> conv = SplineConv(1, 1, dim=1, kernel_size=2, root_weight=False, bias=False)
    >>> _ = conv.weight.data.copy_(torch.tensor([1.0, 3.0]).view(2, 1, 1))
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[1.0], [2.0]]), torch.tensor([[1], [0]]), torch.tensor([[0.5]]))
    tensor([[4.],
            [0.]])
    """

    computes_in_forward = True
    kernel_size: Tensor
    is_open_spline: Tensor

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        dim: int,
        kernel_size: int | Sequence[int],
        is_open_spline: bool | Sequence[bool] = True,
        degree: int = 1,
        norm: bool = True,
        root_weight: bool = True,
        bias: bool = True,
        *,
        aggr: str | None = None,
        check_pseudo: bool = True,
        sender_first: bool = False,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__(aggr if aggr is not None else "mean" if norm else "add", flow, node_dim=0)
        source, target = pair_of_channels("SplineConv", in_channels)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.dim = dim
        self.degree = degree
        self.root_weight = root_weight
        self.check_pseudo = check_pseudo
        self.sender_first = sender_first
        sizes = _for_each_dimension("kernel_size", kernel_size, dim)
        openness = _for_each_dimension("is_open_spline", is_open_spline, dim)
        _check_splines(degree, sizes, openness)
        self.register_buffer("kernel_size", torch.tensor(sizes, dtype=torch.long))
        self.register_buffer("is_open_spline", torch.tensor(openness, dtype=torch.uint8))
        self.num_kernels = math.prod(sizes)
        self.weight = parameter((self.num_kernels, source, out_channels))
        take_shapes_from_state(self)
        self.lin = linear("SplineConv", target, out_channels, bias=False) if root_weight else None
        self.bias = torch.nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights from U(±1/sqrt(fan in)); the bias is 0."""
        if not is_unknown(self.weight):
            self._draw_weight()
        if self.lin is not None:
            self.lin.reset_parameters()
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)

    def _draw_weight(self) -> None:
        bound = 1.0 / math.sqrt(max(self.weight.size(0) * self.weight.size(1), 1))
        torch.nn.init.uniform_(self.weight, -bound, bound)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        pseudo: Tensor,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """The features of every target node after the convolution; see the class for shapes and errors."""
        source, target, count, _ = opened("SplineConv", x, edge_index, size, self.flow, self.sender_first, 0)
        if not is_scripting():
            self._infer_sizes(source)
        check_matrix("SplineConv", source, edge_index, self.weight, self.weight.size(1))
        pseudo = edge_attr_as("SplineConv", pseudo, edge_index, source, self.dim)
        if not is_scripting() and not torch.compiler.is_compiling() and self.check_pseudo:
            _check_range(pseudo)
        rowptr, col, perm = sorted_edges("SplineConv", edge_index, self.flow, source.size(0), count)
        out = self._neighbours(source, rowptr, col, pseudo.index_select(0, perm))
        if self.lin is not None and target is not None:
            if not is_scripting():
                infer_size(self.lin, target)
            check_matrix("SplineConv", target, edge_index, self.weight, self.lin.in_features)
            out = with_own("SplineConv", out, self.lin(target))
        return out if self.bias is None else out + self.bias

    def _infer_sizes(self, source: Tensor) -> None:
        if is_unknown(self.weight):
            materialize(self.weight, (self.num_kernels, source.size(-1), self.out_channels))
            self._draw_weight()

    def _neighbours(self, x: Tensor, rowptr: Tensor, col: Tensor, pseudo: Tensor) -> Tensor:
        basis, kernel = spline_basis(pseudo, self.kernel_size, self.is_open_spline, self.degree)
        kernel = kernel.to(col.dtype)
        if self._reduce == "sum" or self._reduce == "mean":
            return sparse_kernel_sum(x, rowptr, col, basis, kernel, self.weight, self._reduce)
        messages = kernel_messages(x, col, basis, kernel, self.weight)
        return segment_reduce(messages, rowptr, None, self._reduce)


def _for_each_dimension(name: str, value: int | bool | Sequence[int | bool], dim: int) -> list[int]:
    check_count("SplineConv", "dim", dim, 1)
    if not isinstance(value, Sequence):
        return [int(value)] * dim
    if len(value) != dim:
        raise ValueError(
            f"geocompile.SplineConv: {name} must be one value or {dim}, one for each dimension, got {value!r}"
        )
    return [int(item) for item in value]


def _check_splines(degree: int, sizes: list[int], openness: list[int]) -> None:
    if degree not in (1, 2, 3):
        raise ValueError(f"geocompile.SplineConv: degree must be 1, 2 or 3, got {degree!r}")
    for size, is_open in zip(sizes, openness, strict=True):
        if size < 1 or (is_open and size <= degree):
            raise ValueError(
                f"geocompile.SplineConv: kernel_size must be at least 1, and above degree={degree} where the spline is "
                f"open, got {sizes}"
            )


def _check_range(pseudo: Tensor) -> None:
    if pseudo.device.type != "cpu" or pseudo.numel() == 0:
        return  # on a GPU the look would wait for all work that is queued
    low, high = float(pseudo.min()), float(pseudo.max())
    if low < 0.0 or high > 1.0:
        raise ValueError(
            f"geocompile.SplineConv: pseudo holds {low if low < 0.0 else high}, but its values must lie in [0, 1]; "
            "normalise them, or let them wrap around with check_pseudo=False"
        )
