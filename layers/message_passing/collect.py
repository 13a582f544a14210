"""What the hooks of a message passing layer are given in eager mode (TorchScript runs generated code instead)."""

from typing import Any

from torch import Tensor

from geocompile.layers.common.propagation import (
    count_at,
    ends,
    group_edges,
    initial_sizes,
    lift,
    node_counts,
    note_size,
    pick_end,
)
from geocompile.layers.message_passing.hooks import EMPTY, Argument, Hooks


class Collected:
    """The arguments of one call of ``propagate``, handed to each hook as it asks for them."""

    def __init__(
        self,
        layer: str,
        hooks: Hooks,
        flow: str,
        node_dim: int,
        edge_index: Tensor,
        size: tuple[int, int] | None,
        kwargs: dict[str, Any],
    ) -> None:
        self.layer, self.hooks, self.node_dim, self.kwargs = layer, hooks, node_dim, kwargs
        self.i, self.j = ends(flow)
        self.edge_index = edge_index
        sizes = initial_sizes(size)
        for argument in hooks.lifted:
            self._note_sizes(argument, sizes)
        self.special: dict[str, Any] = {
            "edge_index": edge_index,
            "edge_index_i": edge_index[self.i],
            "edge_index_j": edge_index[self.j],
            "index": edge_index[self.i],
            "ptr": None,
            "size": sizes,
            "size_i": count_at(sizes, self.i),
            "size_j": count_at(sizes, self.j),
            "dim_size": count_at(sizes, self.i),
        }
        self.counts = node_counts(sizes, self.i, hooks.counts_receiving)

    def group_edges(self) -> tuple[Tensor, Tensor]:
        """Sort the edges by receiving node; ``rowptr``, ``col`` and ``perm`` can be asked for afterwards."""
        special = self.special
        rowptr, col, perm = group_edges(special["edge_index_i"], special["edge_index_j"], special["dim_size"])
        special.update(rowptr=rowptr, col=col, perm=perm)
        return rowptr, col

    def source(self, name: str) -> Tensor:
        """The features ``name`` of the sending nodes, one row per node."""
        if name not in self.kwargs:
            raise self._missing("message", f"{name}_j", name)
        first, second = _pair(self.kwargs[name])
        return pick_end(f"{name}_j", first, second, self.j)

    def arguments(self, hook: str) -> dict[str, Any]:
        """What ``hook`` asks for, by name; what was not passed and has a default there is left out."""
        found = {}
        for argument in self.hooks.called[hook]:
            if argument.name in self.hooks.special:
                found[argument.name] = self.special[argument.name]
            elif argument.base in self.kwargs:
                found[argument.name] = self._value(argument)
            elif argument.default is EMPTY:
                raise self._missing(hook, argument.name, argument.base)
        return found

    def _value(self, argument: Argument) -> Any:
        value = self.kwargs[argument.base]
        if not argument.is_lifted:
            return value
        end = self._end(argument)
        if isinstance(value, (tuple, list)):
            value = value[end]
        return lift(value, self.edge_index[end], self.node_dim) if isinstance(value, Tensor) else value

    def _note_sizes(self, argument: Argument, sizes: list[int | None]) -> None:
        value = self.kwargs.get(argument.base)
        if isinstance(value, Tensor):
            note_size(argument.base, sizes, self._end(argument), value, self.node_dim)
        elif isinstance(value, (tuple, list)):
            first, second = _pair(value)
            note_size(argument.base, sizes, 0, first, self.node_dim)
            note_size(argument.base, sizes, 1, second, self.node_dim)

    def _end(self, argument: Argument) -> int:
        return self.i if argument.name.endswith("_i") else self.j

    def _missing(self, hook: str, name: str, base: str) -> TypeError:
        return TypeError(
            f"geocompile.{self.layer}: {hook} asks for {name}, but propagate was not given {base}; "
            f"call self.propagate(edge_index, {base}=...)"
        )


def _pair(value: Any) -> tuple[Any, Any]:
    """The value at either end: a pair is a bipartite graph's, anything else serves both."""
    if not isinstance(value, (tuple, list)):
        return value, value
    if len(value) != 2:
        raise ValueError(
            f"geocompile.MessagePassing: a pair of source and target features is needed, got {len(value)} items"
        )
    return value[0], value[1]
