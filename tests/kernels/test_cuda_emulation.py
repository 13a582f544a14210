"""The CUDA kernels without a GPU: compiled for the processor by an emulated CUDA and run under the sanitizers.

It shows that the arithmetic and the addresses are right for every thread of every block, in any order of blocks. It
does not show what only a GPU can: races between warps, what nvcc makes of the code, speed.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = Path(__file__).parent
FLAGS = [
    "-std=c++17",
    "-O0",  # half of the time is the compiler's
    "-g",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-Wno-psabi",
    "-DGEOCOMPILE_ISA=generic",
    f"-I{TESTS / 'cuda_emulation'}",
    f"-I{ROOT / 'custom_ops'}",
]


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("emulated")
    sources = [*(ROOT / "custom_ops/kernels/cuda").glob("*.cu"), TESTS / "cuda_test.cpp"]

    def compiled(source: Path) -> str:
        target = str(folder / f"{source.name}.o")
        subprocess.run(["g++", *FLAGS, "-x", "c++", "-c", str(source), "-o", target], check=True)
        return target

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compiled, sources))
    subprocess.run(["g++", *FLAGS, *objects, "-o", str(folder / "cuda_test")], check=True)
    return folder / "cuda_test"


def run(binary: Path, rounds: int) -> None:
    done = subprocess.run([str(binary), str(rounds)], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{rounds} rounds passed")


def test_kernels_reduce_and_sort_right_and_stay_in_their_buffers(binary: Path) -> None:
    run(binary, 2)


@pytest.mark.slow
def test_kernels_on_many_graphs(binary: Path) -> None:
    run(binary, 100)
