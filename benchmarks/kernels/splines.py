"""Kernel weights of edges: B-spline bases beside torch_spline_conv, Gaussian weights beside PyG's formula in torch."""

import torch

from benchmarks.kernels.section import Goal, Limit, Maker, features, with_peer
from benchmarks.kernels.work import counted

TITLE = "Kernel weights of edges"
# edges, pseudo-dimensions, degree
SETTINGS = {
    f"{edges} edges, {dims} dimensions, degree {degree}": (edges, dims, degree)
    for edges in (10_000, 100_000, 1_000_000)
    for dims, degree in ((3, 1), (2, 2), (2, 3))
}
SPLINE, PEER = "geocompile spline_basis", "torch_spline_conv"
GAUSSIAN, PYG = "geocompile gaussian_weights, 25 kernels", "PyG GMMConv's weights, 25 kernels"


def contenders(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import gaussian_weights, spline_basis

    edges, dims, degree = SETTINGS[setting]
    pseudo = torch.rand(edges, dims, generator=torch.Generator().manual_seed(0))
    kernel_size, is_open = torch.full((dims,), 5), torch.ones(dims, dtype=torch.uint8)
    mu, sigma = features(25, dims), features(25, dims, seed=3).abs() + 0.5

    def peer() -> torch.Tensor:
        import torch_spline_conv

        return torch_spline_conv.spline_basis(pseudo, kernel_size, is_open, degree)  # type: ignore[no-any-return]

    def pyg() -> torch.Tensor:
        scaled = -0.5 * (pseudo.view(edges, 1, dims) - mu).pow(2) / (1e-15 + sigma.pow(2))
        return scaled.sum(-1).exp()

    return {
        SPLINE: counted(lambda: spline_basis(pseudo, kernel_size, is_open, degree), pseudo),
        **with_peer("torch_spline_conv", lambda: peer),
        GAUSSIAN: counted(
            lambda: gaussian_weights(pseudo, mu, sigma), pseudo, multiply_adds=pseudo.numel() * mu.size(0)
        ),
        PYG: lambda: pyg,
    }


def goals(setting: str) -> list[Goal | Limit]:
    return [Goal(SPLINE, (PEER,), 1.0), Goal(GAUSSIAN, (PYG,), 1.0)]
