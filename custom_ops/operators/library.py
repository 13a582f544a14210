"""Loads the torch operator libraries, once, before anything registers a fake kernel or a gradient for it."""

import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from geocompile.custom_ops.libraries import torch_cuda_library, torch_library
from geocompile.custom_ops.registry import Operator


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


@contextmanager
def needs_current_library() -> Iterator[None]:
    """Turn torch's error about an operator that the library has not into one that says what to do."""
    try:
        yield
    except (RuntimeError, AttributeError) as error:
        message = str(error)
        if (
            "geocompile::" in message and "does not exist" in message
        ) or "'_OpNamespace' 'geocompile'" in message:
            raise _outdated(message) from error
        raise


def check_schemas(operators: Iterable[Operator]) -> None:
    """Refuse a library whose operators have other arguments than the package gives them."""
    for operator in operators:
        schema = getattr(torch.ops.geocompile, operator.name).default._schema
        found = [argument.name for argument in schema.arguments]
        wanted = list(inspect.signature(operator.reference).parameters)
        if found != wanted:
            raise _outdated(f"its operator {operator.name} takes {found} and not {wanted}")


def _outdated(reason: str) -> ImportError:
    loaded = [path for path in torch.ops.loaded_libraries if "geocompile_torch" in Path(path).name]
    return ImportError(
        f"geocompile: the operator library {' and '.join(loaded) or 'of this process'} does not fit this geocompile: "
        f"{reason}. It was built from other sources: build it again with `pip install --no-build-isolation .` in the "
        "folder of geocompile's sources (with -e as it was installed), or reinstall geocompile"
    )


def same_device(operator: str, **tensors: Tensor | None) -> None:
    """Refuse tensors on different devices. Fake kernels call it: a mixed call is theirs if one tensor is on `meta`."""
    given = {name: tensor.device for name, tensor in tensors.items() if tensor is not None}
    if len(set(given.values())) > 1:
        places = ", ".join(f"'{name}' on {device}" for name, device in given.items())
        raise ValueError(f"geocompile.{operator}: all tensors must be on one device, got {places}")


load()
load_cuda()
