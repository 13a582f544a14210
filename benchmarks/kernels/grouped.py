"""Rows in groups, each with a matrix of its own, beside a product for each group by torch's BLAS."""

import torch
from torch import Tensor

from benchmarks.kernels.section import Goal, Limit, Maker, features
from benchmarks.kernels.work import counted

TITLE = "Grouped products: a matrix for each type of rows"
SETTINGS = {  # groups, rows of each (the last one has twice as many), channels in and out
    "1000 groups of 20 rows, 32 to 32": (1000, 20, 32, 32),
    "1000 groups of 50 rows, 64 to 64": (1000, 50, 64, 64),
    "50 groups of 1000 rows, 64 to 64": (50, 1000, 64, 64),
    "8 groups of 10000 rows, 64 to 64": (8, 10_000, 64, 64),
    "8 groups of 10000 rows, 128 to 128": (8, 10_000, 128, 128),
    "4 groups of 10000 rows, 256 to 256": (4, 10_000, 256, 256),
}
OURS, MM = "geocompile", "torch.mm for each group"
GRADIENT, MM_GRADIENT = "gradient of the weights", "torch.mm, gradient"


def contenders(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import grouped_matmul

    num_groups, rows, width_in, width_out = SETTINGS[setting]
    sizes = [rows] * (num_groups - 1) + [2 * rows]
    ptr = torch.tensor([0, *sizes]).cumsum(0)
    x, grad = features(sum(sizes), width_in), features(sum(sizes), width_out, seed=3)
    weight = features(num_groups, width_in, width_out, seed=4)

    def loop() -> Tensor:
        out = x.new_empty(x.size(0), width_out)
        for rows, matrix, to in zip(x.split(sizes), weight, out.split(sizes), strict=True):
            torch.mm(rows, matrix, out=to)
        return out

    def gradient_loop() -> Tensor:
        out = torch.empty_like(weight)
        for rows, grads, to in zip(x.split(sizes), grad.split(sizes), out, strict=True):
            torch.mm(rows.t(), grads, out=to)
        return out

    products = x.numel() * width_out
    return {
        OURS: counted(lambda: grouped_matmul(x, ptr, weight), x, ptr, weight, multiply_adds=products),
        MM: lambda: loop,
        GRADIENT: counted(
            lambda: torch.ops.geocompile.grouped_outer(x, grad, ptr), x, grad, ptr, multiply_adds=products
        ),
        MM_GRADIENT: lambda: gradient_loop,
    }


def goals(setting: str) -> list[Goal | Limit]:
    num_groups = SETTINGS[setting][0]
    least = 1.0 if num_groups >= 1000 else 0.85
    return [Goal(OURS, (MM,), least), Goal(GRADIENT, (MM_GRADIENT,), least)]
