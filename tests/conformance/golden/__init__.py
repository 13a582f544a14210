"""Recorded values of torch_geometric 1.2.0, and which of them are ours under the rulings of the semantics table.

A family's module has ``GOLDEN``: the name of a file of `data/` -> a check of our layer against it. Keys of a file:
``in.*`` inputs, ``param.*`` parameters by their 1.2.0 state-dict name, ``out.*`` results of that code, ``doc.*`` the
written formula's value where it differs.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.conformance.same import assert_same

DATA = Path(__file__).parent / "data"
FAMILIES = (
    "neighbourhoods",
    "kernels",
    "spectral",
    "stacks",
    "models",
    "pools",
    "dense",
    "points",
    "functions",
)
Values = dict[str, Tensor]


def all_golden() -> dict[str, Callable[[Values], None]]:
    """Name of the file -> check, of every family."""
    found: dict[str, Callable[[Values], None]] = {}
    for family in FAMILIES:
        found |= import_module(f"{__name__}.{family}").GOLDEN
    return found


def layer_of(name: str) -> str:
    """``GATConv`` of ``GATConv_2``, ``GAE`` of ``GAE_split_edges_0``, ``fps`` of ``fps_0``."""
    return name.split("_")[0] if name[0].isupper() else name.rpartition("_")[0]


def values(name: str) -> Values:
    """The arrays of a file as tensors."""
    with np.load(DATA / f"{name}.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def assert_golden(ours: Any, recorded: Any) -> None:
    """Equal to the tolerance of the record."""
    assert_same(ours, recorded, rtol=1e-10, atol=1e-10)


def golden_cells() -> dict[tuple[str, str], str]:
    """The column of the table: "yes" where every record of a layer holds."""
    cells: dict[tuple[str, str], str] = {}
    for name, check in all_golden().items():
        place = layer_of(name), "golden"
        try:
            check(values(name))
            cells.setdefault(place, "yes")
        except Exception as error:  # whatever a layer raises is the cell's reason
            cells[place] = f"{name}: {error}".split("\n", 1)[0]
    return cells
