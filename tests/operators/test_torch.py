"""Every case of the table in torch: eager, reference, gradients, opcheck, script, export, repeatability."""

import io
import re
from typing import Any

import numpy as np
import pytest
import torch

import geocompile.custom_ops.operators  # registers everything
from geocompile.custom_ops.registry import OPERATORS
from tests.operators.cases import HALVES, REDUCTIONS, Case, cases, gradient_cases, heavy_graph, refused
from tests.operators.oracles import expected
from tests.operators.rounding import bounds_of, largest_of

assert geocompile.custom_ops.operators
CASES = [*cases(), *gradient_cases()]
# One small case of each form of each operator, for what takes seconds each.
FORMS = list({(*c.form, c.value_dtype in HALVES): c for c in reversed(CASES)}.values())

SMALL = [c for c in CASES if "heavy" not in c.name]


def arguments_of(case: Case) -> list[Any]:
    return [tensor_of(a) if isinstance(a, np.ndarray) else a for a in case.arguments.values()]


def tensor_of(array: np.ndarray) -> torch.Tensor:
    """A tensor of its own memory; numpy's bfloat16 is not torch's."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.uint16).copy()).view(torch.bfloat16)
    return torch.from_numpy(array.copy())


def operator_of(case: Case) -> Any:
    return getattr(torch.ops.geocompile, case.operator).default


def as_tuple(result: Any) -> tuple[torch.Tensor, ...]:
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def assert_equals_oracle(case: Case, outputs: tuple[torch.Tensor, ...]) -> None:
    wanted = expected(case.operator, case.arguments)
    assert len(outputs) == len(wanted)
    for got, want in zip(outputs, wanted, strict=True):
        if got.dtype.is_floating_point:
            assert got.dtype == tensor_of(np.zeros(0, case.value_dtype)).dtype
            want = tensor_of(want).to(got.dtype).double().numpy()  # a half has its own largest number
            relative, absolute = bounds_of(case, want, case.value_dtype)
            np.testing.assert_allclose(got.double().numpy(), want, relative, absolute)
        else:
            assert got.dtype == torch.from_numpy(want).dtype
            np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_eager_equals_the_written_out_meaning(case: Case) -> None:
    assert_equals_oracle(case, as_tuple(operator_of(case)(*arguments_of(case))))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_reference_equals_the_written_out_meaning(case: Case) -> None:
    assert_equals_oracle(case, as_tuple(OPERATORS[case.operator].reference(*arguments_of(case))))


@pytest.mark.parametrize("case", refused(), ids=str)
def test_refused_input_names_what_is_wrong(case: Case) -> None:
    assert case.error is not None
    error, message = case.error
    with pytest.raises(error, match=f"geocompile.{case.operator}: .*{re.escape(message)}"):
        operator_of(case)(*arguments_of(case))


def trainable(case: Case) -> list[int]:
    """Where the arguments stand that have a gradient; none of gcn_norm without weights, which is a constant."""
    names = (
        *("x", "src", "weight", "self_weight", "a", "b", "source", "target", "edge", "self_edge"),
        *("query", "key", "value", "edge_query", "att", "edge_weight", "dense", "pseudo", "mu", "sigma"),
        "grad",
    )
    differentiable = OPERATORS[case.operator].differentiable
    return [
        i
        for i, (n, a) in enumerate(case.arguments.items())
        if differentiable and n in names and a is not None
    ]


def is_for_gradcheck(case: Case) -> bool:
    values = list(case.arguments.values())
    return (
        bool(trainable(case))
        and all(values[i].dtype == np.float64 for i in trainable(case))
        and not any(word in case.name for word in ("special", "heavy", "ties"))
    )


@pytest.mark.parametrize("case", [c for c in CASES if is_for_gradcheck(c)], ids=str)
def test_gradients_equal_differences(case: Case) -> None:
    arguments, places = arguments_of(case), trainable(case)
    # An empty tensor from numpy has stride 0, which gradcheck refuses; a copy has not.
    inputs = [arguments[i].clone(memory_format=torch.contiguous_format).requires_grad_() for i in places]

    def call(*values: torch.Tensor) -> Any:
        filled = list(arguments)
        for i, value in zip(places, values, strict=True):
            filled[i] = value
        return operator_of(case)(*filled)

    assert torch.autograd.gradcheck(call, inputs)


@pytest.mark.parametrize("case", FORMS, ids=str)
def test_opcheck(case: Case) -> None:
    arguments = arguments_of(case)
    for tensor in arguments:
        if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
            tensor.requires_grad_(OPERATORS[case.operator].differentiable)
    torch.library.opcheck(operator_of(case), tuple(arguments))


class Call(torch.nn.Module):
    """One operator call as a model; attributes that are not tensors are constants."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.operator = operator_of(case)
        self.arguments = arguments_of(case)
        self.places = [i for i, a in enumerate(self.arguments) if isinstance(a, torch.Tensor)]

    def forward(self, *tensors: torch.Tensor) -> Any:
        filled = list(self.arguments)
        for i, tensor in zip(self.places, tensors, strict=True):
            filled[i] = tensor
        return self.operator(*filled)


