"""The gradient of B-spline bases, an operator of its own, and the gradients of that one."""

from typing import Any

import torch
from torch import Tensor

from geocompile.custom_ops.operators.halves import in_float32, widened
from geocompile.custom_ops.operators.library import same_device
from geocompile.custom_ops.operators.spline_basis import spline_basis_reference, splines
from geocompile.custom_ops.registry import Operator, register


@in_float32
def spline_basis_backward_reference(
    grad: Tensor, pseudo: Tensor, kernel_size: Tensor, is_open_spline: Tensor, degree: int
) -> Tensor:
    """The meaning of `spline_basis_backward`: the gradient of `pseudo` for that of the basis."""
    with torch.enable_grad():
        leaf = pseudo.detach().requires_grad_()
        basis, _ = spline_basis_reference(leaf, kernel_size, is_open_spline, degree)
        return torch.autograd.grad(basis, leaf, grad)[0]


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.degree = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, direction: Tensor) -> tuple[Tensor | None, ...]:
    """The derivative of the basis along `direction`, and the gradient of its product with ``grad``."""
    given, pseudo, kernel_size, is_open_spline = ctx.saved_tensors
    grad, scale = widened(given), kernel_size - ctx.degree * (is_open_spline != 0).long()
    place = widened(pseudo) * scale
    values, slopes, bends = _derivatives(place - place.floor(), scale, ctx.degree)
    along = widened(direction)
    of_pseudo = [
        (grad * _along(_with(values, d, slopes), _with(slopes, d, bends), along)).sum(1)
        for d in range(pseudo.size(1))
    ]
    stacked = torch.stack(of_pseudo, 1) if of_pseudo else torch.zeros_like(pseudo)
    return _along(values, slopes, along).to(given.dtype), stacked.to(pseudo.dtype), None, None, None


def _derivatives(v: Tensor, scale: Tensor, degree: int) -> tuple[list[Tensor], ...]:
    """The active splines of each dimension, and their first and second derivatives by the coordinate."""
    w, one = 1 - v, torch.ones_like(v)
    if degree == 1:
        slopes, bends = [-one, one], [0 * one, 0 * one]
    elif degree == 2:
        slopes, bends = [-w, w - v, v], [one, -2 * one, one]
    else:
        slopes = [-(w**2) / 2, v * (3 * v - 4) / 2, w * (4 - 3 * w) / 2, v**2 / 2]
        bends = [w, 3 * v - 2, 3 * w - 2, v]
    per_interval = scale.unsqueeze(1)
    first, second = torch.stack(slopes, -1) * per_interval, torch.stack(bends, -1) * per_interval**2
    return tuple(list(factors.unbind(1)) for factors in (splines(v, degree), first, second))


def _along(values: list[Tensor], slopes: list[Tensor], direction: Tensor) -> Tensor:
    """The derivative of the product over dimensions along `direction`, carried along with the product itself."""
    product = direction.new_ones(direction.size(0), 1)
    change = torch.zeros_like(product)
    for d, (value, slope) in enumerate(zip(values, slopes, strict=True)):
        step = _outer(slope * direction[:, d, None], product)
        product, change = _outer(value, product), _outer(value, change) + step
    return change


def _outer(of_dimension: Tensor, product: Tensor) -> Tensor:
    return (of_dimension[:, :, None] * product[:, None]).flatten(1)


def _with(factors: list[Tensor], d: int, others: list[Tensor]) -> list[Tensor]:
    """`factors`, that of dimension `d` taken from `others`."""
    return [*factors[:d], others[d], *factors[d + 1 :]]


def _fake(grad: Tensor, pseudo: Tensor, kernel_size: Tensor, is_open_spline: Tensor, degree: int) -> Tensor:
    same_device("spline_basis_backward", grad=grad, pseudo=pseudo, kernel_size=kernel_size)
    return pseudo.new_empty(pseudo.shape)


torch.library.register_fake("geocompile::spline_basis_backward", _fake)
torch.library.register_autograd("geocompile::spline_basis_backward", _backward, setup_context=_save)
register(Operator("spline_basis_backward", spline_basis_backward_reference, True, ()))
