"""Rows of exactly one vector have code of their own: the same bits as the same channels of a wider tensor."""

import pytest
import torch

from geocompile.custom_ops import csr_from_coo, gather_segment_reduce
from tests.operators.cases import REDUCTIONS

NUM_ROWS, HEAVY = 60, 9000


@pytest.mark.parametrize("index_dtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_a_row_of_one_vector_is_reduced_as_a_part_of_a_wider_one(
    dtype: torch.dtype, reduce: str, weighted: bool, index_dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(7)
    index = torch.randint(0, NUM_ROWS // 2, (2000,), generator=generator)  # half of the rows stay empty
    index = torch.cat([index, torch.full((HEAVY,), NUM_ROWS - 1)])
    sources = torch.randint(0, 40, index.shape, generator=generator)
    rowptr, _, col = csr_from_coo(index.to(index_dtype), torch.empty(NUM_ROWS, 0), sources.to(index_dtype))
    x = (1 + 0.01 * torch.randn(40, 35, generator=generator)).to(dtype)
    x[3], x[4, ::3] = float("-inf"), float("nan")
    weight = torch.rand(len(index), generator=generator).to(dtype) if weighted else None
    wide = gather_segment_reduce(x, rowptr, col, weight, None, reduce)
    for channels in (2, 4, 8, 16):  # of which one is a vector, whatever processor this runs on
        narrow = gather_segment_reduce(x[:, :channels].contiguous(), rowptr, col, weight, None, reduce)
        assert narrow.isnan().equal(wide[:, :channels].isnan())
        assert narrow.nan_to_num(9).equal(wide[:, :channels].nan_to_num(9))
