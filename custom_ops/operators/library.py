"""Loads the torch operator libraries, once, before anything registers a fake kernel or a gradient for it."""

import torch
from torch import Tensor

from geocompile.custom_ops.libraries import torch_cuda_library, torch_library


def load() -> None:
    """Load ``libgeocompile_torch.so`` unless a library of this process has defined the operators already."""
    if not hasattr(torch.ops.geocompile, "csr_from_coo"):
        torch.ops.load_library(str(torch_library()))  # type: ignore[no-untyped-call]


def load_cuda() -> None:
    """Load ``libgeocompile_torch_cuda.so`` where torch has CUDA and the library was built.

    Nobody asks whether there is a GPU: that would start the CUDA driver, which does not survive a fork. The library
    itself touches neither before its first call.
    """
    library = torch_cuda_library()
    if torch.version.cuda is not None and library is not None:
        torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]


def same_device(operator: str, **tensors: Tensor | None) -> None:
    """Refuse tensors on different devices. Fake kernels call it: a mixed call is theirs if one tensor is on `meta`."""
    given = {name: tensor.device for name, tensor in tensors.items() if tensor is not None}
    if len(set(given.values())) > 1:
        places = ", ".join(f"'{name}' on {device}" for name, device in given.items())
        raise ValueError(f"geocompile.{operator}: all tensors must be on one device, got {places}")


load()
load_cuda()
