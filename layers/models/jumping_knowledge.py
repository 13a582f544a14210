"""JumpingKnowledge: the outputs of all layers of a network as one."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.layers.common.checks import check_kind
from geocompile.layers.models.recurrent import lstm_states

MODES = ("cat", "max", "lstm")


class JumpingKnowledge(torch.nn.Module):
    r"""Joins the representations of a node that several layers gave.

    ``"cat"``: :math:`\mathbf{x}_v^{(1)} \,\Vert \dots \Vert\, \mathbf{x}_v^{(T)}`; ``"max"``:
    :math:`\max(\mathbf{x}_v^{(1)}, \dots, \mathbf{x}_v^{(T)})`; ``"lstm"``:

    .. math::
        \sum_{t=1}^T \alpha_v^{(t)} \mathbf{x}_v^{(t)}, \qquad
        \alpha_v = \mathrm{softmax}_t\left(\mathbf{a}^\top \mathbf{h}_v^{(t)} + b\right)

    where :math:`\mathbf{h}_v^{(t)}` are the states, half of them of each direction, of a bidirectional LSTM over the
    layers of :math:`\lfloor T \cdot channels / 2 \rfloor` units a direction.

    Equal to PyG 2.8.1's JumpingKnowledge, state dict included, except that an odd ``channels * num_layers`` is refused
    (there its half is rounded down; ``round_down=True`` does the same here).

    Args:
        mode: ``"cat"``, ``"max"`` or ``"lstm"``.
        channels: size of each representation; needed by ``"lstm"`` only.
        num_layers: number of representations; needed by ``"lstm"`` only.
        round_down: take an odd ``channels * num_layers``.

    Shapes:
        ``xs`` a list or tuple of tensors [num_nodes, channels] (``"cat"``: of any sizes there); result
        [num_nodes, sum of the channels] for ``"cat"``, else [num_nodes, channels].

    Raises:
        ValueError: ``mode`` is unknown, ``"lstm"`` lacks its sizes, or these do not fit.

    Source: Xu et al., "Representation learning on graphs with jumping knowledge networks" (2018).

    >>> JumpingKnowledge("max")([torch.tensor([[1.0, 4.0]]), torch.tensor([[3.0, 2.0]])])
    tensor([[3., 4.]])
    """

    def __init__(
        self,
        mode: str,
        channels: int | None = None,
        num_layers: int | None = None,
        *,
        round_down: bool = False,
    ) -> None:
        super().__init__()
        self.mode = mode.lower()
        if self.mode not in MODES:
            raise ValueError(
                f"geocompile.JumpingKnowledge: mode must be one of {', '.join(MODES)}, got {mode!r}"
            )
        self.channels = channels
        self.num_layers = num_layers
        self.lstm: torch.nn.LSTM | None = None
        self.att: torch.nn.Linear | None = None
        if self.mode == "lstm":
            hidden = _hidden_channels(channels, num_layers, round_down)
            self.lstm = torch.nn.LSTM(channels or 0, hidden, bidirectional=True, batch_first=True)
            self.att = torch.nn.Linear(2 * hidden, 1)

    def reset_parameters(self) -> None:
        """Draw the weights of the LSTM and of the attention anew."""
        if self.lstm is not None:
            self.lstm.reset_parameters()
        if self.att is not None:
            self.att.reset_parameters()

    def forward(self, xs: list[Tensor]) -> Tensor:
        """The joined representation of every node; see the class for shapes and errors."""
        if len(xs) == 0:
            raise ValueError(
                "geocompile.JumpingKnowledge: xs must hold the representation of a layer, got none"
            )
        if self.mode != "cat":
            _check_shapes(xs)
        if self.lstm is not None and self.att is not None:
            x = torch.stack(xs, dim=1)
            if x.size(-1) != self.channels or x.dim() != 3:
                raise ValueError(
                    f"geocompile.JumpingKnowledge: xs must hold tensors of shape [num_nodes, {self.channels}], "
                    f"got {list(xs[0].shape)}"
                )
            if not is_scripting():
                check_kind("JumpingKnowledge", "xs", x, self.att.weight)
            states = lstm_states(x, self.lstm._flat_weights)  # type: ignore[arg-type]
            alpha = torch.softmax(self.att(states).squeeze(-1), dim=-1)
            return (x * alpha.unsqueeze(-1)).sum(dim=1)
        if self.mode == "cat":
            return torch.cat(xs, dim=-1)
        return torch.stack(xs, dim=-1).amax(dim=-1)

    def extra_repr(self) -> str:
        """Mode and sizes, for ``print(model)``."""
        sizes = f", channels={self.channels}, num_layers={self.num_layers}" if self.mode == "lstm" else ""
        return self.mode + sizes


def _check_shapes(xs: list[Tensor]) -> None:
    for x in xs:
        if x.shape != xs[0].shape:
            raise ValueError(
                "geocompile.JumpingKnowledge: xs must hold tensors of one shape, "
                f"got {list(xs[0].shape)} and {list(x.shape)}; mode 'cat' takes several sizes"
            )


def _hidden_channels(channels: int | None, num_layers: int | None, round_down: bool) -> int:
    if channels is None or num_layers is None or channels < 1 or num_layers < 1:
        raise ValueError(
            f"geocompile.JumpingKnowledge: mode 'lstm' needs channels and num_layers, both at least 1, "
            f"got channels={channels}, num_layers={num_layers}"
        )
    if channels * num_layers % 2 == 1 and not round_down:
        raise ValueError(
            f"geocompile.JumpingKnowledge: channels * num_layers must be even, since each direction of the LSTM gets "
            f"half, got {channels} * {num_layers}; round_down=True takes the half rounded down, as PyG 2.8.1 does"
        )
    return channels * num_layers // 2
