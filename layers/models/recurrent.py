"""Recurrent cells over a few steps with the weights of torch's modules, in operations that every exporter takes.

torch's own LSTM and GRU ask for the number of sequences while they are captured, which fixes it in the engine.
"""

import torch
from torch import Tensor


def lstm_states(x: Tensor, weights: list[Tensor]) -> Tensor:
    """The states after each step, of both directions side by side.

    Args:
        x: ``[num_sequences, num_steps, channels]``.
        weights: those of one bidirectional layer of :class:`torch.nn.LSTM`, in its order.

    Returns:
        ``[num_sequences, num_steps, 2 * hidden_channels]``.
    """
    steps = list(x.unbind(1))
    ahead = _lstm(steps, weights[:4])
    back = _lstm(steps[::-1], weights[4:])
    return torch.cat([torch.stack(ahead, dim=1), torch.stack(back[::-1], dim=1)], dim=-1)


def _lstm(steps: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
    of_input, of_state = weights[0].t(), weights[1].t()
    h = steps[0].new_zeros([steps[0].size(0), of_state.size(0)])
    c = h
    states: list[Tensor] = []
    for x in steps:
        gates = (x @ of_input + weights[2]) + (h @ of_state + weights[3])
        i, f, g, o = gates.chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return states


def gru_state(x: Tensor, weights: list[Tensor], num_layers: int) -> Tensor:
    """The state of the last layer after the last step.

    Args:
        x: ``[num_sequences, num_steps, channels]``.
        weights: those of :class:`torch.nn.GRU`, in its order.
        num_layers: how many layers they are of.

    Returns:
        ``[num_sequences, hidden_channels]``.
    """
    steps = list(x.unbind(1))
    per_layer = len(weights) // num_layers
    for layer in range(num_layers):
        steps = _gru(steps, weights[layer * per_layer : (layer + 1) * per_layer])
    return steps[-1]


def _gru(steps: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
    of_input, of_state = weights[0].t(), weights[1].t()
    h = steps[0].new_zeros([steps[0].size(0), of_state.size(0)])
    states: list[Tensor] = []
    for x in steps:
        reads, keeps = x @ of_input, h @ of_state
        if len(weights) == 4:
            reads, keeps = reads + weights[2], keeps + weights[3]
        input_reset, input_update, input_new = reads.chunk(3, dim=1)
        state_reset, state_update, state_new = keeps.chunk(3, dim=1)
        update = torch.sigmoid(input_update + state_update)
        new = torch.tanh(input_new + torch.sigmoid(input_reset + state_reset) * state_new)
        h = new + update * (h - new)
        states.append(h)
    return states