def scripted(case: Case) -> Any:
    """A scripted function that makes the case's call, compiled from source."""
    names, literals = [], []
    for name, value in case.arguments.items():
        names += [name] if isinstance(value, np.ndarray) else []
        literals.append(name if isinstance(value, np.ndarray) else repr(value))
    call = f"torch.ops.geocompile.{case.operator}({', '.join(literals)})"
    source = f"def call({', '.join(names)}):\n    return {call}\n"
    return torch.jit.CompilationUnit(source).call


@pytest.mark.parametrize("case", FORMS, ids=str)
def test_script_saves_loads_and_equals_eager(case: Case) -> None:
    tensors = [a for a in arguments_of(case) if isinstance(a, torch.Tensor)]
    assert_equals_oracle(case, as_tuple(scripted(case)(*tensors)))
    traced = torch.jit.trace(Call(case), tuple(tensors))
    buffer = io.BytesIO()
    torch.jit.save(traced, buffer)
    buffer.seek(0)
    assert_equals_oracle(case, as_tuple(torch.jit.load(buffer)(*tensors)))


@pytest.mark.parametrize("case", [c for c in refused() if c.error and c.error[0] is IndexError], ids=str)
def test_script_contains_the_message(case: Case) -> None:
    assert case.error is not None
    tensors = [a for a in arguments_of(case) if isinstance(a, torch.Tensor)]
    with pytest.raises(Exception, match=re.escape(case.error[1])):
        scripted(case)(*tensors)


def tensors_of(case: Case) -> tuple[torch.Tensor, ...]:
    return tuple(a for a in arguments_of(case) if isinstance(a, torch.Tensor))


def constants_of(case: Case) -> dict[str, Any]:
    """What an export fixes: arguments that are not arrays, dtypes and numbers of dimensions."""
    return {
        name: (a.dtype.name, a.ndim) if isinstance(a, np.ndarray) else repr(a)
        for name, a in case.arguments.items()
    }


def free_dimensions(case: Case, other: Case) -> tuple[dict[int, Any], ...]:
    """For each tensor the dimensions in which two calls differ."""
    pairs = zip(shapes_of(case), shapes_of(other), strict=True)
    return tuple({d: torch.export.Dim.DYNAMIC for d in range(len(a)) if a[d] != b[d]} for a, b in pairs)


def shapes_of(case: Case) -> list[tuple[int, ...]]:
    return [a.shape for a in case.arguments.values() if isinstance(a, np.ndarray)]


def sizes_apart(case: Case, other: Case) -> bool:
    """Whether two calls differ in sizes, none of them 0 or 1 in the first, and in nothing else but values."""
    if constants_of(case) != constants_of(other):
        return False
    free = free_dimensions(case, other)
    sizes = [shape[d] for shape, dims in zip(shapes_of(case), free, strict=True) for d in dims]
    return bool(sizes) and min(sizes) > 1


def in_two_sizes(form: Case) -> tuple[Case, ...]:
    """Two calls of the form of a case, the first to be exported; the case alone if the table has no such two."""
    same = [c for c in SMALL if c.form == form.form and c.value_dtype == form.value_dtype][:40]
    pairs = ((a, b) for a in same for b in same if sizes_apart(a, b))
    return next(pairs, (form,))


def exported(calls: tuple[Case, ...]) -> torch.export.ExportedProgram:
    """The first call as a program, for any sizes in which the other differs; without a branch on sizes of 0 and 1."""
    free = {"tensors": free_dimensions(*calls)} if len(calls) == 2 else None
    with torch.fx.experimental._config.patch(backed_size_oblivious=True):
        return torch.export.export(Call(calls[0]), tensors_of(calls[0]), dynamic_shapes=free)


