"""The kernels alone, without any runtime, under the address, undefined-behaviour and thread sanitizers."""

import os
import platform
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KERNELS = ROOT / "custom_ops/kernels"
TESTS = Path(__file__).with_name("native")
PER_ISA = sorted((KERNELS / "cpu/vectorised").glob("*.cpp"))
INSTRUCTION_SETS = {"generic": [], "avx2": ["-march=x86-64-v3"], "avx512": ["-march=x86-64-v4"]}


def build(folder: Path, sanitizer: str) -> Path:
    """The test binary; a race does not depend on the instruction set, so that one is enough to look for them."""
    flags = [
        *("-std=c++17", "-O1", "-g", "-Wno-psabi", "-ffp-contract=off", f"-I{ROOT / 'custom_ops'}"),
        *(f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"),
    ]
    all_sets = platform.machine() == "x86_64" and sanitizer != "thread"
    sets = INSTRUCTION_SETS if all_sets else {"generic": []}
    sources = [(source, [f"-DGEOCOMPILE_ISA={isa}", *sets[isa]]) for isa in sets for source in PER_ISA]
    for source in [*KERNELS.glob("*.cpp"), *KERNELS.glob("cpu/*.cpp"), *sorted(TESTS.glob("*.cpp"))]:
        sources.append((source, ["-DGEOCOMPILE_X86"] if all_sets else []))

    def compiled(job: tuple[int, tuple[Path, list[str]]]) -> str:
        number, (source, extra) = job
        result = str(folder / f"{number}.o")
        subprocess.run(["g++", *flags, *extra, "-c", str(source), "-o", result], check=True)
        return result

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compiled, enumerate(sources)))
    binary = folder / "kernel_test"
    subprocess.run(["g++", f"-fsanitize={sanitizer}", *objects, "-pthread", "-o", str(binary)], check=True)
    return binary


@pytest.mark.slow
@pytest.mark.parametrize(("sanitizer", "rounds"), [("address,undefined", "150"), ("thread", "20")])
def test_kernels_are_clean(sanitizer: str, rounds: str, tmp_path: Path) -> None:
    binary = build(tmp_path, sanitizer)
    done = subprocess.run([str(binary), rounds], capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() == f"{rounds} rounds passed"


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors have one set of kernels")
@pytest.mark.parametrize("source", PER_ISA, ids=lambda source: source.stem)
def test_no_function_is_shared_between_instruction_sets(source: Path, tmp_path: Path) -> None:
    """A weak symbol that two sets define would be linked once: AVX-512 code could run where there is none."""
    command = [
        "g++",
        "-std=c++17",
        "-O1",
        "-march=x86-64-v4",
        "-DGEOCOMPILE_ISA=avx512",
        f"-I{ROOT / 'custom_ops'}",
    ]
    compiled = tmp_path / "kernel.o"
    subprocess.run([*command, "-c", str(source), "-o", str(compiled)], check=True)
    listed = subprocess.run(
        ["nm", "-C", "--defined-only", str(compiled)], capture_output=True, text=True, check=True
    )
    weak = [line for line in listed.stdout.splitlines() if " W " in line or " V " in line]
    assert [line for line in weak if "geocompile" in line and "::avx512::" not in line] == []
