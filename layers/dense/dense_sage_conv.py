"""DenseSAGEConv: the mean of a node and its neighbours, transformed, on dense adjacency matrices."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.layers.common.checks import check_kind
from geocompile.layers.common.linear import linear
from geocompile.layers.common.options import options_of
from geocompile.layers.common.precision import unit_length
from geocompile.layers.dense.batches import alike, as_batch, as_mask


class DenseSAGEConv(torch.nn.Module):
    r"""The GraphSAGE operator on dense adjacency matrices; see :class:`SAGEConv`.

    .. math::
        \hat{\mathbf{x}}_i = \Theta \frac{\sum_j A_{ij} \mathbf{x}_j}{\sum_j A_{ij}} + \mathbf{b}, \qquad
        \mathbf{x}'_i = \frac{\hat{\mathbf{x}}_i}{\|\hat{\mathbf{x}}_i\|_2}

    where the diagonal of **A** is set to 1 (``add_loop``), and a row of zeros has a mean of 0. With
    ``root_weight=True`` no diagonal is set, and

    .. math::
        \hat{\mathbf{x}}_i = \Theta \frac{\sum_j A_{ij} \mathbf{x}_j}{\max(d, \sum_j A_{ij})}
        + \Theta_r \mathbf{x}_i + \mathbf{b}

    which, with ``normalize=False`` and ``min_degree=1``, is PyG 2.8.1's DenseSAGEConv, state dict included.

    Args:
        in_channels: size of the input features.
        out_channels: size of the output features.
        normalize: divide the result by its length.
        bias: add a learned bias.
        root_weight: a weight of their own for the node's own features.
        min_degree: :math:`d`, a smaller sum of a row counts as that much; it matters for weights in **A**.

    Shapes:
        ``x`` [batch_size, num_nodes, in_channels] (float32, float64, float16 or bfloat16) or a single graph's
        [num_nodes, in_channels], ``adj`` [batch_size, num_nodes, num_nodes], or [num_nodes, num_nodes] for one that
        all graphs share (the same holds for ``x``), ``mask`` [batch_size, num_nodes], 1 for each node that is there:
        the others get 0; ``add_loop`` has no effect with ``root_weight``; result [batch_size, num_nodes, out_channels].

    Raises:
        TypeError, ValueError: an argument has the wrong dtype or shape.

    Source: Hamilton et al., "Inductive representation learning on large graphs" (2017).

    >>> conv = DenseSAGEConv(1, 1, normalize=False, bias=False)
    >>> _ = torch.nn.init.ones_(conv.lin_rel.weight)
    >>> with torch.no_grad():
    ...     conv(torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[[1.5000],
             [2.0000]]])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        normalize: bool = True,
        bias: bool = True,
        *,
        root_weight: bool = False,
        min_degree: float = 0.0,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.normalize = normalize
        self.min_degree = float(min_degree)
        if self.min_degree < 0:
            raise ValueError(f"geocompile.DenseSAGEConv: min_degree must be at least 0, got {min_degree!r}")
        self.lin_rel = linear("DenseSAGEConv", in_channels, out_channels, bias=bias and not root_weight)
        self.lin_root = linear("DenseSAGEConv", in_channels, out_channels, bias=bias) if root_weight else None

    def reset_parameters(self) -> None:
        """Draw every weight and bias as :class:`torch.nn.Linear` does."""
        self.lin_rel.reset_parameters()
        if self.lin_root is not None:
            self.lin_root.reset_parameters()

    def forward(self, x: Tensor, adj: Tensor, mask: Tensor | None = None, add_loop: bool = True) -> Tensor:
        """The features of every node after the convolution; see the class for shapes and errors."""
        x, adj = alike(as_batch("DenseSAGEConv", "x", x), as_batch("DenseSAGEConv", "adj", adj))
        if adj.size(1) != adj.size(2) or x.size(1) != adj.size(1) or x.size(2) != self.in_channels:
            raise ValueError(
                f"geocompile.DenseSAGEConv: x must have shape [batch_size, num_nodes, {self.in_channels}] and adj "
                f"[batch_size, num_nodes, num_nodes], got {list(x.shape)} and {list(adj.shape)}"
            )
        if not is_scripting():
            check_kind("DenseSAGEConv", "x", x, self.lin_rel.weight)
            check_kind("DenseSAGEConv", "adj", adj, self.lin_rel.weight)
        if add_loop and self.lin_root is None:
            diagonal = torch.eye(adj.size(1), dtype=torch.bool, device=adj.device)
            adj = adj.masked_fill(diagonal, 1.0)
        degree = adj.sum(dim=-1, keepdim=True)
        if self.min_degree > 0.0:
            degree = degree.clamp(min=self.min_degree)
        out = self.lin_rel(torch.bmm(adj, x) / degree.masked_fill(degree == 0.0, 1.0))
        if self.lin_root is not None:
            out = out + self.lin_root(x)
        if self.normalize:
            out = unit_length(out)
        if mask is not None:
            out = out * as_mask("DenseSAGEConv", mask, out)
        return out  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        return options_of(self)
