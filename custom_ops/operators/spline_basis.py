"""How much each kernel counts for an edge: B-spline bases and Gaussian weights of its pseudo-coordinates."""

from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.halves import in_float32, widened
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.registry import Operator, register

_ops = torch.ops.geocompile

EPS = 1e-15


def spline_basis(
    pseudo: Tensor, kernel_size: Tensor, is_open_spline: Tensor, degree: int = 1
) -> tuple[Tensor, Tensor]:
    r"""The B-spline weights of each edge, and the kernels that they are for.

    A dimension of ``n`` kernels has ``n - degree`` knot intervals if the spline is open, else ``n``, and is a circle.
    With ``v = u_d (n - degree)`` or ``v = u_d n`` the kernels ``floor(v), ..., floor(v) + degree`` (modulo ``n``) have
    the uniform B-splines of ``v - floor(v)``. Term s of an edge is one of these in each dimension, of dimension 0 the
    ``s mod (degree + 1)``-th:
    ``basis[e, s] = prod_d B_{k_d(s)}(u_{e,d})``, ``weight_index[e, s] = sum_d k_d(s) prod_{d' < d} n_{d'}``.
    A coordinate outside of [0, 1] wraps around; NaN travels into the weights, the kernels stay in range.

    Args:
        pseudo: ``[num_edges, dims]`` in [0, 1]; float32, float64, float16 or bfloat16; 1 to 16 dimensions.
        kernel_size: ``[dims]``, integers of at least 1, the number of kernels in each dimension.
        is_open_spline: ``[dims]``, integers or bool, whether the spline is open in each dimension.
        degree: 1, 2 or 3.

    Returns:
        ``basis [num_edges, (degree + 1)^dims]``, dtype of `pseudo`, and ``weight_index`` of the same shape, int64.

    Raises:
        ValueError: For a wrong dtype, shape, kernel size or degree.

    Source: Fey et al., "SplineCNN" (2018); ``torch_spline_conv.spline_basis``.
    """
    _check_integers("kernel_size", kernel_size)
    _check_integers("is_open_spline", is_open_spline)
    return _ops.spline_basis(pseudo, kernel_size.long(), is_open_spline.long(), degree)  # type: ignore[no-any-return]


def _check_integers(name: str, values: Tensor) -> None:
    if values.is_floating_point() or values.is_complex():
        raise ValueError(f"geocompile.spline_basis: '{name}' must be integers, got {values.dtype}")


