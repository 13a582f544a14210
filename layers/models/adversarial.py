"""ARGA and ARGVA: graph auto-encoders whose embeddings must pass for normally distributed ones."""

from typing import Any

import torch
from torch import Tensor

from geocompile.layers.common.linear import reset
from geocompile.layers.models.autoencoder import EPS, GAE, Variational, is_module


class ARGA(GAE):
    r"""The adversarially regularised graph auto-encoder.

    A :class:`GAE` and a discriminator :math:`D`, trained in turns: :meth:`discriminator_loss` for its weights,
    :meth:`recon_loss` plus :meth:`reg_loss` for those of the encoder. Equal to PyG 2.8.1's ARGA, state dict included,
    except that the constructor leaves the weights as they are.

    Args:
        encoder: as in :class:`GAE`.
        discriminator: the module that maps ``[num_nodes, channels]`` to a score ``[num_nodes, 1]``, no sigmoid.
        decoder: as in :class:`GAE`.

    Source: Pan et al., "Adversarially regularized graph autoencoder for graph embedding" (2018).

    >>> model = ARGA(torch.nn.Identity(), torch.nn.Identity())
    >>> model.reg_loss(torch.zeros(3, 1))
    tensor(0.6931)
    """

    def __init__(
        self,
        encoder: torch.nn.Module,
        discriminator: torch.nn.Module,
        decoder: torch.nn.Module | None = None,
    ) -> None:
        super().__init__(encoder, decoder)
        self.discriminator = is_module(self, "discriminator", discriminator)

    def reset_parameters(self) -> None:
        """Draw the weights of all parts anew."""
        super().reset_parameters()
        reset(self.discriminator)

    def reg_loss(self, z: Tensor) -> Tensor:
        r"""How far the encoder is from misleading the discriminator.

        :math:`-\frac{1}{N} \sum_i \log(\sigma(D(\mathbf{z}_i)) + \epsilon)`, :math:`\epsilon = 10^{-15}`.

        Args:
            z: ``[num_nodes, channels]`` embeddings.
        """
        return -torch.log(torch.sigmoid(self.discriminator(z)) + EPS).mean()

    def discriminator_loss(self, z: Tensor) -> Tensor:
        r"""How far the discriminator is from telling embeddings from samples :math:`\mathbf{n} \sim N(0, 1)`.

        :math:`-\frac{1}{N} \sum_i \log(\sigma(D(\mathbf{n}_i)) + \epsilon)
        - \frac{1}{N} \sum_i \log(1 - \sigma(D(\mathbf{z}_i)) + \epsilon)`; no gradient goes to ``z``.

        Args:
            z: ``[num_nodes, channels]`` embeddings.
        """
        real = torch.sigmoid(self.discriminator(torch.randn_like(z)))
        fake = torch.sigmoid(self.discriminator(z.detach()))
        return -torch.log(real + EPS).mean() - torch.log(1 - fake + EPS).mean()


class ARGVA(Variational, ARGA):
    r"""The adversarially regularised variational graph auto-encoder: :class:`ARGA` over a :class:`VGAE`.

    Differs from PyG 2.8.1's as :class:`VGAE` does. Its state dict names encoder and decoder twice, as PyG's does, the
    second time as ``VGAE.encoder`` and ``VGAE.decoder``; one that names them once is read too.

    Args:
        encoder: as in :class:`VGAE`.
        discriminator: as in :class:`ARGA`.
        decoder: as in :class:`GAE`.
        logstd: as in :class:`VGAE`.

    Source: Pan et al., "Adversarially regularized graph autoencoder for graph embedding" (2018).

    >>> model = ARGVA(torch.nn.Identity(), torch.nn.Identity())
    >>> model.kl_loss(torch.ones(3, 1), torch.zeros(3, 1))
    tensor(0.5000)
    """

    def __init__(
        self,
        encoder: torch.nn.Module,
        discriminator: torch.nn.Module,
        decoder: torch.nn.Module | None = None,
        *,
        logstd: bool = False,
    ) -> None:
        ARGA.__init__(self, encoder, discriminator, decoder)
        self.logstd = logstd
        self.mu = None
        self.logvar = None

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """All parameters by name; see the class for those that stand there twice."""
        own: dict[str, Any] = super().state_dict(*args, **kwargs)
        prefix = kwargs.get("prefix", "")
        for key in list(own):
            if key.startswith((f"{prefix}encoder.", f"{prefix}decoder.")):
                own[f"{prefix}VGAE.{key.removeprefix(prefix)}"] = own[key]
        return own

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        again = f"{prefix}VGAE."
        for key in [key for key in state_dict if key.startswith(again)]:
            state_dict.setdefault(prefix + key.removeprefix(again), state_dict.pop(key))
        super()._load_from_state_dict(state_dict, prefix, *rest)
