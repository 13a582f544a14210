"""A set abstraction of PointNet++, made of these operators, as engines on clouds of every size."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import geocompile
from geocompile.custom_ops import fps, radius, scatter
from geocompile.layers import global_max_pool


class SetAbstraction(nn.Module):
    """Half of the points, each with the largest features of those around it, and the largest of all of a cloud."""

    def __init__(self) -> None:
        super().__init__()
        self.lift, self.read = nn.Linear(3, 8), nn.Linear(11, 4)

    def forward(self, pos: Tensor, batch: Tensor) -> Tensor:
        taken = fps(pos, batch, 0.5, random_start=False)
        centre, graph = pos[taken], batch[taken]
        to, of = radius(pos, centre, 0.8, batch, graph, max_num_neighbors=16)
        message = self.lift(pos[of] - centre[to]).relu()
        x = scatter(message, to, 0, taken.size(0), "max")
        out: Tensor = global_max_pool(self.read(torch.cat([x, centre], 1)), graph)
        return out


@pytest.mark.parametrize(
    "target", ["onnx", "torchscript", pytest.param("aotinductor", marks=pytest.mark.slow)]
)
def test_farthest_points_compile_and_verify(target: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    pos, batch = torch.randn(50, 3), torch.repeat_interleave(torch.arange(3), torch.tensor([20, 5, 25]))
    model = SetAbstraction().eval()
    bundle = geocompile.compile(model, (pos, batch), [target], tmp_path / "clouds", measure=False)
    session = bundle.session(target)
    other = torch.randn(300, 3), torch.repeat_interleave(torch.arange(2), torch.tensor([1, 299]))
    torch.testing.assert_close(session(*other), model(*other))
