"""ChebConv: Chebyshev polynomials of the scaled graph Laplacian."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import csr_from_coo, gather_segment_reduce, scatter, segment_reduce
from geocompile.layers.common.checks import check_edge_index, check_features, edge_weight_as
from geocompile.layers.common.linear import infer_size, linear
from geocompile.layers.common.node_numbers import check_numbers
from geocompile.layers.common.precision import widened
from geocompile.layers.common.propagation import ends, nodes_back, nodes_first
from geocompile.layers.common.self_loops import counted_once
from geocompile.layers.message_passing import MessagePassing


class ChebConv(MessagePassing):
    r"""The Chebyshev spectral graph convolutional operator.

    .. math::
        \mathbf{X}' = \sum_{k=0}^{K-1} \mathbf{Z}^{(k)} \Theta^{(k)} + \mathbf{b}, \qquad
        \mathbf{Z}^{(0)} = \mathbf{X}, \quad \mathbf{Z}^{(1)} = \hat{\mathbf{L}} \mathbf{X}, \quad
        \mathbf{Z}^{(k)} = 2 \hat{\mathbf{L}} \mathbf{Z}^{(k-1)} - \mathbf{Z}^{(k-2)}

    with :math:`\hat{\mathbf{L}} = 2 \mathbf{L} / \lambda_{\max} - \mathbf{I}`, :math:`A_{ij}` the weight of the edge
    j → i (self-loops are dropped), :math:`D_{ii} = \sum_j A_{ij}`, and by ``normalization``

    - ``"sym"``: :math:`\mathbf{L} = \mathbf{I} - \mathbf{D}^{-1/2} \mathbf{A} \mathbf{D}^{-1/2}`;
    - ``"rw"``: :math:`\mathbf{L} = \mathbf{I} - \mathbf{D}^{-1} \mathbf{A}`;
    - None: :math:`\mathbf{L} = \mathbf{D} - \mathbf{A}`.

    PyG 2.8.1 differs on directed graphs, where it takes the degrees of the nodes of ``edge_index[0]``
    (``degree_at_row_0=True`` does so here), and where weights are negative or there are no edges, because its
    default :math:`\lambda_{\max}` is twice the largest entry of :math:`\mathbf{L}`
    (``lambda_max_from_entries=True``). State dicts are the same.

    Args:
        in_channels: size of the input features, -1 to take it from the first input.
        out_channels: size of the output features.
        K: number of terms.
        bias: add a learned bias.
        normalization: ``"sym"``, ``"rw"`` or None.
        degree_at_row_0: degrees are those of the nodes of ``edge_index[0]`` whatever the flow, as in PyG 2.8.1.
        lambda_max_from_entries: :math:`\lambda_{\max}` is twice the largest entry of :math:`\mathbf{L}` where it is
            not given, as in PyG 2.8.1 (not a number where that is 0). Default: 2, and without normalization twice the
            largest entry, or 1 where that is 0.
        aggr: in place of the sum in the products with :math:`\hat{\mathbf{L}}`: ``"mean"``, ``"max"`` or ``"min"``.
        flow: as in :class:`MessagePassing`.
        node_dim: the dimension of ``x`` that counts nodes.

    Shapes:
        ``x`` [num_nodes, in_channels] (float32, float64, float16 or bfloat16; further dimensions in front as
        ``node_dim`` says), ``edge_index`` [2, num_edges] (int64 or int32), ``edge_weight`` [num_edges], ``batch``
        [num_nodes] the graph of each node, ``lambda_max`` one value (in eager also a number) or, with ``batch``,
        [num_graphs]; result [num_nodes, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong type, dtype, shape or device.
        IndexError: a node number is negative or too large.

    Source: Defferrard et al., "Convolutional neural networks on graphs with fast localized spectral filtering" (2016).

    >>> conv = ChebConv(1, 1, K=2, bias=False)
    >>> for weight in conv.parameters():
    ...     _ = torch.nn.init.ones_(weight)
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[0, 1], [1, 0]]))
    tensor([[-1.],
            [ 1.],
            [ 4.]])
    """

    computes_in_forward = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int,
        bias: bool = True,
        *,
        normalization: str | None = "sym",
        degree_at_row_0: bool = False,
        lambda_max_from_entries: bool = False,
        aggr: str = "add",
        flow: str = "source_to_target",
        node_dim: int = -2,
    ) -> None:
        super().__init__(aggr, flow, node_dim=node_dim)
        if not isinstance(K, int) or K < 1:
            raise ValueError(f"geocompile.ChebConv: K must be at least 1, got {K!r}")
        if normalization not in ("sym", "rw", None):
            raise ValueError(
                f"geocompile.ChebConv: normalization must be 'sym', 'rw' or None, got {normalization!r}; "
                "bias is the fourth argument"
            )
        if self._reduce == "mul":
            raise ValueError("geocompile.ChebConv: aggr must be one of add, mean, max, min, got 'mul'")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.normalization = normalization
        self.degree_at_row_0 = degree_at_row_0
        self.lambda_max_from_entries = lambda_max_from_entries
        self.lins = torch.nn.ModuleList(
            linear("ChebConv", in_channels, out_channels, bias=False, glorot=True) for _ in range(K)
        )
        self.bias = torch.nn.Parameter(torch.zeros(out_channels)) if bias else None

    def reset_parameters(self) -> None:
        """Draw the weights (Glorot), set the bias to 0."""
        for lin in self.lins:
            lin.reset_parameters()  # type: ignore[operator]
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        lambda_max: Tensor | None = None,
    ) -> Tensor:
        """The features of every node after the convolution; see the class for shapes and errors."""
        check_edge_index("ChebConv", edge_index)
        if not is_scripting():
            for lin in self.lins:
                infer_size(lin, x)  # type: ignore[arg-type]
        weight: Tensor = self.lins[0].weight  # type: ignore[assignment]
        check_features("ChebConv", x, edge_index, weight, self.in_channels, self.node_dim)
        x = nodes_first(x, self.node_dim)
        rowptr, col, weight, diagonal = self._laplacian(x, edge_index, edge_weight, batch, lambda_max)
        before, last, out = x, x, x
        for k, lin in enumerate(self.lins):
            if k == 0:
                out = lin(x)
            else:
                z = gather_segment_reduce(last, rowptr, col, weight, diagonal, self._with_loops())
                if k > 1:
                    z = 2.0 * z - before
                before, last = last, z
                out = out + lin(z)
        if self.bias is not None:
            out = out + self.bias
        return nodes_back(out, self.node_dim)

    def _with_loops(self) -> str:
        """The reduction of weighted terms that :func:`counted_once` made."""
        return "sum" if self._reduce == "mean" else self._reduce

    def _laplacian(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_weight: Tensor | None,
        batch: Tensor | None,
        lambda_max: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The scaled Laplacian: edges by receiving node with their weights, and the diagonal."""
        given = edge_weight_as("ChebConv", edge_weight, edge_index, x)
        i, j = ends(self.flow)
        check_numbers("ChebConv", "edge_index", edge_index, x.size(0))
        rowptr, perm, col = csr_from_coo(edge_index[i], x, edge_index[j])
        rows = edge_index[i].index_select(0, perm)
        weight = (rows != col).to(widened(x).dtype)  # a loop weighs nothing
        if given is not None:
            weight = torch.where(rows != col, widened(given).index_select(0, perm), weight)
        at_source = self.degree_at_row_0 and j == 0
        degree = segment_reduce(weight, rowptr, None, "sum")
        if at_source:
            degree = scatter(weight, col, dim_size=x.size(0))
        weight, diagonal = self._normalised(weight, degree, rows, col, at_source)
        factor = 2.0 / self._largest(weight, diagonal, lambda_max)
        if batch is not None and factor.numel() > 1:
            factor = factor.index_select(0, batch)
            weight = -weight * factor.index_select(0, rows)
        else:
            weight = -weight * factor
        weight, diagonal = weight.to(x.dtype), (diagonal * factor - 1.0).to(x.dtype)
        if self._reduce != "sum":
            weight, diagonal = counted_once(weight, diagonal, rowptr, col, rows, self._reduce)
        return rowptr, col, weight, diagonal

    def _normalised(
        self, weight: Tensor, degree: Tensor, rows: Tensor, col: Tensor, at_source: bool
    ) -> tuple[Tensor, Tensor]:
        """The Laplacian as the weights of the edges, without their sign, and the diagonal; a degree 0 divides to 0."""
        if self.normalization is None:
            return weight, degree
        power = -0.5 if self.normalization == "sym" else -1.0
        inverse = degree.masked_fill(degree == 0, 1.0).pow(power).masked_fill(degree == 0, 0.0)
        if self.normalization == "sym":
            weight = inverse.index_select(0, rows) * weight * inverse.index_select(0, col)
        else:
            weight = weight * inverse.index_select(0, col if at_source else rows)
        return weight, torch.ones_like(degree)

    def _largest(self, weight: Tensor, diagonal: Tensor, lambda_max: Tensor | None) -> Tensor:
        """The largest eigenvalue as it is given, or what stands for it: ``[1]`` or ``[num_graphs]``."""
        if lambda_max is not None:
            if not is_scripting():
                lambda_max = torch.as_tensor(lambda_max, device=weight.device)
            return lambda_max.reshape(-1).to(weight.dtype)
        if self.normalization is not None and not self.lambda_max_from_entries:
            return weight.new_full([1], 2.0)
        largest = 2.0 * torch.cat([-weight, diagonal, weight.new_zeros([1])]).max().reshape(1)
        return largest if self.lambda_max_from_entries else largest.masked_fill(largest == 0, 1.0)
