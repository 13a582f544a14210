"""What capture hands to the passes and the exporters: the exported graph and a description of its tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TensorSpec:
    """One input or output tensor of a model.

    Attributes:
        name: The name that a person uses for it (`x`, `edge_index`, `output`).
        dtype: The numpy name of the element type (`float32`, `int64`, `bool`).
        shape: Sizes; a string is a symbolic dimension (`num_nodes`), equal wherever the name is equal.
        index_of: For an integer input whose values must lie in `[0, n)`: what `n` is, the name of a dimension
            (`"num_nodes"`), a number (`"10"`), or `"*"` for any value that is not negative (`batch`). Where the
            rows of dimension 0 differ (a bipartite `edge_index`), one such entry or None per row.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    index_of: str | tuple[str | None, ...] | None = None


@dataclass
class CapturedProgram:
    """A model as a graph: the common starting point of all passes and exporters.

    Attributes:
        exported: The exported program; geocompile operators are kept as they are.
        inputs: The tensor inputs in the order of the model's signature, without those that are always None.
        outputs: The output tensors, flattened.
        output_structure: How the flat outputs make up the model's result, as JSON: `{"kind": "tensor", "index": 0}`,
            `{"kind": "tuple" | "list", "items": [...]}`, `{"kind": "dict", "items": {key: ...}}` or `{"kind": "none"}`.
        model_name: The class name of the model.
    """

    exported: torch.export.ExportedProgram
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    output_structure: dict[str, Any]
    model_name: str
