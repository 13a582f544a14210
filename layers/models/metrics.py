"""What models measure with scikit-learn, which only these methods need."""

from importlib import import_module
from typing import Any

import torch
from torch import Tensor


def sklearn_module(asked_by: str, name: str) -> Any:
    """The module ``sklearn.name``.

    Raises:
        ImportError: scikit-learn is not installed; names the extra that brings it.
    """
    try:
        return import_module(f"sklearn.{name}")
    except ImportError as error:
        raise ImportError(
            f"geocompile.{asked_by} needs scikit-learn ({error}): pip install geocompile[metrics]"
        ) from None


def labelled(positive: Tensor, negative: Tensor) -> tuple[Any, Any]:
    """Labels 1 and 0, and the scores of both, as NumPy arrays."""
    labels = torch.cat([torch.ones(positive.size(0)), torch.zeros(negative.size(0))])
    return labels.numpy(), torch.cat([positive, negative]).detach().cpu().numpy()
