"""Modules around models and functions, with tensors for arguments: the same around PyG's."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from geocompile.layers.common.linear import reset
from geocompile.layers.models.events import Events


class Encoder(torch.nn.Module):
    """Two graph convolutions; with `variational` a third beside the second."""

    def __init__(self, conv: Callable[[int, int], torch.nn.Module], variational: bool = False) -> None:
        super().__init__()
        self.first, self.second = conv(3, 4), conv(4, 2)
        self.third = conv(4, 2) if variational else None

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(x, edge_index)), edge_index)  # type: ignore[no-any-return]


class VariationalEncoder(Encoder):
    def __init__(self, conv: Callable[[int, int], torch.nn.Module]) -> None:
        super().__init__(conv, variational=True)

    def forward(self, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        h = torch.tanh(self.first(x, edge_index))
        return self.second(h, edge_index), self.third(h, edge_index)  # type: ignore[misc]


class Around(torch.nn.Module):
    """A model within another module."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def reset_parameters(self) -> None:
        reset(self.model)


class Embedding(Around):
    """Encodes, and decodes the edges and all pairs."""

    def forward(self, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = self.model.encode(x, edge_index)
        return z, self.model.decode(z, edge_index), self.model.decoder.forward_all(z)


class Decoding(Around):
    def forward(self, z: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.model(z, edge_index), self.model(z, edge_index, sigmoid=False), self.model.forward_all(z)


class Reconstruction(Around):
    """The loss of an auto-encoder for given pairs that are no edges."""

    def forward(self, x: Tensor, edge_index: Tensor, pairs: Tensor) -> Tensor:
        return self.model.recon_loss(self.model.encode(x, edge_index), edge_index, pairs)


class Divergence(Around):
    """Of the last encoding, and of a given one."""

    def forward(self, x: Tensor, edge_index: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
        self.model.encode(2 * x, edge_index)
        return self.model.kl_loss(), self.model.kl_loss(x, logvar)


class Adversary(Around):
    """Both losses of the discriminator, with the same noise whenever it is called."""

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        with torch.random.fork_rng():
            torch.manual_seed(5)
            return self.model.reg_loss(z), self.model.discriminator_loss(z)


class Infomax(Around):
    """The loss, and how probable each node is."""

    def forward(self, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        pos_z, neg_z, summary = self.model(x, edge_index)
        return self.model.loss(pos_z, neg_z, summary), self.model.discriminate(neg_z, summary)


class Joined(Around):
    def forward(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return self.model([x, y, z])  # type: ignore[no-any-return]


class Predicted(Around):
    def forward(
        self,
        sub: Tensor,
        rel: Tensor,
        obj: Tensor,
        h_sub: Tensor,
        h_sub_t: Tensor,
        h_sub_batch: Tensor,
        h_obj: Tensor,
        h_obj_t: Tensor,
        h_obj_batch: Tensor,
    ) -> tuple[Tensor, Tensor]:
        events = Events(sub, rel, obj, h_sub, h_sub_t, h_sub_batch, h_obj, h_obj_t, h_obj_batch)
        return self.model(events)  # type: ignore[no-any-return]


class SignedLosses(Around):
    """The losses of a signed network for given pairs, and what it says of them."""

    def forward(
        self,
        x: Tensor,
        pos_edge_index: Tensor,
        neg_edge_index: Tensor,
        pairs: Tensor,
        pos_others: Tensor,
        neg_others: Tensor,
    ) -> tuple[Tensor, ...]:
        z = self.model(x, pos_edge_index, neg_edge_index)
        return (
            self.model.nll_loss(z, pos_edge_index, neg_edge_index, none_edge_index=pairs),
            self.model.pos_embedding_loss(z, pos_edge_index, others=pos_others),
            self.model.neg_embedding_loss(z, neg_edge_index, others=neg_others),
            self.model.discriminate(z, pairs),
        )


class Interpolated(torch.nn.Module):
    """knn_interpolate between points of a grid, whose distances are exact in every precision."""

    def __init__(self, function: Callable[..., Tensor], k: int) -> None:
        super().__init__()
        self.function, self.k = function, k

    def reset_parameters(self) -> None:
        pass

    def forward(
        self,
        x: Tensor,
        grid_x: Tensor,
        grid_y: Tensor,
        batch_x: Tensor | None = None,
        batch_y: Tensor | None = None,
    ) -> Tensor:
        pos_x, pos_y = grid_x.to(x.dtype) / 8, grid_y.to(x.dtype) / 8
        return self.function(x, pos_x, pos_y, batch_x, batch_y, self.k)


def pooled(z: Tensor, x: Tensor, edge_index: Tensor) -> Tensor:
    """The summary of a graph."""
    return torch.sigmoid(z.sum(0))


def reversed_nodes(x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
    """A corrupted graph: its nodes in reverse order."""
    return x.flip(0), edge_index


class PerGraph(torch.nn.Module):
    """A row for each graph of a batch, whose rows are known by its numbers of nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = torch.nn.Linear(3, 2).double()

    def forward(self, data: Any) -> Tensor:
        rows = [data.x[data.ptr[g] : data.ptr[g + 1]].sum(0) for g in range(data.num_graphs)]
        return self.lin(torch.stack(rows))  # type: ignore[no-any-return]
