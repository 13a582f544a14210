"""Options and weights of one layer to another, PyG's to ours and back; a module for each family of layers."""

import torch

from geocompile.pyg.converters import (
    aggregations,
    attention,
    dense,
    kernels,
    messages,
    models,
    neighbourhoods,
    norms,
    points,
    pools,
    spectral,
    stacks,
)
from geocompile.pyg.converters.shared import Converter

_FAMILIES = (
    neighbourhoods,
    kernels,
    attention,
    messages,
    spectral,
    stacks,
    pools,
    models,
    dense,
    norms,
    aggregations,
    points,
)

FROM_PYG: dict[str, Converter] = {path: f for family in _FAMILIES for path, f in family.FROM_PYG.items()}
"""Path of a PyG class -> converter. A new layer is one line in its family's table and one function above it."""

TO_PYG: dict[type[torch.nn.Module], Converter] = {
    layer: f for family in _FAMILIES for layer, f in family.TO_PYG.items()
}
"""Class of a geocompile layer -> converter."""
