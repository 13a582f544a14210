"""The checks of `doctor`. What could crash or be slow to import runs in a process of its own."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from geocompile.custom_ops import libraries

PROBE_SECONDS = 60
NO_ANSWER = 124  # as timeout(1) says it
VECTOR_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "neon", "asimd", "sve")


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report.

    Attributes:
        group: Where it belongs: "machine", "runtimes", "compiling".
        name: What was looked at.
        status: "ok", "missing" (not installed, and not needed by everybody), "broken" or "unknown" (no answer).
        detail: The version, or what is wrong.
        advice: What to do about it; empty where nothing is to be done.
    """

    group: str
    name: str
    status: str
    detail: str
    advice: str = ""


def machine() -> Check:
    """The platform and its vector instructions."""
    from geocompile.exporters.processor import cpu_flags

    vectors = [flag for flag in VECTOR_FLAGS if flag in cpu_flags()]
    system = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    )
    return Check("machine", "platform", "ok", f"{system}, {' '.join(vectors) or 'no vector flags known'}")


def gpu() -> Check:
    """The GPUs that the driver shows."""
    if shutil.which("nvidia-smi") is None:
        return Check("machine", "GPU", "missing", "no NVIDIA driver here; CPU engines do not need one")
    result = _run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"])
    if result.returncode != 0:
        return Check("machine", "GPU", "broken", _last_line(result), "mend the NVIDIA driver")
    return Check("machine", "GPU", "ok", "; ".join(result.stdout.strip().splitlines()) or "none found")


def package(group: str, name: str, distribution: str, extra: str, oldest: tuple[int, int]) -> Check:
    """Whether a Python package is there and new enough, by its metadata."""
    install = f"pip install 'geocompile[{extra}]'" if extra else f"pip install {distribution}"
    version = _version(distribution)
    if version is None:
        return Check(group, name, "missing", "not installed", install)
    if _numbers(version) < oldest:
        needed = ".".join(map(str, oldest))
        return Check(
            group,
            name,
            "broken",
            f"{version}, but {needed} or later is needed",
            f"pip install -U '{distribution}>={needed}'",
        )
    return Check(group, name, "ok", version)


def onnxruntime_library() -> Check:
    """Registers geocompile's operators with ONNX Runtime."""
    code = "import sys, onnxruntime as ort; ort.SessionOptions().register_custom_ops_library(sys.argv[1])"
    installed = _version("onnxruntime") or _version("onnxruntime-gpu")
    return _open_library("onnxruntime operators", libraries.ort_library, code, installed, "cpu")


def torch_library() -> Check:
    """Loads geocompile's operators into torch and runs one."""
    code = (
        "import sys, torch; torch.ops.load_library(sys.argv[1]); "
        "i = torch.tensor([0, 0]); r = torch.ops.geocompile.csr_from_coo(i, torch.ones(1, 1), i)[0].tolist(); "
        "sys.exit(0 if r == [0, 2] else f'csr_from_coo gave {r}')"
    )
    return _open_library("torch operators", libraries.torch_library, code, _version("torch"), "compile")


def cpp_compiler() -> Check:
    """Compiles and links a shared library with OpenMP, as AOTInductor does."""
    name, install = (
        "C++ compiler",
        "install g++ (apt-get install g++) or set CXX; AOTInductor and cpp/ need it",
    )
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("g++", "clang++")), None)
    if compiler is None:
        return Check("compiling", name, "missing", "neither g++ nor clang++ found", install)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.cpp")
        source.write_text(
            "#include <omp.h>\n#include <vector>\nint probe() { return omp_get_max_threads(); }\n"
        )
        result = _run(
            [
                compiler,
                "-std=c++17",
                "-fopenmp",
                "-shared",
                "-fPIC",
                str(source),
                "-o",
                str(source.with_suffix(".so")),
            ]
        )
    if result.returncode != 0:
        return Check("compiling", name, "broken", f"{compiler}: {_last_line(result)}", install)
    return Check("compiling", name, "ok", _run([compiler, "--version"]).stdout.partition("\n")[0])


def cmake() -> Check:
    """CMake builds the C++ runners of a bundle."""
    if shutil.which("cmake") is None:
        return Check(
            "compiling",
            "cmake",
            "missing",
            "not found",
            "pip install cmake, to build a bundle's cpp/ runners",
        )
    return Check(
        "compiling",
        "cmake",
        "ok",
        _run(["cmake", "--version"]).stdout.partition("\n")[0].removeprefix("cmake version "),
    )


def _open_library(name: str, find: Callable[[], Path], code: str, installed: str | None, extra: str) -> Check:
    if installed is None:
        return Check(
            "runtimes", name, "missing", "its runtime is not installed", f"pip install 'geocompile[{extra}]'"
        )
    try:
        path = find()
    except ImportError as error:
        problem, _, advice = str(error).partition(": ")
        return Check("runtimes", name, "broken", problem, advice)
    result = _run([sys.executable, "-c", code, str(path)])
    if result.returncode == NO_ANSWER:
        advice = "try again when this machine is less busy"
        return Check("runtimes", name, "unknown", f"{path.name}: {_last_line(result)}", advice)
    if result.returncode != 0:
        advice = "reinstall geocompile, so that it is built for the versions above"
        return Check("runtimes", name, "broken", f"{path.name} does not load: {_last_line(result)}", advice)
    return Check("runtimes", name, "ok", f"{path.name} opened")


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(
            command, NO_ANSWER, "", f"no answer within {PROBE_SECONDS} seconds"
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _last_line(result: "subprocess.CompletedProcess[str]") -> str:
    lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
    return lines[-1][:200] if lines else f"exit code {result.returncode}"


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    numbers = []
    for part in version.partition("+")[0].split(".")[:2]:
        numbers.append(int("".join(filter(str.isdigit, part)) or 0))
    return tuple(numbers)
