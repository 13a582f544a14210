"""Softmax over groups against torch's own of each group, PyG, and what export and script make of it."""

from typing import Any

import pytest
import torch
from torch import Tensor

from geocompile.layers import softmax

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # a target here on purpose
INDEX = torch.tensor([4, 0, 2, 0, 2, 2, 4])
PTR = torch.tensor([0, 2, 2, 5, 7])


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def by_loop(src: Tensor, index: Tensor, dim: int) -> Tensor:
    out = torch.empty_like(src)
    for group in index.unique().tolist():
        places = (index == group).nonzero().flatten()
        out.index_copy_(dim, places, src.index_select(dim, places).softmax(dim))
    return out


SHAPES = [((7,), 0), ((7, 3), 0), ((2, 7), 1), ((2, 7, 3), -2), ((7, 2, 3), 0), ((7, 0), 0)]


@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_each_group_by_itself(shape: tuple[int, ...], dim: int) -> None:
    src = torch.randn(shape, dtype=torch.float64)
    positive = dim % len(shape)
    torch.testing.assert_close(softmax(src, INDEX, dim=dim), by_loop(src, INDEX, positive))
    torch.testing.assert_close(softmax(src, INDEX.int(), None, 9, dim), by_loop(src, INDEX, positive))
    sorted_groups = torch.tensor([0, 0, 2, 2, 2, 3, 3])
    torch.testing.assert_close(softmax(src, ptr=PTR, dim=dim), by_loop(src, sorted_groups, positive))


@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_it_is_what_pyg_computes(shape: tuple[int, ...], dim: int) -> None:
    pyg = pytest.importorskip("torch_geometric.utils", reason="PyG is not installed (extra: pyg)")
    src = torch.randn(shape, dtype=torch.float64)
    for arguments in ((INDEX,), (INDEX, None, 8)):
        theirs = pyg.softmax(src, *arguments, dim=dim)
        torch.testing.assert_close(softmax(src, *arguments, dim=dim), theirs, rtol=1e-10, atol=1e-12)


def test_scores_far_from_zero_do_not_vanish() -> None:
    src = torch.tensor([-1000.0, -1001.0, 1000.0, 1001.0])
    expected = torch.tensor([0.0, -1.0]).softmax(0)
    out = softmax(src, torch.tensor([0, 0, 1, 1]))
    torch.testing.assert_close(out, torch.cat([expected, expected.flip(0)]))


def test_nothing_to_do() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    assert softmax(torch.zeros(0, 3), none).shape == (0, 3)
    assert softmax(torch.zeros(0, 3), none, None, 4).shape == (0, 3)
    assert softmax(torch.zeros(0, 3), ptr=torch.zeros(1, dtype=torch.int64)).shape == (0, 3)


def test_gradients_are_right() -> None:
    src = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: softmax(s, INDEX), (src,))
    assert torch.autograd.gradcheck(lambda s: softmax(s.T, ptr=PTR, dim=1), (src,))


class Softmax(torch.nn.Module):
    def __init__(self, num_nodes: int | None, dim: int) -> None:
        super().__init__()
        self.num_nodes = num_nodes
        self.dim = dim

    def forward(self, src: Tensor, index: Tensor) -> Tensor:
        return softmax(src, index, None, self.num_nodes, self.dim)


@pytest.mark.parametrize("num_nodes", [None, 6])
@pytest.mark.parametrize("dim", [0, 1])
def test_it_scripts_and_exports_for_any_number_of_elements(num_nodes: Any, dim: int) -> None:
    model = Softmax(num_nodes, dim)
    script = torch.jit.script(model)
    elements = torch.export.Dim("elements")
    src = torch.randn(7, 7)
    with torch.fx.experimental._config.patch(backed_size_oblivious=True):
        exported = torch.export.export(
            model,
            (src[:, :3] if dim == 0 else src[:3], INDEX),
            dynamic_shapes=({dim: elements}, {0: elements}),
        ).module()
    for groups in ([4, 0, 0, 5], [3] * 9, [0], []):
        index = torch.tensor(groups, dtype=torch.int64)
        src = torch.randn((len(groups), 3) if dim == 0 else (3, len(groups)))
        torch.testing.assert_close(script(src, index), model(src, index))
        torch.testing.assert_close(exported(src, index), model(src, index))


SRC = torch.ones(3, 2)
ONE_EACH = torch.tensor([0, 1, 2])
REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "integers": ({"src": SRC.long(), "index": ONE_EACH}, TypeError, r"src must be a floating-point tensor"),
    "no tensor": ({"src": [1.0], "index": ONE_EACH}, TypeError, r"src must be a floating-point tensor"),
    "no groups": ({"src": SRC}, ValueError, "index is missing; give the group of each element, or ptr"),
    "float index": (
        {"src": SRC, "index": torch.zeros(3)},
        TypeError,
        "index must be a tensor of dtype int64",
    ),
    "list": ({"src": SRC, "index": [0, 0, 1]}, TypeError, "index must be a tensor of dtype int64"),
    "float ptr": ({"src": SRC, "ptr": torch.zeros(3)}, TypeError, "ptr must be a tensor of dtype int64"),
    "short": ({"src": SRC, "index": ONE_EACH[:2]}, ValueError, r"index must have shape \[3\].*got \[2\]"),
    "matrix": ({"src": SRC, "index": ONE_EACH[:, None]}, ValueError, "index must have one dimension"),
    "dim": (
        {"src": SRC, "index": ONE_EACH, "dim": 2},
        ValueError,
        r"src of shape \[3, 2\] has no dimension 2",
    ),
    "negative count": (
        {"src": SRC, "index": ONE_EACH, "num_nodes": -1},
        ValueError,
        "num_nodes must be at least 0, got -1",
    ),
    "too few groups": ({"src": SRC, "index": ONE_EACH, "num_nodes": 2}, IndexError, "2"),
    "negative": ({"src": SRC, "index": ONE_EACH - 1}, IndexError, "-1"),
    "ptr that ends early": ({"src": SRC, "ptr": torch.tensor([0, 2])}, IndexError, "rowptr"),
    "other device": (
        {"src": SRC, "index": ONE_EACH.to("meta")},
        ValueError,
        "src is on cpu and index on meta",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_words(name: str) -> None:
    arguments, error, message = REFUSED[name]
    with pytest.raises(error, match=f"geocompile.*{message}"):
        softmax(**arguments)
