"""Rules of the source tree: who may include and import whom, and what the libraries may show and ask for."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from geocompile.custom_ops.libraries import ort_library, torch_library

ROOT = Path(__file__).parents[2]
STANDARD = {
    "algorithm", "atomic", "cmath", "cstddef", "cstdint", "cstring", "fstream", "immintrin.h", "limits", "optional",
    "sstream", "stdexcept", "string", "type_traits", "utility", "vector",
    "sys/mman.h", "unistd.h",
}  # fmt: skip
# In kernels/cuda only: what the CPU build reads sees none of them.
CUDA_TOOLKIT = {"cuda_runtime.h", "cuda_fp16.h", "cuda_bf16.h", "cub/device/device_radix_sort.cuh"}


KERNELS = ROOT / "custom_ops/kernels"


def test_kernels_include_no_runtime() -> None:
    sources = [p for p in KERNELS.rglob("*") if p.suffix in (".h", ".cpp", ".cu", ".cuh")]
    assert sources
    for path in sources:
        for opened, name in re.findall(r'#include ([<"])([^>"]+)', path.read_text()):
            system = STANDARD | CUDA_TOOLKIT if path.parent.name == "cuda" else STANDARD
            known = name in system if opened == "<" else _is_kernel_header(path, name)
            assert known, f"{path.name} includes {name}"


def _is_kernel_header(source: Path, name: str) -> bool:
    """Beside the source, or from the include folder, as ``kernels/...``."""
    found = [path for path in (source.parent / name, KERNELS.parent / name) if path.is_file()]
    return any(path.resolve().is_relative_to(KERNELS) for path in found)


# Who may import whom: every part lists the parts of geocompile that it knows.
KNOWS = {
    "custom_ops": {"custom_ops"},
    "layers": {"layers", "custom_ops"},
    "exporters": {"exporters", "custom_ops", "errors"},
}


@pytest.mark.parametrize("part", KNOWS)
def test_dependencies_point_one_way(part: str) -> None:
    for path in (ROOT / part).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                if name.startswith("geocompile."):
                    assert name.split(".")[1] in KNOWS[part], f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("folder", ["layers", "exporters", "custom_ops"])
def test_top_level_folders_are_linked_into_the_package(folder: str) -> None:
    link = ROOT / "geocompile" / folder
    assert link.is_symlink()
    assert str(link.readlink()) == f"../{folder}"


def _symbols(path: Path, *options: str) -> list[str]:
    listed = subprocess.run(
        ["nm", "-D", "-C", *options, str(path)], capture_output=True, text=True, check=True
    )
    return listed.stdout.splitlines()


def test_torch_library_asks_for_the_stable_abi_only() -> None:
    unstable = [
        s for s in _symbols(torch_library(), "--undefined-only") if re.search(r"\b(at|c10|torch)::", s)
    ]
    assert unstable == []


def test_onnxruntime_library_needs_no_runtime_to_link_and_shows_one_function() -> None:
    undefined = "\n".join(_symbols(ort_library(), "--undefined-only"))
    assert not re.search(r"\b(Ort|at::|c10::|torch)", undefined)
    shown = [s.split()[-1] for s in _symbols(ort_library(), "--defined-only") if " T " in s]
    assert shown == ["RegisterCustomOps"]
