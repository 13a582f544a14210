"""Sessions of engines that call geocompile's operators: the library comes from the bundle and is loaded once."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from geocompile.bundle import Bundle, load
from geocompile.runtimes import RUNTIMES, Session
from tests.runtimes import compiled

FRESH_PROCESS = """
import sys
import numpy as np
import geocompile

bundle = geocompile.load(sys.argv[1])
for target in bundle.targets:
    session = bundle.session(target)
    for inputs, outputs in bundle.samples():
        for result, wanted in zip(session(**inputs), outputs.values()):
            assert np.allclose(result, wanted, atol=1e-5), target
assert "geocompile.custom_ops.operators" not in sys.modules
import geocompile.custom_ops.operators  # must not define the operators a second time
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return compiled.write_bundle(tmp_path_factory.mktemp("compiled") / "gcn", *RUNTIMES)


@pytest.fixture(scope="module", params=[*RUNTIMES, "onnx portable"])
def session(request: pytest.FixtureRequest, bundle: Bundle) -> Session:
    target, *portable = request.param.split()
    return bundle.session(target, portable=bool(portable))


@pytest.mark.parametrize("sizes", [(3, 5, 40), (1, 1, 0), (1, 1, 1), (4, 20, 300), (2, 3, 0)])
def test_engine_equals_eager_at_every_size(session: Session, sizes: tuple[int, int, int]) -> None:
    inputs = compiled.graphs(*sizes, seed=7)
    with torch.no_grad():
        wanted = compiled.model()(*inputs)
    torch.testing.assert_close(session(*inputs), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("value", [-1, 15])
def test_bad_index_gives_the_operators_own_words(session: Session, value: int) -> None:
    x, edge_index, batch = compiled.graphs(3, 5, 40)
    edge_index[1, 3] = value
    with pytest.raises((RuntimeError, IndexError), match=rf"geocompile.* {value}\b") as caught:
        session(x, edge_index, batch)
    assert len(str(caught.value).splitlines()) == 1


def test_threads_share_a_session(session: Session) -> None:
    inputs = compiled.graphs(2, 50, 400)
    alone = session(*inputs)
    with ThreadPoolExecutor(8) as pool:
        for together in pool.map(lambda _: session(*inputs), range(40)):
            torch.testing.assert_close(together, alone, atol=0, rtol=0)


def test_fresh_process_takes_the_library_from_the_bundle(bundle: Bundle) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FRESH_PROCESS, str(bundle.path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr


def test_two_bundles_live_in_one_process(bundle: Bundle, tmp_path: Path) -> None:
    other = load(compiled.write_bundle(tmp_path / "other", "onnx", "torchscript").path)
    inputs = compiled.graphs(3, 5, 40)
    for target in other.targets:
        torch.testing.assert_close(other.session(target)(*inputs), bundle.session(target)(*inputs))


def test_run_py_registers_the_library_beside_it(bundle: Bundle) -> None:
    result = subprocess.run(
        [sys.executable, bundle.path / "run.py"], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("max error") == 6
