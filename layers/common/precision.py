"""What half precision must not lose: counts, norms and sums that are divided again, kept in float32. Scriptable."""

import torch
from torch import Tensor

from geocompile.custom_ops.operators.halves import widened as widened


def unit_length(x: Tensor) -> Tensor:
    r"""``x`` divided by its :math:`\ell_2` norm along the last dimension; a zero vector stays zero."""
    return torch.nn.functional.normalize(widened(x), p=2.0, dim=-1).to(x.dtype)
