"""Examples in every accepted form become named tensors; every other form is refused with the reason."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from geocompile.examples import Example, normalize_examples, read_examples

X, EDGES = torch.randn(3, 2), torch.zeros(2, 4, dtype=torch.int64)


class Model(nn.Module):
    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        return x


class Data(SimpleNamespace):
    """Looks like PyG's Data, and is not: torch_geometric need not be installed."""


@pytest.mark.parametrize(
    "form",
    [
        (X, EDGES),
        (X, EDGES, None),
        {"edge_index": EDGES, "x": X},
        {"x": X.numpy(), "edge_index": EDGES.numpy()},
        Data(x=X, edge_index=EDGES, y=torch.zeros(3), edge_weight=None),
        Example({"x": X, "edge_index": EDGES}),
        [(X, EDGES)],
    ],
    ids=["tuple", "tuple_with_none", "dict", "numpy", "data", "example", "list"],
)
def test_accepted_forms(form: Any) -> None:
    (example,) = normalize_examples(Model(), form)
    assert list(example.tensors) == ["x", "edge_index"]
    assert torch.equal(example.tensors["x"], X)
    assert torch.equal(example.tensors["edge_index"], EDGES)


def test_pyg_data_is_matched_by_name() -> None:
    data = pytest.importorskip("torch_geometric.data")
    batch = data.Batch.from_data_list([data.Data(x=X, edge_index=EDGES)] * 2)
    (example,) = normalize_examples(Model(), batch)
    assert example.tensors["x"].shape == (6, 2)


@pytest.mark.parametrize(
    ("form", "kind", "message"),
    [
        ([], ValueError, "no example graph given"),
        ("x", TypeError, "is a str"),
        ((X,), ValueError, "lacks 'edge_index'"),
        ((X, EDGES, None, X), ValueError, "has 4 values, but forward takes 3"),
        ({"x": X, "edge_index": EDGES, "foo": X}, ValueError, "has 'foo', which forward does not take"),
        ((X, 3), TypeError, "'edge_index' is a int, expected a tensor"),
        ((X, EDGES.float()), ValueError, "must be an integer tensor of shape"),
        ((X, EDGES.T), ValueError, r"got torch.int64 \[4, 2\]"),
        ((X.to(torch.complex64), EDGES), TypeError, "'x' has dtype torch.complex64"),
        ((X.to_sparse(), EDGES), TypeError, "'x' is a sparse tensor"),
        (
            [(X, EDGES), (X, EDGES, torch.ones(4))],
            ValueError,
            "'edge_weight' is a tensor in some examples and None",
        ),
        (
            [(X, EDGES), (X.double(), EDGES)],
            ValueError,
            "torch.float32 in example 0 and torch.float64 in example 1",
        ),
        ([(X, EDGES), (X[0], EDGES)], ValueError, "2 dimensions in example 0 and 1 in example 1"),
    ],
)
def test_refused_forms(form: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        normalize_examples(Model(), form)


def test_model_that_takes_a_data_object_is_refused() -> None:
    class Whole(nn.Module):
        def forward(self, data: Any) -> Tensor:
            return data.x  # type: ignore[no-any-return]

    with pytest.raises(TypeError, match="takes a whole PyG object"):
        normalize_examples(Whole(), Data(x=X, edge_index=EDGES))


def test_one_number_stays_a_tensor_without_dimensions() -> None:
    (example,) = normalize_examples(Model(), {"x": np.array(2.5, np.float32), "edge_index": EDGES})
    assert example.tensors["x"].shape == ()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_files_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"graph{suffix}"
    tensors = {"x": X, "edge_index": EDGES, "scale": torch.tensor(2.5)}
    if suffix == ".npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in tensors.items()})
    else:
        save_file(tensors, path)
    read = read_examples(path)
    assert all(read[name].equal(tensor) for name, tensor in tensors.items())


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_examples(tmp_path / "none.npz")
    for suffix in (".npz", ".safetensors"):
        (tmp_path / f"bad{suffix}").write_bytes(b"not a file of that kind")
        with pytest.raises(ValueError, match="cannot be read"):
            read_examples(tmp_path / f"bad{suffix}")
    np.savez(tmp_path / "pickle.npz", x=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="cannot be read"):
        read_examples(tmp_path / "pickle.npz")
    (tmp_path / "graph.csv").write_text("1,2")
    with pytest.raises(ValueError, match=r"must be \.npz or \.safetensors"):
        read_examples(tmp_path / "graph.csv")
