"""Loads the torch operator library, once, before anything registers a fake kernel or a gradient for it."""

import torch

from geocompile.custom_ops.libraries import torch_library


def load() -> None:
    """Load ``libgeocompile_torch.so`` unless a library of this process has defined the operators already."""
    if not hasattr(torch.ops.geocompile, "csr_from_coo"):
        torch.ops.load_library(str(torch_library()))  # type: ignore[no-untyped-call]


load()
