"""What PointConv and PPFConv share: a network on each edge, the reduction of its results, a network on that."""

import torch
from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]

from geocompile.custom_ops import segment_reduce
from geocompile.layers.common.checks import check_module
from geocompile.layers.common.linear import reset
from geocompile.layers.common.networks import check_network
from geocompile.layers.message_passing import MessagePassing


class PointNetworks(MessagePassing):
    """The networks, and what is done with what an edge says of two points. A derived layer says that."""

    computes_in_forward = True

    def __init__(
        self,
        local_nn: torch.nn.Module | None = None,
        global_nn: torch.nn.Module | None = None,
        *,
        add_self_loops: bool | None = None,
        aggr: str = "max",
        sender_first: bool = False,
        flow: str = "source_to_target",
    ) -> None:
        super().__init__(aggr, flow, node_dim=0)
        for name, network in (("local_nn", local_nn), ("global_nn", global_nn)):
            if network is not None:
                check_module(type(self).__name__, name, network)
        self.local_nn = local_nn
        self.global_nn = global_nn
        self.add_self_loops = add_self_loops
        self.sender_first = sender_first

    def reset_parameters(self) -> None:
        """Draw the weights of both networks anew."""
        for network in (self.local_nn, self.global_nn):
            if network is not None:
                reset(network)

    def _through_networks(
        self, features: Tensor | None, of_edge: Tensor, rowptr: Tensor, col: Tensor
    ) -> Tensor:
        h = of_edge if features is None else torch.cat([features.index_select(0, col), of_edge], dim=1)
        if self.local_nn is not None:
            if not is_scripting():
                check_network(type(self).__name__, "local_nn", self.local_nn, "x and pos", h, h.size(1))
            h = self.local_nn(h)
        out = segment_reduce(h, rowptr, None, self._reduce)
        if self.global_nn is not None:
            out = self.global_nn(out)
        return out
