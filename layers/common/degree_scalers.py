"""Factors by which what a node has read is scaled, as functions of the number of its neighbours."""

import torch
from torch import Tensor

_SCALERS = ("identity", "amplification", "attenuation", "linear", "inverse_linear")


class DegreeScalers(torch.nn.Module):
    """The factors of PNAConv, which describes them.

    Args:
        layer: the layer's name, for messages.
        scalers: names of the factors.
        deg: ``[largest degree + 1]``, how many nodes have 0, 1, 2, ... neighbours.
        train_norm: the mean degrees are learned.

    Raises:
        ValueError: an unknown name, or a ``deg`` that counts no nodes, or none with a neighbour though a factor divides
            by the mean degree.
    """

    avg_deg_lin: Tensor
    avg_deg_log: Tensor

    def __init__(self, layer: str, scalers: list[str], deg: Tensor, train_norm: bool) -> None:
        super().__init__()
        unknown = [name for name in scalers if name not in _SCALERS]
        if unknown or not scalers:
            raise ValueError(
                f"geocompile.{layer}: scalers must be some of {', '.join(_SCALERS)}, got {scalers!r}"
            )
        if not isinstance(deg, Tensor) or deg.dim() != 1 or not deg.sum() > 0:
            raise ValueError(
                f"geocompile.{layer}: deg must hold how many nodes have 0, 1, 2, ... neighbours, got {deg!r}"
            )
        dividing = [name for name in scalers if name in ("amplification", "linear")]
        if dividing and not deg[1:].sum() > 0:
            raise ValueError(
                f"geocompile.{layer}: deg must count a node with a neighbour, since {dividing[0]!r} divides by the "
                f"mean degree, got {deg!r}"
            )
        self.scalers = list(scalers)
        counts = deg.double()
        degrees = torch.arange(deg.numel(), dtype=torch.float64, device=deg.device)
        self.initial_lin = float((degrees * counts).sum() / counts.sum())
        self.initial_log = float(((degrees + 1.0).log() * counts).sum() / counts.sum())
        for name in ("avg_deg_lin", "avg_deg_log"):
            if train_norm:
                self.register_parameter(name, torch.nn.Parameter(torch.empty(1)))
            else:
                self.register_buffer(name, torch.empty(1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the means to those of the training graphs."""
        with torch.no_grad():
            self.avg_deg_lin.fill_(self.initial_lin)
            self.avg_deg_log.fill_(self.initial_log)

    def forward(self, degree: Tensor) -> Tensor:
        """The factors of nodes with so many neighbours [num_nodes]: [num_scalers, num_nodes]."""
        lin, log = self.avg_deg_lin.to(degree.dtype), self.avg_deg_log.to(degree.dtype)
        factors: list[Tensor] = []
        for name in self.scalers:
            if name == "identity":
                factors.append(torch.ones_like(degree))
            elif name == "amplification":
                factors.append((degree + 1.0).log() / log)
            elif name == "attenuation":
                factors.append(log / (degree.clamp(min=1.0) + 1.0).log())
            elif name == "linear":
                factors.append(degree / lin)
            else:
                factors.append(lin / degree.clamp(min=1.0))
        return torch.stack(factors)
