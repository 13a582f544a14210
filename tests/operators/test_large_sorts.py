"""csr_from_coo of graphs too large for the caches, which are sorted bucket by bucket: the same stable sort."""

import numpy as np
import pytest
import torch

import geocompile.custom_ops.operators

assert geocompile.custom_ops.operators  # defines torch.ops.geocompile

NUM_ROWS, NUM_EDGES = (
    9_001,
    4_500_000,
)  # more bytes than csr_from_coo.cpp counts as cached, for each form below


def power_law(dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    rows = (torch.rand(NUM_EDGES, generator=generator, dtype=torch.double) ** 3 * NUM_ROWS).long()
    return torch.randperm(NUM_ROWS, generator=generator)[rows].to(dtype)


@pytest.mark.parametrize("with_other", [True, False])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_a_large_sort_is_stable_for_any_number_of_threads(dtype: torch.dtype, with_other: bool) -> None:
    index = power_law(dtype)
    other = torch.arange(NUM_EDGES, dtype=dtype).flip(0) if with_other else None
    order = np.argsort(index.numpy(), kind="stable")
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            rowptr, perm, other_sorted = torch.ops.geocompile.csr_from_coo(
                index, torch.empty(NUM_ROWS + 3), other
            )
            np.testing.assert_array_equal(perm.numpy(), order)
            assert torch.equal(rowptr.diff(), torch.bincount(index, minlength=NUM_ROWS + 3).to(dtype))
            assert rowptr[0] == 0
            if other is not None:
                np.testing.assert_array_equal(other_sorted.numpy(), other.numpy()[order])
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("place", "value"), [(0, -1), (NUM_EDGES - 1, NUM_ROWS), (3_000_000, 2**40)])
def test_a_bad_index_anywhere_in_a_large_graph_is_named(place: int, value: int) -> None:
    index = power_law(torch.int64)
    index[place] = value
    with pytest.raises(IndexError, match=rf"'index'\[{place}\] is {value}"):
        torch.ops.geocompile.csr_from_coo(index, torch.empty(NUM_ROWS), index)


def test_other_keeps_numbers_beyond_32_bits() -> None:
    index = power_law(torch.int64)
    other = torch.arange(NUM_EDGES) * 2**40
    _, perm, other_sorted = torch.ops.geocompile.csr_from_coo(index, torch.empty(NUM_ROWS), other)
    assert torch.equal(other_sorted, other[perm])
