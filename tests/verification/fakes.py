"""A bundle whose only engine is a Python function, so that it can be wrong on purpose."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from geocompile.exporters.program import TensorSpec

X = TensorSpec("x", "float32", ("num_nodes", 3))
EDGES = TensorSpec("edge_index", "int64", (2, "num_edges"), index_of="num_nodes")
BATCH = TensorSpec("batch", "int64", ("num_nodes",), index_of="num_graphs")
OUT = TensorSpec("out", "float32", ("num_nodes", 2))
ONE = {"kind": "tensor", "index": 0}

Answer = Callable[..., Any]


class SumOfNeighbours(torch.nn.Module):
    """out_i = W sum_{j -> i} x_j + x_i[:2]"""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.linear = torch.nn.Linear(3, 2)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        summed = torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]])
        return self.linear(summed) + x[:, :2]


@dataclass
class FakeBundle:
    """What `verify` needs of a bundle; `answer(**inputs)` plays the engine and may look at `threads`."""

    answer: Answer
    inputs: tuple[TensorSpec, ...] = (X, EDGES)
    outputs: tuple[TensorSpec, ...] = (OUT,)
    structure: dict[str, Any] = field(default_factory=lambda: ONE)
    target: str = "torchscript"
    examples: list[dict[str, np.ndarray]] = field(default_factory=lambda: [example()])

    @property
    def manifest(self) -> Any:
        engine = SimpleNamespace(target=self.target, device="cpu")
        return SimpleNamespace(
            inputs=self.inputs, outputs=self.outputs, output_structure=self.structure, engines=(engine,)
        )

    def samples(self) -> list[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
        return [(inputs, {}) for inputs in self.examples]

    def session(
        self, target: str, device: str = "cpu", num_threads: int | None = None, portable: bool = False
    ) -> Answer:
        return lambda **inputs: self.answer(**inputs)


def example(nodes: int = 20, edges: int = 60, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "x": rng.standard_normal((nodes, 3)).astype(np.float32),
        "edge_index": rng.integers(0, nodes, size=(2, edges)),
    }


def eager(model: torch.nn.Module) -> Answer:
    """An engine that is eager itself."""

    def answer(**inputs: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(**{name: torch.tensor(array) for name, array in inputs.items()}).numpy()

    return answer
