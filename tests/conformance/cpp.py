"""The TorchScript engine in a C++ process: the runner that bundles bring agrees with their samples."""

import fcntl
import subprocess
from functools import cache
from pathlib import Path

import torch

import geocompile
from tests.conformance.case import LayerCase
from tests.conformance.columns import Compiled
from tests.conformance.store import FOLDER


def cpp(case: LayerCase) -> None:
    """The runner loads the engine and its operator library, and gives eager's numbers on the samples."""
    made = Compiled(case, "torchscript", num_examples=3)
    done = subprocess.run(
        [runner(), str(made.bundle.path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@cache
def runner() -> str:
    """Built once, in a folder that stays; several processes may ask for it."""
    source, build = Path(geocompile.__file__).parent / "templates" / "cpp", FOLDER / "runner"
    build.mkdir(parents=True, exist_ok=True)
    prefix = f"-DCMAKE_PREFIX_PATH={torch.utils.cmake_prefix_path}"
    with (build / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (
            ["cmake", "-S", str(source), "-B", str(build), prefix, "-DONNX=OFF", "-DAOTINDUCTOR=OFF"],
            ["cmake", "--build", str(build)],
        ):
            subprocess.run(command, check=True, capture_output=True)
    return str(build / "runner_torchscript")
