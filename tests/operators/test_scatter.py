"""scatter as Python calls it: dim_size, broadcasting, `out`, integers, scripting; random cases against torch's own."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geocompile.custom_ops import scatter, scatter_arg
from geocompile.custom_ops.operators.segment import REDUCTIONS
from geocompile.custom_ops.registry import OPERATORS
from tests.operators.cases import Case
from tests.operators.cases.scatter import integer_cases
from tests.operators.oracles import oracle_of


def outputs_of(case: Case, function: object) -> tuple[torch.Tensor, ...]:
    values = case.arguments.values()
    result = function(*(torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in values))  # type: ignore
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("case", list(integer_cases()), ids=str)
def test_integers_reduce_exactly(case: Case) -> None:
    oracle = oracle_of(case.operator)
    assert oracle is not None
    wanted = oracle(**case.arguments)
    for got, want in zip(outputs_of(case, getattr(torch.ops.geocompile, case.operator)), wanted, strict=True):
        np.testing.assert_array_equal(got.numpy(), want)
        assert got.numpy().dtype == want.dtype
    if case.arguments["reduce"] != "mean":  # torch rounds it towards zero
        for got, want in zip(outputs_of(case, OPERATORS[case.operator].reference), wanted, strict=True):
            np.testing.assert_array_equal(got.numpy(), want)


def test_large_integers_keep_their_last_bit() -> None:
    src = torch.tensor([2**53, 1, 2**62, 2**62])
    assert scatter(src, torch.tensor([0, 0, 1, 1])).tolist() == [2**53 + 1, -(2**63)]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_shape_reduces_as_torch_does(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    rows = data.draw(st.integers(1, 6))
    reduce = data.draw(st.sampled_from(sorted(REDUCTIONS)))
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 2**31)))
    src = torch.randint(-4, 5, shape, generator=generator).double() / 2  # exact sums, full of ties
    given = torch.randint(0, rows, shape if data.draw(st.booleans()) else [shape[dim]], generator=generator)
    index = given
    if given.dim() < len(shape):
        index = given.view([-1 if d == dim % len(shape) else 1 for d in range(len(shape))]).expand(shape)
    got = scatter(src, given, dim, rows, reduce)
    sizes = list(shape)
    sizes[dim] = rows
    start = torch.full(sizes, float(reduce == "mul"), dtype=torch.double)
    want = start.scatter_reduce(dim, index, src, REDUCTIONS[reduce], include_self=False)
    assert torch.equal(got, want)
    if reduce in ("max", "min"):
        out, arg = scatter_arg(src, given, dim, rows, reduce)
        assert torch.equal(out, want)
        for place in np.ndindex(*sizes):
            column = list(place)
            column[dim] = slice(None)  # type: ignore[call-overload]
            reached = (index[tuple(column)] == place[dim]) & (src[tuple(column)] == want[place])
            assert arg[place] == (reached.nonzero()[0] if reached.any() else shape[dim])


@pytest.mark.parametrize("reduce", sorted(REDUCTIONS))
def test_a_vector_an_expanded_and_a_written_out_index_agree(reduce: str) -> None:
    src = torch.randn(3, 50, 4, dtype=torch.double)
    index = torch.randint(0, 6, (50,))
    expanded = index.view(1, -1, 1).expand_as(src)
    results = [
        scatter(src, form, 1, 8, reduce)
        for form in (index, index.view(1, -1, 1), expanded, expanded.contiguous())
    ]
    for other in results[1:]:
        torch.testing.assert_close(other, results[0])


def test_an_index_of_fewer_dimensions_broadcasts_from_the_left() -> None:
    src, index = torch.randn(3, 5, 4), torch.randint(0, 2, (3, 5))
    want = scatter(src, index.unsqueeze(2).expand_as(src).contiguous(), 1, 2)
    assert torch.equal(scatter(src, index, 1, 2), want)
    with pytest.raises(ValueError, match=r"'index' of shape \[3, 4\] does not broadcast to 'src' of shape"):
        scatter(src, index[:, :4], 1)
    with pytest.raises(ValueError, match="'index' has 2 dimensions, 'src' has 1"):
        scatter(src[0, 0], index)


def test_the_size_follows_from_the_index_if_it_is_not_given() -> None:
    assert scatter(torch.ones(3), torch.tensor([4, 0, 4])).tolist() == [1, 0, 0, 0, 2]
    assert scatter(torch.ones(0, 2), torch.ones(0, dtype=torch.long)).shape == (0, 2)
    with pytest.raises(ValueError, match="'dim_size' must not be negative, got -1"):
        scatter(torch.ones(1), torch.zeros(1, dtype=torch.long), 0, -1)


@pytest.mark.parametrize(
    ("reduce", "wanted"),
    [
        ("sum", [21.0, 20.0]),
        ("mean", [7.0, 20.0]),  # the sum is divided, what was there included
        ("mul", [160.0, 20.0]),
        ("max", [10.0, 20.0]),
        ("min", [1.0, 20.0]),
    ],
)
def test_out_takes_part(reduce: str, wanted: list[float]) -> None:
    src, out = torch.tensor([8.0, 2.0, 1.0]), torch.tensor([10.0, 20.0])
    result = scatter(src, torch.zeros(3, dtype=torch.long), 0, None, reduce, out)
    assert result is out
    torch.testing.assert_close(out, torch.tensor(wanted))


def test_out_wins_ties_and_takes_nan() -> None:
    index = torch.tensor([0, 0, 1, 2])
    out, arg = scatter_arg(
        torch.tensor([3.0, 5.0, 7.0, torch.nan]), index, out=torch.tensor([5.0, 6.0, 0.0, 9.0])
    )
    assert arg.tolist() == [4, 2, 3, 4]
    torch.testing.assert_close(out, torch.tensor([5.0, 7.0, torch.nan, 9.0]), equal_nan=True)
    with pytest.raises(ValueError, match="'out' must have the dtype"):
        scatter(torch.ones(2), torch.zeros(2, dtype=torch.long), out=torch.zeros(1, dtype=torch.double))
    with pytest.raises(ValueError, match=r"'out' of shape \[1, 3\] must have the sizes of 'src'"):
        scatter(torch.ones(2, 2), torch.zeros(2, dtype=torch.long), out=torch.zeros(1, 3))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("reduce", sorted(REDUCTIONS))
def test_second_derivatives_along_any_dimension(reduce: str, full: bool) -> None:
    src = torch.randn(2, 5, 2, dtype=torch.double, requires_grad=True)
    index = torch.tensor([0, 2, 0, 0, 2])
    if full:
        index = torch.randint(0, 3, src.shape)
    assert torch.autograd.gradgradcheck(lambda x: scatter(x, index, -2, 4, reduce), (src,))
    if reduce in ("max", "min"):
        assert torch.autograd.gradgradcheck(lambda x: scatter_arg(x, index, -2, 4, reduce)[0], (src,))


def test_out_is_differentiable() -> None:
    index = torch.tensor([0, 0, 1])

    def maximum(src: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        return scatter(src, index, 0, None, "max", out.clone())

    arguments = [torch.tensor(v, dtype=torch.double, requires_grad=True) for v in ([1.0, 4, 2], [3.0, 3, 3])]
    assert torch.autograd.gradcheck(maximum, arguments)


def test_a_gradient_of_halves_is_summed_in_float32() -> None:
    src = torch.ones(4000, dtype=torch.float16, requires_grad=True)
    out = scatter(src, torch.zeros(4000, dtype=torch.long), reduce="mean")
    (gradient,) = torch.autograd.grad(out, src)
    assert gradient.dtype == torch.float16
    torch.testing.assert_close(gradient, torch.full_like(src, 1 / 4000))


def test_the_python_functions_script() -> None:
    scripted, scripted_arg = torch.jit.script(scatter), torch.jit.script(scatter_arg)
    src, index = torch.randn(6, 2), torch.tensor([0, 1, 0, 3, 3, 1])
    for reduce in sorted(REDUCTIONS):
        assert torch.equal(scripted(src, index, 0, None, reduce), scatter(src, index, 0, None, reduce))
    assert torch.equal(scripted_arg(src, index)[1], scatter_arg(src, index)[1])


def test_bits_do_not_depend_on_threads_for_any_way_of_reducing() -> None:
    index = torch.where(torch.rand(30_000) < 0.5, 0, torch.randint(0, 40, (30_000,)))
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            generator = torch.Generator().manual_seed(0)
            found = []
            for shape in ((30_000,), (30_000, 40), (30_000, 3)):
                src = torch.randn(shape, generator=generator)
                found += [scatter(src, index), scatter(src, index, reduce="mean"), *scatter_arg(src, index)]
            src = torch.randn(50, 30_000, 20, generator=generator)[:3]
            found += [
                scatter(src, index, 1),
                scatter(src, index.view(1, -1, 1).expand_as(src).contiguous(), 1),
            ]
            results.append(found)
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))
