"""SignedGCN: embeddings of nodes that have friends and foes, and what they tell of a pair."""

import torch
from torch import Tensor
from torch.nn.functional import nll_loss

from geocompile.layers.common.checks import check_count, check_edge_index
from geocompile.layers.common.node_numbers import check_numbers
from geocompile.layers.common.options import options_of
from geocompile.layers.conv.signed_conv import SignedConv
from geocompile.layers.models.metrics import labelled, sklearn_module
from geocompile.layers.models.pairs_of_nodes import sample_non_edges, sample_non_neighbours
from geocompile.layers.models.signed_spectrum import spectral_features


class SignedGCN(torch.nn.Module):
    r"""The signed graph convolutional network: :class:`SignedConv` and ReLU, ``num_layers`` times.

    .. math::
        \mathbf{Z}^{(1)} = \mathrm{ReLU}\left(\mathrm{SignedConv}(\mathbf{X})\right), \qquad
        \mathbf{Z}^{(l + 1)} = \mathrm{ReLU}\left(\mathrm{SignedConv}(\mathbf{Z}^{(l)})\right)

    where the first layer reads ``x`` itself and the next ones the two halves of what the layer before gave. It is
    trained with :meth:`loss`. Equal to PyG 2.8.1's SignedGCN, state dict included, except that ``bias=False`` leaves
    all biases out (there it has no effect) and that an odd ``hidden_channels``, whose halves :meth:`discriminate`
    cannot read there, is refused.

    Args:
        in_channels: size of the input features.
        hidden_channels: size of an embedding, half of it for friends and half for foes.
        num_layers: number of layers, at least 1.
        lamb: weight of the embedding losses in :meth:`loss`.
        bias: all layers have a bias.

    Shapes:
        ``x`` [num_nodes, in_channels], ``pos_edge_index`` [2, num_pos_edges], ``neg_edge_index`` [2, num_neg_edges]
        int64 or int32; result [num_nodes, hidden_channels].

    Raises:
        ValueError: ``hidden_channels`` is odd, or a size less than 1; a shape or dtype does not fit.
        IndexError: a node number is out of range.

    Source: Derr et al., "Signed graph convolutional network" (2018).

    >>> model = SignedGCN(in_channels=2, hidden_channels=4, num_layers=2)
    >>> friends, foes = torch.tensor([[0, 1], [1, 0]]), torch.tensor([[1], [2]])
    >>> z = model(torch.ones(3, 2), friends, foes)
    >>> model.discriminate(z, foes).exp().sum(dim=1).round()
    tensor([1.], grad_fn=<RoundBackward0>)
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, num_layers: int, lamb: float = 5, bias: bool = True
    ) -> None:
        super().__init__()
        for name, value in (("in_channels", in_channels), ("hidden_channels", hidden_channels)):
            check_count("SignedGCN", name, value, 1)
        check_count("SignedGCN", "num_layers", num_layers, 1)
        if hidden_channels % 2 == 1:
            raise ValueError(
                f"geocompile.SignedGCN: hidden_channels must be even, half for friends and half for foes, "
                f"got {hidden_channels}"
            )
        half = hidden_channels // 2
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.num_layers = num_layers
        self.lamb = lamb
        self.conv1 = SignedConv(in_channels, half, first_aggr=True, bias=bias)
        self.convs = torch.nn.ModuleList(
            SignedConv(half, half, first_aggr=False, bias=bias) for _ in range(num_layers - 1)
        )
        self.lin = torch.nn.Linear(2 * hidden_channels, 3, bias=bias)

    def reset_parameters(self) -> None:
        """Draw the weights of all layers anew."""
        for conv in (self.conv1, *self.convs):
            conv.reset_parameters()
        self.lin.reset_parameters()

    def forward(self, x: Tensor, pos_edge_index: Tensor, neg_edge_index: Tensor) -> Tensor:
        """The embedding of every node; see the class for shapes and errors."""
        z = torch.relu(self.conv1(x, pos_edge_index, neg_edge_index))
        for conv in self.convs:
            z = torch.relu(conv(z, pos_edge_index, neg_edge_index))
        return z

    @torch.jit.export
    def discriminate(self, z: Tensor, edge_index: Tensor) -> Tensor:
        r"""The log-probability that a pair are friends, foes, or neither.

        :math:`\log \mathrm{softmax}(\mathbf{W} [\mathbf{z}_i, \mathbf{z}_j] + \mathbf{b})`, in the order of classes
        0, 1, 2.

        Args:
            z: ``[num_nodes, hidden_channels]`` embeddings.
            edge_index: ``[2, num_pairs]`` int64 or int32.

        Returns:
            ``[num_pairs, 3]``.
        """
        check_edge_index("SignedGCN", edge_index)
        check_numbers("SignedGCN", "edge_index", edge_index, z.size(0))
        both = torch.cat([z.index_select(0, edge_index[0]), z.index_select(0, edge_index[1])], dim=1)
        return torch.log_softmax(self.lin(both), dim=1)

    def nll_loss(
        self,
        z: Tensor,
        pos_edge_index: Tensor,
        neg_edge_index: Tensor,
        *,
        none_edge_index: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        r"""How badly :meth:`discriminate` tells friends, foes, and pairs that are neither.

        The mean over the three kinds of pairs of the mean over a kind's pairs of :math:`-\log p`.

        Args:
            z: ``[num_nodes, hidden_channels]`` embeddings.
            pos_edge_index: ``[2, num_pos_edges]``.
            neg_edge_index: ``[2, num_neg_edges]``.
            none_edge_index: ``[2, num_pairs]``, pairs that are neither; default: as many as edges, drawn from all
                ordered pairs that are no edges, each at most once.
            generator: draws them.
        """
        if none_edge_index is None:
            edges = torch.cat([pos_edge_index, neg_edge_index], dim=1)
            none_edge_index = sample_non_edges(edges, z.size(0), edges.size(1), generator)
        kinds = (pos_edge_index, neg_edge_index, none_edge_index)
        losses = [
            nll_loss(self.discriminate(z, pairs), pairs.new_full((pairs.size(1),), kind, dtype=torch.long))
            for kind, pairs in enumerate(kinds)
        ]
        return torch.stack(losses).mean()

    def pos_embedding_loss(
        self,
        z: Tensor,
        pos_edge_index: Tensor,
        *,
        others: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        r"""How much farther friends are than nodes that are none.

        :math:`\mathrm{mean}_{(i, j)} \max(\|\mathbf{z}_i - \mathbf{z}_j\|^2 - \|\mathbf{z}_i - \mathbf{z}_k\|^2, 0)`
        over the edges :math:`(i, j)`, with a node :math:`k` drawn for each.

        Args:
            z: ``[num_nodes, hidden_channels]`` embeddings.
            pos_edge_index: ``[2, num_pos_edges]``.
            others: ``[num_pos_edges]``, the nodes :math:`k`; default: each drawn from all nodes to which there is no
                edge of ``pos_edge_index`` from :math:`i` (which may be :math:`i` itself); an edge whose :math:`i` has
                edges to all nodes is left out.
            generator: draws them.
        """
        near, far = _distances(z, pos_edge_index, others, generator)
        return torch.clamp(near - far, min=0).mean()

    def neg_embedding_loss(
        self,
        z: Tensor,
        neg_edge_index: Tensor,
        *,
        others: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        r"""How much nearer foes are than nodes that are none: as :meth:`pos_embedding_loss`, the difference negated."""
        near, far = _distances(z, neg_edge_index, others, generator)
        return torch.clamp(far - near, min=0).mean()

    def loss(
        self,
        z: Tensor,
        pos_edge_index: Tensor,
        neg_edge_index: Tensor,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The objective: :meth:`nll_loss` plus ``lamb`` times both embedding losses, what they draw included."""
        nll = self.nll_loss(z, pos_edge_index, neg_edge_index, generator=generator)
        friends = self.pos_embedding_loss(z, pos_edge_index, generator=generator)
        foes = self.neg_embedding_loss(z, neg_edge_index, generator=generator)
        return nll + self.lamb * (friends + foes)

    def split_edges(
        self, edge_index: Tensor, test_ratio: float = 0.2, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Split edges at random into those to train and those to test with, each in the order that they have.

        Args:
            edge_index: ``[2, num_edges]``.
            test_ratio: the share of edges to test with, rounded down.
            generator: draws the split.

        Raises:
            ValueError: ``test_ratio`` is no share.
        """
        if not 0 <= test_ratio <= 1:
            raise ValueError(f"geocompile.SignedGCN: test_ratio must be from 0 to 1, got {test_ratio}")
        count = edge_index.size(1)
        drawn = torch.randperm(count, generator=generator)[: int(test_ratio * count)]
        is_train = torch.ones(count, dtype=torch.bool)
        is_train[drawn] = False
        is_train = is_train.to(edge_index.device)
        return edge_index[:, is_train], edge_index[:, ~is_train]

    def create_spectral_features(
        self, pos_edge_index: Tensor, neg_edge_index: Tensor, num_nodes: int | None = None
    ) -> Tensor:
        """Features of nodes by which the signed graph itself tells them apart.

        The right singular vectors of the ``in_channels`` largest singular values of the matrix of signs; the entry of
        largest magnitude of each is positive. An edge counts in both directions, and a pair that is given c times,
        d of them as friends, as 2d - 1 (PyG 2.8.1 and 1.2.0 do so too; they compute with scikit-learn, in float32).

        Args:
            pos_edge_index: ``[2, num_pos_edges]``.
            neg_edge_index: ``[2, num_neg_edges]``.
            num_nodes: number of nodes; default: the largest that has an edge, plus 1.

        Returns:
            ``[num_nodes, in_channels]`` float32.

        Raises:
            ValueError: there are fewer nodes than ``in_channels``.
            IndexError: a node number is negative or too large.
        """
        return spectral_features(pos_edge_index, neg_edge_index, num_nodes, self.in_channels)

    @torch.no_grad()
    def test(self, z: Tensor, pos_edge_index: Tensor, neg_edge_index: Tensor) -> tuple[float, float]:
        """Area under the ROC curve, and F1 score, of telling friends from foes (each pair as one of the two).

        Args:
            z: ``[num_nodes, hidden_channels]`` embeddings.
            pos_edge_index: ``[2, num_pos_edges]``.
            neg_edge_index: ``[2, num_neg_edges]``.

        Raises:
            ImportError: scikit-learn is not installed.
        """
        metrics = sklearn_module("SignedGCN.test", "metrics")
        are_friends = [
            1 - self.discriminate(z, pairs)[:, :2].argmax(dim=1) for pairs in (pos_edge_index, neg_edge_index)
        ]
        labels, found = labelled(*are_friends)
        f1 = metrics.f1_score(labels, found, average="binary") if found.any() else 0.0
        return float(metrics.roc_auc_score(labels, found)), float(f1)

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        return options_of(self)


def _distances(
    z: Tensor, edge_index: Tensor, others: Tensor | None, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """The squared distance of the ends of each edge, and of its first end and another node."""
    i, j = edge_index[0], edge_index[1]
    if others is None:
        has_other, others = sample_non_neighbours(edge_index, z.size(0), generator)
        i, j = i[has_other], j[has_other]
    return (z[i] - z[j]).square().sum(dim=1), (z[i] - z[others]).square().sum(dim=1)
