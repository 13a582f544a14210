"""The stored answers of the peers, and where they come from."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent
PROVENANCE = FOLDER / "provenance.json"


def provenance() -> dict[str, Any]:
    """Versions, date, platform, command, and the checksum of each question (``cases``)."""
    loaded: dict[str, Any] = json.loads(PROVENANCE.read_text())
    return loaded


def stored(function: str, name: str) -> dict[str, np.ndarray]:
    """The peer's outputs on one case, by name; raises KeyError where it was never asked."""
    outputs = {
        key.removeprefix(f"{name}/"): value
        for key, value in _family(function).items()
        if key.rpartition("/")[0] == name
    }
    if not outputs:
        raise KeyError(f"{function}/{name} has no stored answer; make peers && python -m tests.peers.record")
    return outputs


@cache
def _family(function: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{function}.npz", allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}
