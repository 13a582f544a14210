"""The operators that have CUDA kernels, on a GPU: the same table of cases, and what only a GPU can get wrong.

Run by ``pytest -m gpu``; under ``compute-sanitizer --tool memcheck`` (and ``racecheck``, ``initcheck``) it also says
whether an address was wrong. tests/kernels/test_cuda_emulation.py runs the same kernels where there is no GPU.
"""

import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.operators.cases import REDUCTIONS, Case, cases, refused
from tests.operators.test_torch import arguments_of, as_tuple, assert_equals_oracle, operator_of

pytestmark = pytest.mark.gpu
OPERATORS = ("batch_ptr", "csr_from_coo", "gather_segment_reduce", "segment_reduce")
CASES = [case for case in cases() if case.operator in OPERATORS]
REFUSED = [case for case in refused() if case.operator in OPERATORS and case.error is not None]
# What is seen without reading the tensors is refused; of what they hold, only batch_ptr speaks.
SPOKEN = [case for case in REFUSED if case.error[0] is ValueError or case.operator == "batch_ptr"]
SILENT = [case for case in REFUSED if case not in SPOKEN and case.operator != "csr_from_coo"]
ops = torch.ops.geocompile


@pytest.fixture(autouse=True)
def gpu() -> Iterator[None]:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    yield
    torch.cuda.synchronize()  # an address that was wrong is reported to the test that used it


def on_gpu(case: Case) -> list[object]:
    return [a.cuda() if isinstance(a, Tensor) else a for a in arguments_of(case)]


def call(case: Case) -> tuple[Tensor, ...]:
    return as_tuple(operator_of(case)(*on_gpu(case)))


