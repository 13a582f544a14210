"""Asks the installed peers every case and stores what they answer: ``python -m tests.peers.record``."""

import json
import platform
from datetime import date
from importlib.metadata import version

import numpy as np
import torch

from tests.peers.answers import FOLDER, PROVENANCE
from tests.peers.cases import cases
from tests.peers.peers import FUNCTIONS, PACKAGES
from tests.peers.tensors import answer


def main() -> None:
    torch.set_num_threads(1)
    families: dict[str, dict[str, np.ndarray]] = {}
    digests: dict[str, str] = {}
    for case in cases():
        outputs = answer(FUNCTIONS[case.function], case)
        family = families.setdefault(case.function, {})
        family |= {f"{case.name}/{name}": value for name, value in outputs.items()}
        digests[case.key] = case.digest()
    for old in FOLDER.glob("*.npz"):
        old.unlink()
    for function, arrays in families.items():
        np.savez_compressed(FOLDER / f"{function}.npz", **arrays)
    PROVENANCE.write_text(json.dumps(_provenance() | {"cases": digests}, indent=1) + "\n")
    print(f"{len(digests)} answers of {', '.join(PACKAGES)} in {FOLDER}")


def _provenance() -> dict[str, str | dict[str, str]]:
    return {
        "command": "python -m tests.peers.record",
        "date": date.today().isoformat(),
        "platform": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": {package: version(package) for package in (*PACKAGES, "torch", "numpy", "scipy")},
    }


if __name__ == "__main__":
    main()
