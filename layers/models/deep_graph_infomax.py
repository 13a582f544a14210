"""DeepGraphInfomax: embeddings that tell a graph from a corrupted one by its summary."""

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from geocompile.layers.common.linear import reset
from geocompile.layers.common.options import options_of
from geocompile.layers.models.following import follows
from geocompile.layers.models.metrics import sklearn_module

EPS = 1e-15


class DeepGraphInfomax(torch.nn.Module):
    r"""The deep graph infomax model.

    .. math::
        \mathbf{Z} = \mathcal{E}(\mathbf{X}, \dots), \qquad
        \tilde{\mathbf{Z}} = \mathcal{E}(\mathcal{C}(\mathbf{X}, \dots)), \qquad
        \mathbf{s} = \mathcal{R}(\mathbf{Z}, \mathbf{X}, \dots)

    Equal to PyG 2.8.1's DeepGraphInfomax, state dict included, except that the constructor leaves the weights of the
    encoder as they are. For TorchScript ``summary`` and ``corruption`` are modules, or functions with named arguments
    (of those of the encoder as many as they take) whose source Python can find, which a lambda's it cannot.

    Args:
        hidden_channels: size of an embedding.
        encoder: :math:`\mathcal{E}`, the module that maps features and edges to embeddings.
        summary: :math:`\mathcal{R}`, takes embeddings and the arguments of the encoder, gives [hidden_channels] (or
            [num_nodes, hidden_channels], one for each node).
        corruption: :math:`\mathcal{C}`, takes the arguments of the encoder and gives a tuple of corrupted ones (or the
            first one alone), in order.

    Raises:
        TypeError: ``encoder`` is no module, ``summary`` or ``corruption`` cannot be called.

    Source: Velickovic et al., "Deep graph infomax" (2019).

    >>> model = DeepGraphInfomax(1, torch.nn.Identity(), lambda z, x: z.mean(0), lambda x: x.flip(0))
    >>> model(torch.tensor([[1.0], [3.0]]))
    (tensor([[1.],
            [3.]]), tensor([[3.],
            [1.]]), tensor([2.]))
    """

    def __init__(
        self,
        hidden_channels: int,
        encoder: torch.nn.Module,
        summary: Callable[..., Tensor],
        corruption: Callable[..., Any],
    ) -> None:
        super().__init__()
        if not isinstance(encoder, torch.nn.Module):
            raise TypeError(
                f"geocompile.DeepGraphInfomax: encoder must be a torch.nn.Module, got {type(encoder)}; "
                "wrap a function in a module"
            )
        for name, function in (("summary", summary), ("corruption", corruption)):
            if not callable(function):
                raise TypeError(
                    f"geocompile.DeepGraphInfomax: {name} must be a function or a module, got {type(function)}"
                )
        self.hidden_channels = hidden_channels
        self.encoder = encoder
        self.summary = summary
        self.corruption = corruption
        self.weight = torch.nn.Parameter(torch.empty(hidden_channels, hidden_channels))
        self._draw_weight()

    def reset_parameters(self) -> None:
        """Draw the weight (uniform in ±1/sqrt(hidden_channels)) and those of the parts that are modules anew."""
        for part in self.children():
            reset(part)
        self._draw_weight()

    def _draw_weight(self) -> None:
        bound = 1.0 / math.sqrt(max(self.hidden_channels, 1))
        torch.nn.init.uniform_(self.weight, -bound, bound)

    @follows(
        "encoder",
        """
pos_z = self.encoder({encoder})
corrupted = self.corruption({corruption})
if isinstance(corrupted, Tensor):
    neg_z = self.encoder(corrupted)
else:
    neg_z = self.encoder(*corrupted)
return pos_z, neg_z, self.summary(*(pos_z, {summary:1}))
""",
    )
    def forward(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, Tensor]:
        """The embeddings of the graph, those of the corrupted graph, and the summary."""
        pos_z = self.encoder(*args, **kwargs)
        corrupted = self.corruption(*args, **kwargs)
        corrupted = corrupted if isinstance(corrupted, tuple) else (corrupted,)
        named = copy.copy(kwargs)
        named.update(zip(kwargs, corrupted[len(args) :], strict=False))
        neg_z = self.encoder(*corrupted[: len(args)], **named)
        return pos_z, neg_z, self.summary(pos_z, *args, **kwargs)

    @torch.jit.export
    def discriminate(self, z: Tensor, summary: Tensor, sigmoid: bool = True) -> Tensor:
        r"""The probability :math:`\sigma(\mathbf{z}_i^\top \mathbf{W} \mathbf{s})` that an embedding is of the summary.

        Args:
            z: ``[num_nodes, hidden_channels]`` embeddings.
            summary: ``[hidden_channels]``, or ``[num_summaries, hidden_channels]``.
            sigmoid: False: the products themselves.

        Returns:
            ``[num_nodes]``, or ``[num_nodes, num_summaries]``.
        """
        columns = summary.t() if summary.dim() > 1 else summary
        value = torch.matmul(z, torch.matmul(self.weight, columns))
        return torch.sigmoid(value) if sigmoid else value

    def loss(self, pos_z: Tensor, neg_z: Tensor, summary: Tensor) -> Tensor:
        r"""The objective: the mutual information of embeddings and summary, which is to grow, negative.

        :math:`-\frac{1}{N} \sum_i \log(D(\mathbf{z}_i, \mathbf{s}) + \epsilon)
        - \frac{1}{N} \sum_i \log(1 - D(\tilde{\mathbf{z}}_i, \mathbf{s}) + \epsilon)`, :math:`\epsilon = 10^{-15}`.
        """
        positive = torch.log(self.discriminate(pos_z, summary) + EPS)
        negative = torch.log(1 - self.discriminate(neg_z, summary) + EPS)
        return -positive.mean() - negative.mean()

    def test(
        self,
        train_z: Tensor,
        train_y: Tensor,
        test_z: Tensor,
        test_y: Tensor,
        solver: str = "lbfgs",
        multi_class: str = "auto",
        *args: Any,
        **kwargs: Any,
    ) -> float:
        """The accuracy of a logistic regression from embeddings to classes.

        Args:
            train_z: ``[num_train, hidden_channels]``.
            train_y: ``[num_train]`` classes.
            test_z: ``[num_test, hidden_channels]``.
            test_y: ``[num_test]`` classes.
            solver: that of scikit-learn's ``LogisticRegression``.
            multi_class: ``"ovr"``: one regression for each class; ``"auto"`` and ``"multinomial"``: one for all.
            *args: handed to ``LogisticRegression``.
            **kwargs: handed to ``LogisticRegression``.

        Raises:
            ImportError: scikit-learn is not installed.
            ValueError: ``multi_class`` is unknown.
        """
        if multi_class not in ("auto", "ovr", "multinomial"):
            raise ValueError(
                f"geocompile.DeepGraphInfomax: multi_class must be auto, ovr or multinomial, got {multi_class!r}"
            )
        linear_model = sklearn_module("DeepGraphInfomax.test", "linear_model")
        classifier = linear_model.LogisticRegression(*args, solver=solver, **kwargs)
        if multi_class == "ovr":
            classifier = sklearn_module("DeepGraphInfomax.test", "multiclass").OneVsRestClassifier(classifier)
        train, test = (
            [t.detach().cpu().numpy() for t in pair] for pair in ((train_z, train_y), (test_z, test_y))
        )
        return float(classifier.fit(*train).score(*test))

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        return options_of(self)
