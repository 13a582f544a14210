"""What a case is: a layer with fresh weights, inputs for any size of graph, the formula, and PyG's counterpart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

SIZES = ((6, 14), (11, 40), (4, 0), (1, 2), (1, 0), (0, 0))
"""Nodes and edges of the graphs that every case is run on; the first is the example that engines are made from."""


class Sample:
    """A random graph to draw inputs from, float64; what is drawn follows torch's seed.

    Loops and duplicate edges come by themselves, the last node stays isolated where it can.
    """

    def __init__(self, num_nodes: int, num_edges: int) -> None:
        self.num_nodes, self.num_edges = num_nodes, num_edges
        self.edge_index = torch.randint(0, max(num_nodes - 1, 1), (2, num_edges))

    def x(self, channels: int = 3, more_nodes: int = 0) -> Tensor:
        """``[num_nodes, channels]`` normally distributed."""
        return torch.randn(self.num_nodes + more_nodes, channels, dtype=torch.float64)

    def weight(self) -> Tensor:
        """``[num_edges]`` in [0.1, 1.1]."""
        return torch.rand(self.num_edges, dtype=torch.float64) + 0.1

    def edge_attr(self, dim: int = 2) -> Tensor:
        """``[num_edges, dim]`` normally distributed."""
        return torch.randn(self.num_edges, dim, dtype=torch.float64)

    def pseudo(self, dim: int = 2) -> Tensor:
        """``[num_edges, dim]`` in [0, 1]."""
        return torch.rand(self.num_edges, dim, dtype=torch.float64)

    def edge_type(self, num_relations: int) -> Tensor:
        """``[num_edges]`` in [0, num_relations)."""
        return torch.randint(0, num_relations, (self.num_edges,))

    def batch(self, num_graphs: int = 2) -> Tensor:
        """``[num_nodes]`` sorted, of graphs that may be empty; the last one is not."""
        return torch.arange(self.num_nodes) * num_graphs // max(self.num_nodes, 1)


@dataclass(frozen=True, eq=False)
class LayerCase:
    """One class of the reference with one set of options.

    Attributes:
        layer: The class or function, as the reference names it: the row of the table.
        options: What tells this case from the layer's others.
        make: The layer, float64, its weights drawn from torch's seed. A function stands in a module of its own.
        inputs: The arguments of forward by name, from a sample; a value is a tensor, a pair of tensors (or None), or
            a plain setting.
        formula: The written formula, dense, float64: called with the layer and the inputs. It reads the layer's
            parameters and nothing else of it.
        pyg: PyG 2.8.1's layer with weights of its own, float64, whose `from_pyg` is this layer and computes the same.
            None where `without["PyG"]` says why.
        same_state: Whether state dicts load both ways between `make()` and `pyg()`.
        sizes: Nodes and edges of the graphs that it is run on.
        dynamic: What varies of the inputs, for `compile`, where their names do not say it.
        without: The columns that do not apply, each with its reason.
        pyg_names: What PyG's forward calls an argument, where the reference calls it otherwise.
    """

    layer: str
    options: str
    make: Callable[[], torch.nn.Module]
    inputs: Callable[[Sample], dict[str, Any]]
    formula: Callable[..., Any]
    pyg: Callable[[], torch.nn.Module] | None = None
    same_state: bool = True
    sizes: tuple[tuple[int, int], ...] = SIZES
    dynamic: Mapping[str, Sequence[int | str]] | None = None
    without: Mapping[str, str] = field(default_factory=dict)
    pyg_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``GATConv heads=2``."""
        return f"{self.layer} {self.options}".strip()

    def draw(self, size: tuple[int, int]) -> dict[str, Any]:
        """The inputs of a random graph of that size."""
        return self.inputs(Sample(*size))


def named(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as a name shows them: a function by its own name, since its address differs from run to run."""
    return {key: getattr(value, "__name__", value) for key, value in options.items()}
