"""A bad index is an IndexError in every session, before an engine that would wrap it or die of it sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from geocompile.bundle import Bundle
from geocompile.exporters import TensorSpec
from geocompile.runtimes.indices import check_indices
from tests.bundle import handmade
from tests.runtimes import embedding

X = np.zeros((6, 4), np.float32)
EDGES = np.zeros((2, 9), np.int64)
SESSIONS = ["onnx", "onnx portable", "torchscript", "aotinductor"]
BAD_CALLS = """
import sys
import geocompile
from tests.runtimes import embedding

session = geocompile.load(sys.argv[1]).session("aotinductor")
for bad in embedding.bad_inputs():
    try:
        session(**bad)
    except IndexError as error:
        print(error)
wanted = embedding.model()(**embedding.inputs())
assert (session(**embedding.inputs()) - wanted).abs().max() < 1e-5
print("alive")
"""


def check(index_of: Any, value: Any, dtype: str = "int64", **dimensions: int) -> None:
    array = np.array(value, dtype)
    spec = TensorSpec("index", dtype, array.shape, index_of)
    check_indices((spec,), (array,), dimensions)
    check_indices((spec,), (torch.from_numpy(array),), dimensions)


@pytest.mark.parametrize("name", SESSIONS)
@pytest.mark.parametrize("bad", [-1, 6, 2**62, -(2**63)])
def test_every_session_names_the_bad_index(bundle: Bundle, name: str, bad: int) -> None:
    target, *portable = name.split()
    session = bundle.session(target, portable=bool(portable))
    edge_index = EDGES.copy()
    edge_index[1, 7] = bad
    message = rf"^geocompile: input 'edge_index' has the value {bad} at \[1, 7\], valid are 0 to 5 \(num_nodes = 6\)$"
    with pytest.raises(IndexError, match=message):
        session(X, edge_index)
    with pytest.raises(IndexError, match=message):
        session(torch.from_numpy(X), torch.from_numpy(edge_index))
    np.testing.assert_allclose(session(X, EDGES)[0], handmade.expected(X, EDGES)["out"])


def test_bad_index_does_not_end_the_process_of_an_aotinductor_engine(tmp_path: Path) -> None:
    """Inductor's own check throws inside an OpenMP loop, where nobody can catch it."""
    bundle = embedding.write_bundle(tmp_path / "embedding", "aotinductor")
    command = [sys.executable, "-W", "ignore", "-c", BAD_CALLS, str(bundle.path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    answers = result.stdout.splitlines()
    assert answers[-1] == "alive"
    assert [answer.partition(", valid")[0] for answer in answers[:-1]] == [
        "geocompile: input 'z' has the value -1 at [3]",
        "geocompile: input 'z' has the value 9 at [3]",
        "geocompile: input 'edge_index' has the value 7777 at [0, 5]",
        "geocompile: input 'edge_index' has the value -1 at [1, 5]",
    ]


def test_bound_that_is_a_number_is_not_repeated() -> None:
    check("4", [0, 3, 3])
    with pytest.raises(IndexError, match=r"'index' has the value 4 at \[2\], valid are 0 to 3$"):
        check("4", [0, 3, 4])


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "uint8"])
def test_any_integer_dtype(dtype: str) -> None:
    check("4", [0, 3], dtype)
    check("*", [0, np.iinfo(dtype).max], dtype)
    check("1000000", [0, np.iinfo(dtype).max], dtype) if dtype in ("int8", "uint8", "int16") else None
    with pytest.raises(IndexError, match=r"has the value 4 at \[1\]"):
        check("4", [0, 4], dtype)
    if dtype != "uint8":
        with pytest.raises(IndexError, match=r"has the value -1 at \[1\]"):
            check("4", [0, -1], dtype)


def test_star_takes_what_is_not_negative() -> None:
    with pytest.raises(IndexError, match=r"has the value -3 at \[1\], valid are numbers from 0 on$"):
        check("*", [2**62, -3])


def test_each_row_has_its_own_bound() -> None:
    sizes = {"num_src": 3, "num_dst": 7}
    check(("num_src", "num_dst"), [[0, 2], [6, 6]], **sizes)
    with pytest.raises(IndexError, match=r"value 3 at \[0, 1\], valid are 0 to 2 \(num_src = 3\)"):
        check(("num_src", "num_dst"), [[0, 3], [6, 6]], **sizes)
    with pytest.raises(IndexError, match=r"value -1 at \[1, 0\], valid are 0 to 6 \(num_dst = 7\)"):
        check(("num_src", "num_dst"), [[0, 2], [-1, 6]], **sizes)
    check((None, "num_dst"), [[-1, 99], [0, 6]], **sizes)
    with pytest.raises(IndexError, match=r"value -1 at \[0, 0\], valid are numbers from 0 on"):
        check(("*", None), [[-1, 99], [-5, 6]], **sizes)


def test_index_into_nothing_and_no_index_at_all() -> None:
    check("num_nodes", [], num_nodes=0)
    check(("num_nodes", "num_nodes"), [[], []], num_nodes=0)
    with pytest.raises(IndexError, match=r"value 0 at \[0\], no value is valid \(num_nodes = 0\)"):
        check("num_nodes", [0, 0], num_nodes=0)


def test_unbounded_integers_are_not_looked_at() -> None:
    check(None, [-7, 2**62])


def test_scalar_index() -> None:
    check("3", 2)
    with pytest.raises(IndexError, match=r"value 3 at \[\]"):
        check("3", 3)