@pytest.mark.parametrize("case", FORMS, ids=str)
def test_export_equals_eager(case: Case) -> None:
    """At other sizes too, where the table has a call that differs in nothing else."""
    calls = in_two_sizes(case)
    program = exported(calls).module()
    for call in calls:
        assert_equals_oracle(call, as_tuple(program(*tensors_of(call))))


def test_every_operator_is_exported_for_other_sizes() -> None:
    """Those that only gradients use are not in an engine."""
    in_engines = {name for name, operator in OPERATORS.items() if operator.onnx_types}
    assert {case.operator for case in FORMS if len(in_two_sizes(case)) == 2} >= in_engines


@pytest.mark.slow
@pytest.mark.parametrize("operator", [o for o, entry in OPERATORS.items() if entry.onnx_types])
def test_aotinductor_equals_eager(operator: str, tmp_path: Any) -> None:
    calls = next(
        filter(lambda calls: len(calls) == 2, (in_two_sizes(c) for c in FORMS if c.operator == operator))
    )
    path = torch._inductor.aoti_compile_and_package(exported(calls), package_path=str(tmp_path / "case.pt2"))
    engine = torch._inductor.aoti_load_package(path)
    for call in calls:
        assert_equals_oracle(call, as_tuple(engine(*tensors_of(call))))


@pytest.mark.parametrize("case", [c for c in CASES if "heavy" in c.name or "wide" in c.name], ids=str)
def test_the_bits_do_not_depend_on_the_number_of_threads(case: Case) -> None:
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(as_tuple(operator_of(case)(*arguments_of(case))))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_sorting_is_stable_for_any_number_of_threads() -> None:
    index = torch.randint(0, 5, (100_000,))
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            rowptr, perm, _ = torch.ops.geocompile.csr_from_coo(index, torch.empty(5))
            assert torch.equal(perm, torch.argsort(index, stable=True))
            assert torch.equal(rowptr[1:], index.bincount().cumsum(0))
    finally:
        torch.set_num_threads(before)


def test_a_row_has_the_same_bits_alone_and_in_a_batch() -> None:
    g = heavy_graph()
    x, rowptr, col = torch.randn(50, 33), torch.from_numpy(g.rowptr), torch.from_numpy(g.col)
    alone = torch.ops.geocompile.gather_segment_reduce(x, rowptr, col)
    twice = torch.ops.geocompile.gather_segment_reduce(
        torch.cat([x, x]), torch.cat([rowptr, rowptr[1:] + rowptr[-1]]), torch.cat([col, col + 50])
    )
    assert torch.equal(twice, torch.cat([alone, alone]))


def test_strided_arguments_are_read_as_they_stand() -> None:
    g = heavy_graph()
    rowptr, col = torch.from_numpy(g.rowptr), torch.from_numpy(g.col)
    x = torch.randn(6, 50).t()
    edges = torch.stack([col, col], dim=1)[:, 0]
    got = torch.ops.geocompile.gather_segment_reduce(x, rowptr, edges)
    assert torch.equal(got, torch.ops.geocompile.gather_segment_reduce(x.contiguous(), rowptr, col))


