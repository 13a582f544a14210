"""One stored result for each check that ran, keyed by a hash of the sources it depends on."""

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "conformance"
EAGER = ("layers", "custom_ops", "tests/conformance")
ALL = (*EAGER, "geocompile", "exporters")
PACKAGES = ("torch", "torch_geometric", "onnxruntime")
SUFFIXES = {".py", ".cpp", ".h", ".cu", ".cuh", ".j2", ".txt"}


def key(name: str, column: str, is_engine: bool) -> str:
    """Of one case in one column."""
    text = json.dumps([name, column, sources(ALL if is_engine else EAGER)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@cache
def sources(folders: tuple[str, ...]) -> str:
    """A hash of what is in the folders, and of the packages they run with."""
    digest = hashlib.sha256(json.dumps([version(package) for package in PACKAGES]).encode())
    for path in sorted(path for folder in folders for path in _files(ROOT / folder)):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.suffix in SUFFIXES and path.is_file() and "__pycache__" not in path.parts:
            yield path


def load(key: str) -> str | None:
    """What was stored: "" for a check that held, else why it did not; None: it never ran."""
    path = FOLDER / f"{key}.json"
    if not path.exists():
        return None
    reason: str = json.loads(path.read_text())["reason"]
    return reason


def save(key: str, name: str, column: str, reason: str) -> None:
    """Store a result; whole or not at all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    new = FOLDER / f"{key}.new"
    new.write_text(json.dumps({"case": name, "column": column, "reason": reason}))
    new.replace(FOLDER / f"{key}.json")
