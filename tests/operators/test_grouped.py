"""Grouped products: typed linear layers, their gradients, their repeatability, and as models in every engine."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from geocompile.capture import capture
from geocompile.custom_ops import csr_from_coo, grouped_matmul
from geocompile.examples import normalize_examples
from geocompile.exporters import get_exporter
from geocompile.passes import run_passes
from tests.exporters.test_engines_equal_eager import OPEN


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 60), max_size=8), st.integers(0, 70), st.integers(0, 70), st.integers(0, 2**32)
)
def test_each_group_is_a_product_of_its_own(sizes: list[int], width: int, out: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(sum(sizes), width, generator=random, dtype=torch.float64)
    weight = torch.randn(len(sizes), width, out, generator=random, dtype=torch.float64)
    ptr = torch.tensor([0, *np.cumsum(sizes)], dtype=torch.int64)
    groups = grouped_matmul(x, ptr, weight).split(sizes) if sizes else ()
    for rows, matrix, got in zip(x.split(sizes) if sizes else (), weight, groups, strict=True):
        torch.testing.assert_close(got, rows @ matrix)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_row_has_the_same_bits_wherever_it_stands(dtype: torch.dtype) -> None:
    """In a small group or in a large one, of which weights are packed, at any place of a tile."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(1000, 45, generator=random).to(dtype)
    weight = torch.randn(1, 45, 70, generator=random).to(dtype)
    together = grouped_matmul(x, torch.tensor([0, 1000]), weight)
    alone = grouped_matmul(x, torch.arange(1001), weight.expand(1000, 45, 70))
    assert torch.equal(together, alone)


def test_gradients_are_deterministic_and_do_not_depend_on_threads() -> None:
    random = torch.Generator().manual_seed(0)
    x, weight = torch.randn(3000, 40, generator=random), torch.randn(4, 40, 50, generator=random)
    ptr = torch.tensor([0, 10, 10, 2500, 3000])
    before, grads = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 2, 5):
            torch.set_num_threads(threads)
            leaves = x.clone().requires_grad_(), weight.clone().requires_grad_()
            grads.append(
                torch.autograd.grad(grouped_matmul(leaves[0], ptr, leaves[1]).square().sum(), leaves)
            )
    finally:
        torch.set_num_threads(before)
    for other in grads[1:]:
        assert all(torch.equal(a, b) for a, b in zip(grads[0], other, strict=True))


def test_wrong_arguments_of_the_gradient_operator_are_refused() -> None:
    outer, ptr = torch.ops.geocompile.grouped_outer, torch.tensor([0, 4])
    with pytest.raises(ValueError, match=r"grouped_outer: 'x' and 'grad' must have as many rows"):
        outer(torch.ones(4, 2), torch.ones(3, 2), ptr)
    with pytest.raises(ValueError, match=r"grouped_outer: 'grad' must have shape \[rows, out_channels\]"):
        outer(torch.ones(4, 2), torch.ones(4), ptr)
    with pytest.raises(IndexError, match=r"grouped_outer: 'ptr' must start at 0"):
        outer(torch.ones(4, 2), torch.ones(4, 2), torch.tensor([0, 3]))


# --- as a model ------------------------------------------------------------------------------------------------------


class TypedLinear(nn.Module):
    """A linear layer for each of 3 types of nodes: sorted by type, multiplied, and put back in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.second = nn.Parameter(torch.randn(3, 8, 6)), nn.Parameter(torch.randn(3, 6, 4))

    def forward(self, x: Tensor, node_type: Tensor) -> Tensor:
        ptr, perm, _ = csr_from_coo(node_type, self.weight)
        hidden = torch.tanh(grouped_matmul(x.index_select(0, perm), ptr, self.weight))
        out = grouped_matmul(hidden, ptr, self.second)
        return torch.zeros_like(out).index_copy(0, perm, out)


def inputs(num_nodes: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    return torch.randn(num_nodes, 8, generator=random), torch.randint(0, 3, (num_nodes,), generator=random)


@pytest.mark.parametrize(
    "target", ["onnx", "torchscript", pytest.param("aotinductor", marks=pytest.mark.slow)]
)
def test_a_typed_layer_gives_eagers_numbers_on_every_size(target: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = TypedLinear().eval()
    program = capture(module, normalize_examples(module, inputs(9)))
    program, _ = run_passes(program)
    run = OPEN[target](tmp_path / get_exporter(target)(program, tmp_path).file)
    for size in (9, 1, 0, 2, 200):
        nodes = inputs(size)
        with torch.no_grad():
            torch.testing.assert_close(run(list(nodes)), [module(*nodes)])


@pytest.mark.slow
def test_a_typed_layer_compiles_and_verifies(tmp_path: Path) -> None:
    import geocompile

    torch.manual_seed(0)
    bundle = geocompile.compile(TypedLinear().eval(), inputs(9), output=tmp_path / "bundle")  # verifies
    x, node_type = (np.asarray(t) for t in inputs(40))
    for engine in ("onnx", "torchscript", "aotinductor"):
        assert bundle.session(engine)(x, node_type).shape == (40, 4)
