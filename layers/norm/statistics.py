"""What normalisations share. Scriptable."""

from torch import Tensor


def check_nodes(layer: str, x: Tensor, in_channels: int) -> None:
    """Refuse what is no floating-point tensor of ``in_channels`` for each node.

    Raises:
        TypeError: it is no floating-point tensor.
        ValueError: its last size is another one, or it has no dimension of nodes.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise TypeError(f"geocompile.{layer}: x must be a floating-point tensor; use x.float()")
    if x.dim() < 2 or x.size(-1) != in_channels:
        raise ValueError(
            f"geocompile.{layer}: x must have shape [num_nodes, {in_channels}], got {list(x.shape)}"
        )


def spread(of_graph: Tensor, batch: Tensor | None) -> Tensor:
    """One row per graph to the nodes; without a batch vector the only row, which broadcasts."""
    return of_graph if batch is None else of_graph.index_select(0, batch)