def gaussian_weights(pseudo: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
    r"""Gaussian kernels at the pseudo-coordinates of edges.

    ``out[e, k] = exp(-1/2 sum_d (u_{e,d} - mu_{k,d})^2 / (1e-15 + sigma_{k,d}^2))``

    Args:
        pseudo: ``u [num_edges, dims]`` float32, float64, float16 or bfloat16 (halves are computed in float32).
        mu: ``[kernels, dims]``, dtype of `pseudo`.
        sigma: ``[kernels, dims]``, dtype of `pseudo`.

    Returns:
        ``[num_edges, kernels]``, dtype of `pseudo`.

    Raises:
        ValueError: For a wrong dtype or shape.

    Source: Monti et al., "Geometric Deep Learning on Graphs and Manifolds using Mixture Model CNNs" (2017);
    ``torch_geometric.nn.GMMConv``.
    """
    return _ops.gaussian_weights(pseudo, mu, sigma)  # type: ignore[no-any-return]


@in_float32
def spline_basis_reference(
    pseudo: Tensor, kernel_size: Tensor, is_open_spline: Tensor, degree: int = 1
) -> tuple[Tensor, Tensor]:
    """The meaning of `spline_basis`."""
    place = pseudo * (kernel_size - degree * (is_open_spline != 0).long())
    fraction = place - place.floor()
    first = torch.where(fraction.isnan(), 0, place.floor().remainder(kernel_size)).long()
    active = splines(fraction, degree)
    basis = pseudo.new_ones(pseudo.size(0), 1)
    weight_index = first.new_zeros(pseudo.size(0), 1)
    stride = 1
    for d in range(pseudo.size(1)):
        kernels = (first[:, d, None] + torch.arange(degree + 1)) % kernel_size[d] * stride
        basis = (active[:, d, :, None] * basis[:, None]).flatten(1)
        weight_index = (kernels[:, :, None] + weight_index[:, None]).flatten(1)
        stride *= int(kernel_size[d])
    return basis, weight_index


def splines(v: Tensor, degree: int) -> Tensor:
    """The ``degree + 1`` uniform B-splines that are active at the fraction `v` of an interval, in a last dimension."""
    w = 1 - v
    if degree == 1:
        return torch.stack([w, v], -1)
    if degree == 2:
        return torch.stack([w**2 / 2, 0.5 + v * w, v**2 / 2], -1)
    return torch.stack([w**3 / 6, 2 / 3 - v**2 * (2 - v) / 2, 2 / 3 - w**2 * (2 - w) / 2, v**3 / 6], -1)


@in_float32
def gaussian_weights_reference(pseudo: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
    """The meaning of `gaussian_weights`."""
    return (-0.5 * (pseudo[:, None] - mu).square() / (EPS + sigma.square())).sum(-1).exp()


def _save_spline(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.degree = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(*tensors)


def _spline_backward(ctx: Any, grad: Tensor, _grad_index: Tensor | None) -> tuple[Tensor | None, ...]:
    return _ops.spline_basis_backward(grad, *ctx.saved_tensors, ctx.degree), None, None, None


def _save_gaussian(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs, output)


def _gaussian_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """One dimension after the other, so that nothing of the size [edges, kernels, dims] is made."""
    dtype = ctx.saved_tensors[0].dtype
    pseudo, mu, sigma, out = map(widened, ctx.saved_tensors)
    weighted, precision = widened(grad) * out, 1 / (EPS + sigma.square())
    of_pseudo, of_mu, of_sigma = [], [], []
    for d in range(pseudo.size(1)):
        distance = pseudo[:, d, None] - mu[:, d]
        moment = weighted * distance
        of_pseudo.append(-(moment @ precision[:, d]))
        of_mu.append(moment.sum(0) * precision[:, d])
        of_sigma.append((moment * distance).sum(0) * sigma[:, d] * precision[:, d].square())
    if not of_pseudo:
        return torch.zeros_like(pseudo), torch.zeros_like(mu), torch.zeros_like(sigma)
    return tuple(torch.stack(columns, 1).to(dtype) for columns in (of_pseudo, of_mu, of_sigma))


def _fake_spline_basis(
    pseudo: Tensor, kernel_size: Tensor, is_open_spline: Tensor, degree: int = 1
) -> tuple[Tensor, Tensor]:
    same_device("spline_basis", pseudo=pseudo, kernel_size=kernel_size, is_open_spline=is_open_spline)
    basis = pseudo.new_empty(pseudo.size(0), (degree + 1) ** pseudo.size(1))
    return basis, basis.new_empty(basis.shape, dtype=torch.long)


def _fake_gaussian_weights(pseudo: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
    same_device("gaussian_weights", pseudo=pseudo, mu=mu, sigma=sigma)
    return pseudo.new_empty(pseudo.size(0), mu.size(0))


torch.library.register_fake("geocompile::spline_basis", _fake_spline_basis)
torch.library.register_fake("geocompile::gaussian_weights", _fake_gaussian_weights)
torch.library.register_autograd("geocompile::spline_basis", _spline_backward, setup_context=_save_spline)
torch.library.register_autograd(
    "geocompile::gaussian_weights", _gaussian_backward, setup_context=_save_gaussian
)
for _name in ("spline_basis", "gaussian_weights"):
    torch.library.register_autocast(f"geocompile::{_name}", "cpu", torch.float32)
_TYPES = ("SplineBasisLinear", "SplineBasisQuadratic", "SplineBasisCubic")
register(Operator("spline_basis", spline_basis_reference, True, _TYPES))
register(Operator("gaussian_weights", gaussian_weights_reference, True, ("GaussianWeights",)))

from geocompile.custom_ops.operators import spline_basis_backward as spline_basis_backward  # noqa: E402
