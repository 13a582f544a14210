"""GAE and VGAE: graph auto-encoders of any encoder and decoder."""

from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.layers.common.linear import reset
from geocompile.layers.models.edge_split import split_edges
from geocompile.layers.models.following import follows
from geocompile.layers.models.inner_product import InnerProductDecoder
from geocompile.layers.models.metrics import labelled, sklearn_module
from geocompile.layers.models.pairs_of_nodes import sample_non_edges

EPS = 1e-15
Data = TypeVar("Data")


class GAE(torch.nn.Module):
    r"""The graph auto-encoder: an encoder gives nodes an embedding, of which a decoder tells the edges.

    :meth:`forward` is the encoder, with its arguments, and what an engine is made of. Equal to PyG 2.8.1's GAE, state
    dict included, except that the constructor leaves the weights as they are (there it draws them anew).

    Args:
        encoder: the module that maps features and edges to embeddings.
        decoder: the module that maps embeddings, pairs of nodes and ``sigmoid=True`` to probabilities; default:
            :class:`InnerProductDecoder`.

    Raises:
        TypeError: a part is no module.

    Source: Kipf and Welling, "Variational graph auto-encoders" (2016).

    >>> model = GAE(torch.nn.Identity())
    >>> z = model.encode(torch.tensor([[1.0], [2.0]]))
    >>> model.decode(z, torch.tensor([[0], [1]]), sigmoid=False)
    tensor([2.])
    """

    def __init__(self, encoder: torch.nn.Module, decoder: torch.nn.Module | None = None) -> None:
        super().__init__()
        self.encoder = is_module(self, "encoder", encoder)
        self.decoder = InnerProductDecoder() if decoder is None else is_module(self, "decoder", decoder)

    def reset_parameters(self) -> None:
        """Draw the weights of all parts anew."""
        reset(self.encoder)
        reset(self.decoder)

    @follows("encoder", "return self.encoder({encoder})")
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the encoder gives."""
        return self.encoder(*args, **kwargs)

    @follows("encoder", "return self.encoder({encoder})")
    def encode(self, *args: Any, **kwargs: Any) -> Tensor:
        """The embedding of every node."""
        z: Tensor = self.encoder(*args, **kwargs)
        return z

    @follows("decoder", "return self.decoder({decoder})")
    def decode(self, *args: Any, **kwargs: Any) -> Tensor:
        """What the decoder gives: the probability of each pair of nodes."""
        probability: Tensor = self.decoder(*args, **kwargs)
        return probability

    def recon_loss(
        self,
        z: Tensor,
        pos_edge_index: Tensor,
        neg_edge_index: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        r"""The binary cross entropy of edges and of pairs that are none.

        .. math::
            -\frac{1}{|E|} \sum_{(i,j) \in E} \log(p_{ij} + \epsilon)
            -\frac{1}{|N|} \sum_{(i,j) \in N} \log(1 - p_{ij} + \epsilon), \qquad \epsilon = 10^{-15}

        Args:
            z: ``[num_nodes, channels]`` embeddings.
            pos_edge_index: ``[2, num_edges]``, the edges :math:`E`.
            neg_edge_index: ``[2, num_pairs]``, the pairs :math:`N`; default: as many as edges, drawn from all ordered
                pairs that are not in ``pos_edge_index``, each at most once.
            generator: draws them.
        """
        if neg_edge_index is None:
            neg_edge_index = sample_non_edges(pos_edge_index, z.size(0), pos_edge_index.size(1), generator)
        positive = torch.log(self.decoder(z, pos_edge_index, sigmoid=True) + EPS)
        negative = torch.log(1 - self.decoder(z, neg_edge_index, sigmoid=True) + EPS)
        return -positive.mean() - negative.mean()

    def split_edges(
        self,
        data: Data,
        val_ratio: float = 0.05,
        test_ratio: float = 0.1,
        *,
        generator: torch.Generator | None = None,
    ) -> Data:
        """Split edges at random into those of training, validation and test, and draw pairs that are none.

        Of ``edge_index`` the edges with row < column count, as they are directed; so do the pairs that are no edges.
        Writes ``{train, val, test}_pos_edge_index``, ``{val, test}_neg_edge_index`` (as many as positive ones, or all
        there are) and ``train_neg_adj_mask`` (bool [num_nodes, num_nodes], the other pairs that are no edges) to
        ``data``. PyG 2.8.1 has a function of another result for it, ``train_test_split_edges``.

        Args:
            data: an object with ``edge_index`` and ``num_nodes``, as PyG's ``Data``; what is not named stays.
            val_ratio: the share of edges to validate with, rounded down.
            test_ratio: the share of edges to test with, rounded down.
            generator: draws the split.

        Returns:
            ``data``.

        Raises:
            ValueError: ``data`` has no edges or is a batch; the ratios are no shares.
        """
        return split_edges(data, val_ratio, test_ratio, generator)

    @torch.no_grad()
    def test(self, z: Tensor, pos_edge_index: Tensor, neg_edge_index: Tensor) -> tuple[float, float]:
        """Area under the ROC curve, and average precision, of telling edges from pairs that are none.

        Args:
            z: ``[num_nodes, channels]`` embeddings.
            pos_edge_index: ``[2, num_edges]``, edges.
            neg_edge_index: ``[2, num_pairs]``, pairs that are no edges.

        Raises:
            ImportError: scikit-learn is not installed.
        """
        metrics = sklearn_module(f"{type(self).__name__}.test", "metrics")
        labels, scores = labelled(self.decoder(z, pos_edge_index), self.decoder(z, neg_edge_index))
        return (
            float(metrics.roc_auc_score(labels, scores)),
            float(metrics.average_precision_score(labels, scores)),
        )


class Variational(GAE):
    """What VGAE and ARGVA have in common: an encoder of two outputs, mean and spread of each embedding."""

    logstd: bool
    mu: Tensor | None
    logvar: Tensor | None

    @follows("encoder", "return self._sampled(self.encoder({encoder}))")
    def encode(self, *args: Any, **kwargs: Any) -> Tensor:
        """The embedding of every node: drawn in training, else the mean. Mean and spread are kept for `kl_loss`."""
        return self._sampled(self.encoder(*args, **kwargs))

    def _sampled(self, moments: tuple[Tensor, Tensor]) -> Tensor:
        mu, logvar = moments[0], moments[1]
        if self.logstd:
            logvar = _bounded(logvar)
        if not is_scripting():
            self.mu, self.logvar = mu, logvar
        return self.reparametrize(mu, logvar)

    def reparametrize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        r"""In training :math:`\mu + \sigma \mathbf{n}` with :math:`\mathbf{n} \sim N(0, 1)`, else :math:`\mu`."""
        if not self.training:
            return mu
        sigma = torch.exp(logvar) if self.logstd else torch.exp(0.5 * logvar)
        return mu + torch.randn_like(logvar) * sigma

    def kl_loss(self, mu: Tensor | None = None, logvar: Tensor | None = None) -> Tensor:
        r"""The divergence from the standard normal distribution, of the last encoding unless it is given.

        .. math::
            -\frac{1}{2N} \sum_{i=1}^N \sum_c \left(1 + \log \sigma_{ic}^2 - \mu_{ic}^2 - \sigma_{ic}^2\right)

        Args:
            mu: ``[num_nodes, channels]``.
            logvar: ``[num_nodes, channels]``, :math:`\log \sigma^2` (:math:`\log \sigma` with ``logstd=True``).

        Raises:
            ValueError: something is left out and nothing was encoded.
        """
        given = _bounded(logvar) if logvar is not None and self.logstd else logvar
        mu, logvar = self.mu if mu is None else mu, self.logvar if given is None else given
        if mu is None or logvar is None:
            raise ValueError(
                f"geocompile.{type(self).__name__}: kl_loss needs mu and logvar, or a call of encode before it"
            )
        if self.logstd:
            logvar = 2 * logvar
        return -0.5 * torch.mean(torch.sum(1 + logvar - mu**2 - logvar.exp(), dim=1))

    def __getstate__(self) -> dict[str, Any]:
        """Without the last encoding, which hangs on the graph of its gradients and cannot be copied."""
        return {**self.__dict__, "mu": None, "logvar": None}


class VGAE(Variational):
    r"""The variational graph auto-encoder: embeddings are drawn from normal distributions that the encoder gives.

    The encoder gives :math:`\mu` and :math:`\log \sigma^2` for each node; :meth:`encode` draws
    :math:`\mathbf{z} = \mu + \exp(\frac{1}{2} \log \sigma^2) \mathbf{n}` in training and gives :math:`\mu` else;
    :meth:`forward` is the encoder with both outputs.

    PyG 2.8.1's VGAE takes the second output to be :math:`\log \sigma`, at most 10; ``logstd=True`` does the same here.
    PyG 1.2.0's sampled with :math:`\sigma^2` in place of :math:`\sigma`, which is not followed. State dict as PyG's.

    Args:
        encoder: the module whose forward gives two tensors ``[num_nodes, channels]``.
        decoder: as in :class:`GAE`.
        logstd: the second is :math:`\log \sigma`, in :meth:`reparametrize` and :meth:`kl_loss` too.

    Source: Kipf and Welling, "Variational graph auto-encoders" (2016).

    >>> zero = torch.zeros(3, 2)
    >>> VGAE(torch.nn.Identity()).kl_loss(zero, zero + 0.0)
    tensor(-0.)
    """

    def __init__(
        self, encoder: torch.nn.Module, decoder: torch.nn.Module | None = None, *, logstd: bool = False
    ) -> None:
        super().__init__(encoder, decoder)
        self.logstd = logstd
        self.mu = None
        self.logvar = None


def _bounded(logstd: Tensor) -> Tensor:
    """As in PyG 2.8.1, so that the exponential stays finite."""
    return logstd.clamp(max=10.0)


def is_module(model: torch.nn.Module, name: str, part: Any) -> torch.nn.Module:
    """``part``.

    Raises:
        TypeError: it is no module.
    """
    if not isinstance(part, torch.nn.Module):
        raise TypeError(
            f"geocompile.{type(model).__name__}: {name} must be a torch.nn.Module, got {type(part)}; "
            "wrap a function in a module"
        )
    return part