def power_law(
    num_nodes: int = 2000, num_edges: int = 60_000, channels: int = 64
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features, rowptr, col and weights of a graph with rows of one to some thousand edges."""
    generator = torch.Generator().manual_seed(5)
    row = (torch.rand(num_edges, generator=generator) ** 4 * num_nodes).long()
    source = torch.randint(num_nodes, (num_edges,), generator=generator)
    rowptr, _, col = ops.csr_from_coo(row, torch.empty(num_nodes), source)
    x, weight = (torch.randn(*size, generator=generator) for size in [(num_nodes, channels), (num_edges,)])
    return x.cuda(), rowptr.cuda(), col.cuda(), weight.cuda()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_result_equals_the_written_out_meaning(case: Case) -> None:
    outputs = call(case)
    assert all(out.is_cuda for out in outputs)
    assert_equals_oracle(case, tuple(out.cpu() for out in outputs))


@pytest.mark.parametrize("case", SPOKEN, ids=str)
def test_refused_input_names_what_is_wrong(case: Case) -> None:
    assert case.error is not None
    error, message = case.error
    with pytest.raises(error, match=f"geocompile.{case.operator}: .*{re.escape(message)}"):
        call(case)


@pytest.mark.parametrize("case", SILENT, ids=str)
def test_a_bad_index_gives_nan(case: Case) -> None:
    (out,) = call(case)
    assert out.isnan().any()


def test_only_the_row_of_a_bad_col_is_nan() -> None:
    x, rowptr, col, _ = power_law()
    heavy, light = int(rowptr.diff().argmax()), int((rowptr.diff() == 3).nonzero()[0])
    for bad in (-1, 2000, torch.iinfo(torch.int64).min, torch.iinfo(torch.int64).max):
        broken = col.clone()
        broken[rowptr[heavy] + 1000] = broken[rowptr[light]] = bad
        rows = ops.gather_segment_reduce(x, rowptr, broken, None, None, "max").isnan()
        assert rows.all(1).nonzero().flatten().tolist() == sorted([heavy, light])
        assert rows.any(1).sum() == 2


def test_an_edge_without_a_row_makes_every_row_nan() -> None:
    index = torch.tensor([0, 1, 7, -3, 2], device="cuda")
    rowptr, perm, _ = ops.csr_from_coo(index, torch.empty(4, device="cuda"), None)
    assert rowptr.tolist() == [0, 1, 2, 3, 3]
    assert perm.tolist() == [0, 1, 4, 2, 3]
    assert ops.segment_reduce(torch.ones(5, 2, device="cuda"), rowptr, perm, "sum").isnan().all()


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_heavy_rows_agree_with_the_cpu(reduce: str, dtype: torch.dtype) -> None:
    x, rowptr, col, weight = power_law()
    if reduce == "mul":
        x, weight = x.sign(), weight.sign()
    x, weight = x.to(dtype), weight.to(dtype)
    out = ops.gather_segment_reduce(x, rowptr, col, weight, None, reduce)
    # The CPU's halves are wide, so that only the one rounding of the result is left to differ.
    wide = [t.cpu().double() for t in (x, weight)]
    want = ops.gather_segment_reduce(wide[0], rowptr.cpu(), col.cpu(), wide[1], None, reduce)
    eps = torch.finfo(dtype).eps
    # Of a sum of n terms of size 1 the rounding grows like n * eps of the type that sums.
    longest = int(rowptr.diff().max()) * torch.finfo(torch.promote_types(dtype, torch.float32)).eps
    torch.testing.assert_close(out.cpu().double(), want, rtol=2 * eps, atol=longest)


@pytest.mark.parametrize("channels", [1, 3, 4, 64, 200])
def test_the_bits_depend_on_nothing_but_the_input(channels: int) -> None:
    x, rowptr, col, weight = power_law(channels=channels)
    first = ops.gather_segment_reduce(x, rowptr, col, weight, None, "sum")
    storage = torch.empty(x.numel() + 1, device="cuda")
    odd = storage[1:].view_as(x).copy_(x)  # on no multiple of 16 bytes
    for again in (x, odd, x.clone()):
        out = ops.gather_segment_reduce(again, rowptr, col, weight, None, "sum")
        assert torch.equal(out.view(torch.int32), first.view(torch.int32))


def test_kernels_run_on_the_current_stream() -> None:
    x, rowptr, col, weight = power_law()
    want = ops.gather_segment_reduce(x, rowptr, col, weight, None, "sum")
    late = torch.zeros_like(x)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        torch.cuda._sleep(200_000_000)  # a kernel on any other stream would read zeros
        late.copy_(x)
        out = ops.gather_segment_reduce(late, rowptr, col, weight, None, "sum")
    side.synchronize()
    assert torch.equal(out, want)


def test_nothing_waits_for_the_device() -> None:
    """A CUDA graph cannot be captured from code that synchronises; replayed, it sees new values."""
    x, rowptr, col, weight = power_law()
    row = torch.repeat_interleave(torch.arange(2000, device="cuda"), rowptr.diff())

    def layer() -> Tensor:
        starts, perm, sources = ops.csr_from_coo(row, x, col)
        return ops.gather_segment_reduce(x, starts, sources, weight[perm], None, "mean")  # type: ignore[no-any-return]

    layer()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = layer()
    x.mul_(2)
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(out, layer())


def test_sorting_many_edges_is_stable() -> None:
    generator = torch.Generator(device="cuda").manual_seed(1)
    for dtype in (torch.int32, torch.int64):
        index = torch.randint(70_000, (3_000_000,), device="cuda", generator=generator).to(dtype)
        rowptr, perm, carried = ops.csr_from_coo(index, torch.empty(70_000, device="cuda"), index)
        assert torch.equal(perm.long(), index.argsort(stable=True))
        assert torch.equal(carried, index[perm])
        assert torch.equal(rowptr.long()[1:], torch.bincount(index, minlength=70_000).cumsum(0))


def test_more_than_two_to_the_32_features() -> None:
    rows, channels = 2**22, 1024 + 8
    if torch.cuda.mem_get_info()[0] < 3 * rows * channels:
        pytest.skip("needs 13 GB of free GPU memory")
    x = torch.arange(7.0, device="cuda").half()[:, None].expand(7, channels).contiguous()
    rowptr = torch.arange(rows + 1, device="cuda")
    col = torch.arange(rows, device="cuda") % 7
    out = ops.gather_segment_reduce(x, rowptr, col, None, None, "sum")
    assert torch.equal(out[:, 0], col.half())
    assert torch.equal(out[:, -1], col.half())


@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_gradients_of_the_features_agree_with_the_cpu(reduce: str) -> None:
    x, rowptr, col, weight = power_law(channels=8)
    gradients = []
    for device in ("cuda", "cpu"):
        leaf = x.to(device, torch.float64).requires_grad_()
        given = (t.to(device) for t in (rowptr, col, weight.double()))
        ops.gather_segment_reduce(leaf, *given, None, reduce).square().sum().backward()
        assert leaf.grad is not None
        gradients.append(leaf.grad.cpu())
    torch.testing.assert_close(*gradients)


def test_tensors_on_two_devices_are_refused() -> None:
    x, rowptr, col, _ = power_law()
    with pytest.raises(
        ValueError, match=r"gather_segment_reduce: .*'x' on cuda:0, 'rowptr' on cuda:0, 'col' on cpu"
    ):
        ops.gather_segment_reduce(x, rowptr, col.cpu(), None, None, "sum")
    with pytest.raises(ValueError, match=r"csr_from_coo: .*'index' on cpu, 'like' on cuda:0"):
        ops.csr_from_coo(col.cpu(), x, None)


def test_kernels_run_on_the_device_of_their_tensors() -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two CUDA devices")
    x, rowptr, col, weight = power_law()
    want = ops.gather_segment_reduce(x, rowptr, col, weight, None, "sum")
    with torch.cuda.device(0):
        out = ops.gather_segment_reduce(*(t.to("cuda:1") for t in (x, rowptr, col, weight)), None, "sum")
    assert out.device == torch.device("cuda:1")
    assert np.array_equal(out.cpu().numpy(), want.cpu().numpy())
