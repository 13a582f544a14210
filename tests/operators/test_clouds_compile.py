"""A set abstraction of PointNet++, made of these operators, as engines on clouds of every size."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import geocompile
from geocompile.custom_ops import fps
from geocompile.layers import global_max_pool


class SetAbstraction(nn.Module):
    """Half of the points, then a quarter of those, each with features, and the largest features of a cloud."""

    def __init__(self) -> None:
        super().__init__()
        self.lift, self.read = nn.Linear(3, 8), nn.Linear(11, 4)

    def forward(self, pos: Tensor, batch: Tensor) -> Tensor:
        first = fps(pos, batch, 0.5, random_start=False)
        pos, batch = pos[first], batch[first]
        x = self.lift(pos).relu()
        second = fps(pos, batch, 0.25, random_start=False)
        out: Tensor = global_max_pool(self.read(torch.cat([x, pos], 1))[second], batch[second])
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
