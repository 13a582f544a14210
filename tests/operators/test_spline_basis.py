"""Kernel weights in a model on every engine, for numbers of edges other than the example's."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from geocompile.capture import capture
from geocompile.custom_ops import gaussian_weights, spline_basis
from geocompile.examples import normalize_examples
from geocompile.exporters import get_exporter
from geocompile.passes import run_passes
from tests.exporters.test_engines_equal_eager import OPEN, eager


class KernelWeights(nn.Module):
    """Splines of the offsets of edges, weighed by Gaussians of theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.mu, self.sigma = nn.Parameter(torch.randn(4, 2)), nn.Parameter(torch.rand(4, 2) + 0.5)
        self.register_buffer("kernel_size", torch.tensor([5, 3]))
        self.register_buffer("is_open_spline", torch.tensor([True, False]))

    def forward(self, pos: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        offset = pos.index_select(0, edge_index[0]) - pos.index_select(0, edge_index[1])
        basis, kernels = spline_basis(offset.sigmoid(), self.kernel_size, self.is_open_spline, 2)
        return gaussian_weights(offset, self.mu, self.sigma).sum(1, keepdim=True) * basis, kernels


def example(num_nodes: int, num_edges: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(num_edges)
    edge_index = torch.randint(0, max(num_nodes, 1), (2, num_edges), generator=generator)
    return [torch.randn(num_nodes, 2, generator=generator), edge_index]


@pytest.mark.parametrize(
    "target", ["torchscript", "onnx", pytest.param("aotinductor", marks=pytest.mark.slow)]
)
def test_kernel_weights_compile_for_any_number_of_edges(target: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = KernelWeights().eval()
    program, _ = run_passes(capture(model, normalize_examples(model, tuple(example(6, 9)))))
    run = OPEN[target](tmp_path / get_exporter(target)(program, tmp_path).file)
    for size in ((6, 9), (1, 0), (1, 1), (50, 400)):
        inputs = example(*size)
        with torch.no_grad():
            torch.testing.assert_close(run(inputs), eager(model, inputs))


def test_kernel_sizes_that_are_no_integers_are_refused() -> None:
    pseudo, three, is_open = torch.rand(4, 1), torch.tensor([3]), torch.tensor([1])
    with pytest.raises(ValueError, match=r"'kernel_size' must be integers, got torch.float32"):
        spline_basis(pseudo, torch.tensor([3.7]), is_open)
    with pytest.raises(ValueError, match=r"'is_open_spline' must be integers, got torch.float64"):
        spline_basis(pseudo, three, is_open.double())
    assert torch.equal(
        spline_basis(pseudo, three.byte(), is_open.bool())[0], spline_basis(pseudo, three, is_open)[0]
    )
