"""The CUDA kernels without a GPU: compiled for the processor by an emulated CUDA, on random graphs and the case table.

It shows that the arithmetic and the addresses are right for every thread of every block, in any order of blocks. It
does not show what only a GPU can: races between warps, what nvcc makes of the code, CUB's sort, speed.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.kernels.emulated_cuda import SANITIZED, TESTS, EmulatedKernels, build
from tests.operators.cases import Case
from tests.operators.test_cuda import CASES, OPERATORS, SILENT
from tests.operators.test_torch import assert_equals_oracle, tensor_of


@pytest.fixture(scope="module")
def random_test(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("sanitized") / "cuda_test"
    return build(target, TESTS / "cuda_test.cpp", *SANITIZED)


def run(random_test: Path, rounds: int) -> None:
    done = subprocess.run([str(random_test), str(rounds)], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{rounds} rounds passed")


def test_random_and_hostile_graphs_under_the_sanitizers(random_test: Path) -> None:
    run(random_test, 2)


@pytest.mark.slow
def test_many_random_and_hostile_graphs(random_test: Path) -> None:
    run(random_test, 100)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> EmulatedKernels:
    return EmulatedKernels(tmp_path_factory.mktemp("emulated"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_result_equals_the_written_out_meaning(kernels: EmulatedKernels, case: Case) -> None:
    outputs = getattr(kernels, case.operator)(**case.arguments)
    assert_equals_oracle(case, tuple(tensor_of(out) for out in outputs))


@pytest.mark.parametrize("case", SILENT, ids=str)
def test_a_bad_index_gives_nan(kernels: EmulatedKernels, case: Case) -> None:
    (out,) = getattr(kernels, case.operator)(**case.arguments)
    assert np.isnan(out).any()


@pytest.mark.parametrize("batch", [[0, -1, 2], [0, 2**40]])
def test_a_bad_graph_number_is_refused(kernels: EmulatedKernels, batch: list[int]) -> None:
    with pytest.raises(RuntimeError, match=r"geocompile.batch_ptr: 'batch'.* (is -1|1099511627776)"):
        kernels.batch_ptr(np.array(batch))


def test_the_table_has_cases_of_every_operator() -> None:
    assert {case.operator for case in CASES} == set(OPERATORS)
