"""Farthest point sampling beyond the case table: properties, random starts, what export says of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from geocompile.custom_ops import fps


@st.composite
def _clouds(draw: st.DrawFn) -> tuple[Tensor, Tensor, float]:
    """Small coordinates, so that equal distances and equal points are frequent."""
    counts = draw(st.lists(st.integers(0, 40), max_size=4))
    dims, total = draw(st.integers(1, 4)), sum(counts)
    flat = draw(st.lists(st.integers(-3, 3), min_size=total * dims, max_size=total * dims))
    points = torch.tensor(flat, dtype=torch.float32).view(total, dims)
    batch = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts, dtype=torch.long))
    return points, batch, draw(st.floats(0.01, 1))


@settings(max_examples=80, deadline=None)
@given(_clouds())
def test_each_sample_is_the_farthest_from_those_before(cloud: tuple[Tensor, Tensor, float]) -> None:
    points, batch, ratio = cloud
    taken = fps(points, batch, ratio, random_start=False)
    assert torch.equal(batch[taken], batch[taken].sort().values)
    for graph in batch.unique():
        members, mine = torch.where(batch == graph)[0], taken[batch[taken] == graph]
        assert mine[0] == members[0]
        assert mine.numel() == min(
            int(np.ceil(np.float32(ratio) * np.float32(members.numel()))), members.numel()
        )
        squares = (points[members][:, None] - points[mine]).square().sum(-1)
        for step in range(1, mine.numel()):
            gaps = squares[:, :step].min(dim=1).values
            assert mine[step] == members[(gaps == gaps.max()).nonzero()[0, 0]]


def test_a_cloud_is_sampled_alike_alone_and_in_a_batch_on_any_number_of_threads() -> None:
    clouds = [torch.randn(count, 3) for count in (5000, 1, 700, 9000)]
    batch = torch.repeat_interleave(torch.arange(4), torch.tensor([len(cloud) for cloud in clouds]))
    alone, first = [], 0
    for cloud in clouds:
        alone.append(fps(cloud, ratio=0.1, random_start=False) + first)
        first += len(cloud)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            assert torch.equal(fps(torch.cat(clouds), batch, 0.1, random_start=False), torch.cat(alone))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_distances_that_overflow_are_ties(dtype: torch.dtype) -> None:
    x = torch.randn(40, 3, dtype=dtype) * (torch.finfo(dtype).max / 1024)
    assert fps(x, ratio=0.5, random_start=False).tolist() == list(range(20))


def test_a_random_start_is_drawn_in_each_graph_by_torchs_generator() -> None:
    x, batch = torch.randn(30, 2), torch.tensor([0] * 10 + [2] * 20)
    seen = set()
    for seed in range(40):
        torch.manual_seed(seed)
        taken = fps(x, batch, 0.1)
        assert batch[taken].tolist() == [0, 2, 2]
        torch.manual_seed(seed)
        assert torch.equal(taken, fps(x, batch, 0.1))
        seen.add(taken[0].item())
    assert len(seen) > 5
    assert fps(torch.randn(7), ratio=1.0).sort().values.tolist() == list(range(7))
    assert (
        fps(torch.zeros(0, 3)).numel()
        == fps(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)).numel()
        == 0
    )


@pytest.mark.parametrize(
    "batch", [[-1, 0, 0], [0, 0, 2**40], [0, 0, 2_000_000_000], [0.0, 0.0, 1.0], [1, 0, 0], [0, 0]]
)
def test_what_is_refused_with_a_fixed_start_is_refused_alike_with_a_drawn_one(batch: list[float]) -> None:
    errors = []
    for random_start in (False, True):
        with pytest.raises((ValueError, IndexError)) as caught:
            fps(torch.rand(3, 2), torch.tensor(batch), random_start=random_start)
        errors.append((caught.type, str(caught.value)))
    assert errors[0] == errors[1]


def test_a_drawn_start_takes_no_memory_for_graphs_without_points() -> None:
    x, far = torch.randn(30, 2), 60_000_000
    for index in (torch.int64, torch.int32):
        torch.manual_seed(3)
        near = fps(x, torch.tensor([0] * 10 + [2] * 20, dtype=index), 0.2)
        torch.manual_seed(3)
        assert torch.equal(fps(x, torch.tensor([5] * 10 + [far] * 20, dtype=index), 0.2), near)


def test_a_start_replaces_the_draw() -> None:
    x, batch = torch.randn(30, 2), torch.tensor([0] * 10 + [1] * 20)
    for start in ([9, 0], [3, 19], [0, 7, 5]):  # a graph behind the last needs no points
        taken = fps(x, batch, 0.2, start=torch.tensor(start))
        assert [taken[0].item(), taken[2].item() - 10] == start[:2]


class Sampled(torch.nn.Module):
    def __init__(self, random_start: bool) -> None:
        super().__init__()
        self.random_start = random_start

    def forward(self, x: Tensor, batch: Tensor) -> Tensor:
        return x[fps(x, batch, 0.5, self.random_start)]


def test_export_refuses_to_draw_and_says_what_to_do() -> None:
    inputs = (torch.randn(6, 3), torch.tensor([0, 0, 0, 1, 1, 1]))
    with pytest.raises(Exception, match=r"random start cannot be drawn.*random_start=False"):
        torch.export.export(Sampled(True), inputs)
    exported = torch.export.export(Sampled(False), inputs, dynamic_shapes=({0: torch.export.Dim.AUTO},) * 2)
    other = torch.randn(11, 3), torch.tensor([0] * 4 + [1] * 7)
    assert torch.equal(exported.module()(*other), Sampled(False)(*other))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # a target here on purpose
def test_it_scripts_with_a_random_start() -> None:
    scripted = torch.jit.script(Sampled(True))
    x = torch.arange(12.0).view(12, 1)
    assert scripted(x, torch.tensor([0] * 6 + [1] * 6)).shape == (6, 1)


def test_arguments_in_the_order_of_pyg() -> None:
    x, batch = torch.rand(9, 3), torch.arange(9) // 5
    assert torch.equal(fps(x, batch, 0.5, False, 2), fps(x, batch, 0.5, random_start=False))
