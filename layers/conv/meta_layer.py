"""MetaLayer: the features of edges, nodes and graphs updated one after the other."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from geocompile.layers.common.checks import check_edge_index
from geocompile.layers.common.linear import reset
from geocompile.layers.common.node_numbers import check_numbers


class MetaLayer(torch.nn.Module):
    r"""A layer of a graph network.

    .. math::
        \mathbf{e}'_{ij} &= \phi_e(\mathbf{x}_i, \mathbf{x}_j, \mathbf{e}_{ij}, \mathbf{u}, b_i) \\
        \mathbf{X}' &= \phi_v(\mathbf{X}, \mathbf{A}, \mathbf{E}', \mathbf{u}, \mathbf{b}) \\
        \mathbf{u}' &= \phi_u(\mathbf{X}', \mathbf{A}, \mathbf{E}', \mathbf{u}, \mathbf{b})

    where edge (i, j) goes from ``edge_index[0]`` to ``edge_index[1]`` and :math:`\mathbf{b}` is ``batch``. Equal to
    PyG 2.8.1's MetaLayer, state dict included, except that the constructor leaves the weights of the models as they
    are. PyG 1.2.0 fails without ``batch`` where there is an edge model.

    A model is a module or a function. What it is not given is None: for ``torch.jit.script`` its arguments
    ``edge_attr``, ``u`` and ``batch`` are Optional[Tensor].

    Args:
        edge_model: :math:`\phi_e`, called with ``(source, target, edge_attr, u, batch)``: features of both ends
            [num_edges, channels], and the graph of each edge [num_edges]. None: edges stay as they are.
        node_model: :math:`\phi_v`, called with ``(x, edge_index, edge_attr, u, batch)``; None: nodes stay.
        global_model: :math:`\phi_u`, called with the same; None: graphs stay.

    Shapes:
        ``x`` [num_nodes, channels], ``edge_index`` [2, num_edges] (int64 or int32), ``edge_attr``
        [num_edges, edge_channels], ``u`` [num_graphs, graph_channels], ``batch`` [num_nodes]; result: x, edge_attr and
        u, or what the models make of them.

    Raises:
        TypeError, ValueError: ``edge_index`` has the wrong type, dtype or shape.
        IndexError: a node number is negative or too large.

    Source: Battaglia et al., "Relational inductive biases, deep learning, and graph networks" (2018).

    >>> layer = MetaLayer(edge_model=lambda source, target, edge_attr, u, batch: target - source)
    >>> x, edge_attr, u = layer(torch.tensor([[1.0], [4.0]]), torch.tensor([[0, 1], [1, 1]]))
    >>> edge_attr
    tensor([[3.],
            [0.]])
    """

    def __init__(
        self,
        edge_model: Callable[..., Any] | None = None,
        node_model: Callable[..., Any] | None = None,
        global_model: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__()
        for name, model in (("edge", edge_model), ("node", node_model), ("global", global_model)):
            if model is not None and not callable(model):
                raise TypeError(
                    f"geocompile.MetaLayer: {name}_model must be a module or a function, got {type(model)}"
                )
        self.edge_model = edge_model
        self.node_model = node_model
        self.global_model = global_model

    def reset_parameters(self) -> None:
        """Draw the weights of the models anew."""
        for model in (self.edge_model, self.node_model, self.global_model):
            if isinstance(model, torch.nn.Module):
                reset(model)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        u: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Features of nodes, edges and graphs after the update; see the class for shapes and errors."""
        check_edge_index("MetaLayer", edge_index)
        if self.edge_model is not None:
            check_numbers("MetaLayer", "edge_index", edge_index, x.size(0))
            row, col = edge_index[0], edge_index[1]
            of_edges = batch
            if batch is not None:
                of_edges = batch.index_select(0, row)
            edge_attr = self.edge_model(
                x.index_select(0, row), x.index_select(0, col), edge_attr, u, of_edges
            )
        if self.node_model is not None:
            x = self.node_model(x, edge_index, edge_attr, u, batch)
        if self.global_model is not None:
            u = self.global_model(x, edge_index, edge_attr, u, batch)
        return x, edge_attr, u
