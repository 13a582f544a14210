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
    ("index", "message"),
    [
        ([-5, -9, -5], "'index' must not be negative, its largest value is -5"),
        ([-5, 0, 1], r"'index'\[0\] is -5, it must not be negative"),
        (
            [0, 0, 2**62],
            "'index' holds 4611686018427387904, the largest possible without 'dim_size' is 67108863",
        ),
        ([0, 0, 2**63 - 1], "'index' holds 9223372036854775807"),
        ([0, 0, 2**31 - 1], "'index' holds 2147483647"),
        ([0, 0, 2_000_000_000], "'index' holds 2000000000"),
    ],
)
def test_an_index_that_gives_no_size_is_named(index: list[int], message: str) -> None:
    for src in (torch.ones(3), torch.ones(3, 20), torch.ones(3, 0)):
        with pytest.raises(IndexError, match=f"geocompile.scatter: {message}"):
            scatter(src, torch.tensor(index))
    with pytest.raises(IndexError, match=f"geocompile.scatter: {message}|is -5, it must"):
        scatter_arg(torch.ones(3), torch.tensor(index))


def test_a_size_that_no_memory_holds_is_refused() -> None:
    index = torch.zeros(3, dtype=torch.long)
    for src, rows in (
        (torch.ones(3), 2**62),
        (torch.ones(3), 2**40),
        (torch.ones(3, 2**10), 2**36),
        (torch.ones(3, 4).half(), 2**45),
    ):
        for function in (scatter, scatter_arg):
            with pytest.raises(
                ValueError, match=f"a result of {rows} rows in dimension 0 .* cannot fit into memory"
            ):
                function(src, index, 0, rows, "max")


def test_src_and_dim_are_checked_before_out() -> None:
    index, out = torch.zeros(1, dtype=torch.long), torch.tensor(1.0)
    for reduce in sorted(REDUCTIONS):
        with pytest.raises(ValueError, match="'src' must have at least one dimension, got a scalar"):
            scatter(torch.tensor(1.0), index, reduce=reduce, out=out)
        for dim in (1, -2):
            with pytest.raises(ValueError, match=f"'dim' must be between -1 and 0 .* got {dim}"):
                scatter(torch.ones(1), index, dim, reduce=reduce, out=torch.ones(1))


def test_a_size_that_contradicts_out_is_refused() -> None:
    index, out = torch.tensor([0, 0, 1]), torch.zeros(2, 3)
    with pytest.raises(
        ValueError, match=r"'dim_size' is 7, but 'out' of shape \[2, 3\] has 3 in dimension -1"
    ):
        scatter(torch.ones(2, 3), index, -1, 7, out=out)
    assert scatter(torch.ones(2, 3), index, -1, 3, out=out).tolist() == [[2, 1, 0]] * 2


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


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("reduce", sorted(REDUCTIONS))
def test_out_in_halves_is_rounded_once(reduce: str, full: bool, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    src = (1 + torch.rand(400, 3, generator=generator) / 64).to(dtype)
    index = torch.randint(0, 4, src.shape if full else (400,), generator=generator)
    out = torch.full((5, 3), 3.0, dtype=dtype)
    wide = scatter(src.double(), index, reduce=reduce, out=out.double())
    result = scatter(src, index, reduce=reduce, out=out)
    assert result is out
    unit = torch.finfo(dtype).eps / 2 + 400 * torch.finfo(torch.float32).eps
    torch.testing.assert_close(result.double(), wide, rtol=unit, atol=0)


def test_what_halves_cannot_hold_on_the_way_does_not_spoil_out() -> None:
    index = torch.zeros(4000, dtype=torch.long)
    mean = scatter(torch.full((4000,), 20.0).half(), index, out=torch.zeros(1).half(), reduce="mean")
    assert mean.tolist() == [20.0]
    large, start = torch.full((4000,), 20.0).half(), torch.tensor([-60000.0]).half()
    assert scatter(large, index, out=start).tolist() == [20000.0]
    factors = torch.tensor([256.0, 512.0]).half()
    assert scatter(factors, index[:2], out=torch.tensor([0.25]).half(), reduce="mul").tolist() == [32768.0]


def test_out_in_halves_is_differentiable() -> None:
    src = torch.full((4000,), 20.0).half().requires_grad_()
    start = torch.zeros(1).half().requires_grad_()
    mean = scatter(src, torch.zeros(4000, dtype=torch.long), out=start.clone(), reduce="mean")
    of_src, of_start = torch.autograd.grad(mean.sum(), [src, start])
    torch.testing.assert_close(of_src, torch.full_like(src, 1 / 4000))
    torch.testing.assert_close(of_start, torch.full_like(start, 1 / 4000))


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


def test_a_mean_counts_further_than_float32_does() -> None:
    num_elements = 2**24 + 2**20
    src = torch.ones(num_elements, requires_grad=True)
    index = torch.zeros(num_elements, dtype=torch.int32)
    (gradient,) = torch.autograd.grad(scatter(src, index, dim_size=1, reduce="mean"), src)
    torch.testing.assert_close(gradient[:1], torch.tensor([1 / num_elements]))
    mean = scatter(torch.zeros(num_elements), index, out=torch.ones(1), reduce="mean")
    torch.testing.assert_close(mean, torch.tensor([1 / num_elements]))


def test_the_python_functions_script() -> None:
    scripted, scripted_arg = torch.jit.script(scatter), torch.jit.script(scatter_arg)
    src, index = torch.randn(6, 2), torch.tensor([0, 1, 0, 3, 3, 1])
    for reduce in sorted(REDUCTIONS):
        assert torch.equal(scripted(src, index, 0, None, reduce), scatter(src, index, 0, None, reduce))
        out = torch.ones(4, 2).half()
        want = scatter(src.half(), index, 0, None, reduce, out.clone())
        assert torch.equal(scripted(src.half(), index, 0, None, reduce, out), want)
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
