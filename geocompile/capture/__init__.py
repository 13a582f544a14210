"""Capture: a model and example graphs become an exported program that holds for graphs of every size."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn

import geocompile.custom_ops.operators  # noqa: F401  (the operators must exist before they can be captured)
from geocompile.capture.checks import (
    names_of_symbols,
    raise_if_failed,
    refuse_hooks,
    refuse_names,
    refuse_scripts,
)
from geocompile.capture.describe import Names, input_nodes, output_values
from geocompile.capture.dimensions import (
    Dims,
    Dynamic,
    cached_num_nodes,
    fixed_inputs,
    name_dimensions,
    trace_inputs,
    without_cached,
)
from geocompile.capture.indices import index_of
from geocompile.capture.structure import output_names
from geocompile.capture.tracing import trace
from geocompile.errors import CaptureError
from geocompile.examples import Example
from geocompile.exporters.program import CapturedProgram

__all__ = ["capture"]


def capture(
    model: nn.Module,
    examples: list[Example],
    dynamic: Dynamic | None = None,
) -> CapturedProgram:
    """Captures `model`, in eval mode, with dynamic numbers of nodes, edges and graphs; the model itself is unchanged.

    Args:
        model: The model; its forward takes the tensors of the examples.
        examples: Calls of the model (see `normalize_examples`). Two of different size tell which dimensions vary
            and which are equal; with one, the names of the inputs do (`x`, `pos`, `batch`: nodes; `edge_*`: edges).
        dynamic: Decides for the inputs that it names: `{input: {dimension: name}}`, or a list of an input's sizes with
            names for those that vary, `{"x": ["num_nodes", 16]}`.

    Raises:
        CaptureError: The model cannot be captured, or would hold for some sizes only; the message names the line of
            the model, the reason and what to do.
        ValueError: `dynamic` does not fit the examples.
    """
    model_name = type(model).__name__
    refuse_hooks(model)
    refuse_scripts(model)
    refuse_names(examples[0].tensors, model_name)
    dims = name_dimensions(examples, dynamic)
    fixed = fixed_inputs(examples, dims, dynamic)
    dims = without_cached(examples, dims, dynamic, cached_num_nodes(model))
    for text in fixed:
        warnings.warn(f"geocompile.capture: {text}", stacklevel=2)
    largest = max(examples, key=lambda example: sum(tensor.numel() for tensor in example.tensors.values()))
    parameters = {size for tensor in [*model.parameters(), *model.buffers()] for size in tensor.shape}
    inputs = trace_inputs(largest, dims, parameters)
    sizes = {inputs[name].size(k): symbol for name, named in dims.items() for k, symbol in named.items()}
    traced = trace(model, inputs, dims)
    try:
        exported = raise_if_failed(traced, sizes, model_name)
    except CaptureError as error:
        if not fixed:
            raise
        raise CaptureError("\n  is this why? ".join([str(error), *fixed])) from error.__cause__
    return _describe(exported, traced.structure, dims, sizes, model_name)


def _describe(
    exported: torch.export.ExportedProgram,
    structure: dict[str, Any],
    dims: Dims,
    sizes: dict[int, str],
    model_name: str,
) -> CapturedProgram:
    nodes = input_nodes(exported)
    varying = next((name for name, named in dims.items() if named), None)
    symbols_of = {} if varying is None else names_of_symbols(_shape_env(nodes[varying]), sizes)
    names = Names(exported, symbols_of)
    symbols = {symbol for named in dims.values() for symbol in named.values()}
    inputs = tuple(
        names.spec(name, node.meta["val"], index_of(node, names, symbols)) for name, node in nodes.items()
    )
    for spec in inputs:
        for k, symbol in dims[spec.name].items():
            if spec.shape[k] != symbol:
                raise CaptureError(
                    f"geocompile.capture: {model_name} fixes dimension {k} of '{spec.name}' ({symbol}) "
                    f"to {spec.shape[k]}; "
                    f"if it never varies say so: dynamic={{'{spec.name}': {{...}}}} without dimension {k}"
                )
    taken = {spec.name for spec in inputs}
    outputs = zip(output_names(structure, taken), output_values(exported), strict=True)
    return CapturedProgram(
        exported, inputs, tuple(names.spec(name, value) for name, value in outputs), structure, model_name
    )


def _shape_env(node: torch.fx.Node) -> torch.fx.experimental.symbolic_shapes.ShapeEnv:
    return node.meta["val"].fake_mode.shape_env  # type: ignore[no-any-return]
