"""What half precision must not lose: counts, norms and sums that are divided again, kept in float32. Scriptable."""

import torch
from torch import Tensor


def widened(x: Tensor) -> Tensor:
    """``x``, in float32 where it is of half precision: 16 bits hold neither a large count nor 1e-12."""
    if x.dtype == torch.float16 or x.dtype == torch.bfloat16:
        return x.float()
    return x


def unit_length(x: Tensor) -> Tensor:
    r"""``x`` divided by its :math:`\ell_2` norm along the last dimension; a zero vector stays zero."""
    return torch.nn.functional.normalize(widened(x), p=2.0, dim=-1).to(x.dtype)