def test_gradients_are_deterministic_and_do_not_depend_on_threads() -> None:
    g = heavy_graph()
    rowptr, col = torch.from_numpy(g.rowptr), torch.from_numpy(g.col)
    x, weight = torch.randn(50, 8), torch.randn(col.numel())
    before = torch.get_num_threads()
    grads = []
    try:
        for threads in (1, 2, 2):
            torch.set_num_threads(threads)
            leaves = x.clone().requires_grad_(), weight.clone().requires_grad_()
            out = torch.ops.geocompile.gather_segment_reduce(leaves[0], rowptr, col, leaves[1])
            grads.append(torch.autograd.grad(out.square().sum(), leaves))
    finally:
        torch.set_num_threads(before)
    for other in grads[1:]:
        assert all(torch.equal(a, b) for a, b in zip(grads[0], other, strict=True))


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_second_derivatives(reduce: str) -> None:
    rowptr, col = torch.tensor([0, 3, 4, 4]), torch.tensor([1, 0, 2, 1])
    x = torch.randn(3, 2, dtype=torch.double, requires_grad=True)
    weight = torch.randn(4, dtype=torch.double, requires_grad=True)
    own = torch.randn(3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradgradcheck(
        lambda x, w, s: torch.ops.geocompile.gather_segment_reduce(x, rowptr, col, w, s, reduce),
        (x, weight, own),
    )


def test_derivatives_of_a_product_with_zeros_and_of_a_large_one() -> None:
    rowptr, col = torch.tensor([0, 3]), torch.tensor([0, 1, 2])

    def product(x: torch.Tensor) -> torch.Tensor:
        return torch.ops.geocompile.gather_segment_reduce(x, rowptr, col, reduce="mul")  # type: ignore[no-any-return]

    hessian = torch.autograd.functional.hessian(lambda x: product(x).sum(), torch.tensor([0.0, 0.0, 2.0]))
    assert torch.equal(hessian, torch.tensor([[0.0, 2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    x = torch.tensor([1e20, 1e20, 1e-20], requires_grad=True)
    (gradient,) = torch.autograd.grad(product(x).sum(), x)
    torch.testing.assert_close(gradient[:2], torch.ones(2))


def test_tensors_on_different_devices_are_refused() -> None:
    rowptr, col, x = torch.tensor([0, 1]), torch.tensor([0]), torch.randn(1, 2)
    ops = torch.ops.geocompile
    with pytest.raises(ValueError, match=r"csr_from_coo: .* one device, got 'index' on cpu, 'like' on meta"):
        ops.csr_from_coo(col, x.to("meta"))
    with pytest.raises(ValueError, match=r"gather_segment_reduce: .*'col' on meta"):
        ops.gather_segment_reduce(x, rowptr, col.to("meta"))
    with pytest.raises(ValueError, match=r"segment_reduce: .*'rowptr' on meta"):
        ops.segment_reduce(x, rowptr.to("meta"))
    with pytest.raises(ValueError, match=r"gcn_norm: .*'like' on meta"):
        ops.gcn_norm(rowptr, col, x.to("meta"))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_works_in_float32(dtype: torch.dtype) -> None:
    rowptr, col, x = torch.tensor([0, 2]), torch.tensor([0, 1]), torch.randn(2, 3)
    with torch.autocast("cpu", dtype=dtype):
        out = torch.ops.geocompile.gather_segment_reduce(x.to(dtype), rowptr, col)
        edge_weight, _ = torch.ops.geocompile.gcn_norm(torch.tensor([0, 2, 2]), col, x.to(dtype))
    assert out.dtype == edge_weight.dtype == torch.float32
    torch.testing.assert_close(out, x.to(dtype).float().sum(0, keepdim=True))


@pytest.mark.parametrize("case", [c for c in CASES if c.value_dtype in HALVES and trainable(c)], ids=str)
def test_gradients_of_halves_are_those_of_float64_rounded(case: Case) -> None:
    grads = []
    for wide in (False, True):
        inputs = [a.double() if wide and _is_float(a) else a for a in arguments_of(case)]
        leaves = [inputs[i].requires_grad_() for i in trainable(case)]
        outputs = [out for out in as_tuple(operator_of(case)(*inputs)) if out.requires_grad]
        weights = [torch.linspace(-1, 1, out.numel()).view(out.shape).to(leaves[0].dtype) for out in outputs]
        grads.append(torch.autograd.grad(outputs, leaves, [w.to(leaves[0].dtype) for w in weights]))
    for half, double in zip(*grads, strict=True):
        assert half.dtype in (torch.float16, torch.bfloat16)
        unit = torch.finfo(half.dtype).eps  # of the gradient that comes in, of each product, of the result
        torch.testing.assert_close(
            half.double(), double, rtol=4 * unit, atol=4 * unit * largest_of(double.numpy())
        )


def _is_float(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def test_a_short_weight_of_a_gradient_operator_is_refused() -> None:
    ops, x, rowptr, col = torch.ops.geocompile, torch.ones(4, 1), torch.tensor([0, 4]), torch.arange(4)
    with pytest.raises(ValueError, match=r"gather_segment_arg: 'weight' must have shape \[4\]"):
        ops.gather_segment_arg(x, rowptr, col, torch.ones(1), None, "max")
    with pytest.raises(ValueError, match=r"edge_dot: 'a' and 'b' must have the same channels"):
        ops.edge_dot(torch.ones(1, 2, 2), torch.ones(4, 4), rowptr, col)


def test_a_tensor_elsewhere_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="geocompile::batch_ptr"):
        torch.ops.geocompile.batch_ptr(torch.zeros(3, dtype=torch.long).to_sparse())
