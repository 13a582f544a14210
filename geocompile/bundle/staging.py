"""A temporary folder beside the output that replaces it in one step; what a dead process leaves is removed.

The folder is locked (`flock` on the folder itself) as long as its process lives: so the next writer can tell
the rests of a dead process from the work of a living one, across containers and without process numbers.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from pathlib import Path

from geocompile.errors import BundleError
from geocompile.manifest import MANIFEST_NAME


class StagingFolder:
    """A locked folder `.<name>.<random>.partial` beside `output`.

    Raises:
        BundleError: `output` exists and is neither empty nor a bundle.
    """

    def __init__(self, output: Path) -> None:
        self.output = Path(os.path.realpath(output))
        check_replaceable(self.output)
        self.output.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(self.output)
        self.path, self._lock = _locked_folder(self.output)

    def publish(self) -> None:
        """Puts the folder in the output's place; an older bundle there is removed.

        Raises:
            BundleError: Something that is no bundle was put there meanwhile.
        """
        check_replaceable(self.output)
        if not self.output.exists():
            self.path.rename(self.output)
            return
        old = self.path.with_suffix(".old")
        try:
            self.output.rename(old)
            self.path.rename(self.output)
        except BaseException:
            if old.exists() and not self.output.exists():
                old.rename(self.output)
            raise
        shutil.rmtree(old, ignore_errors=True)

    def close(self) -> None:
        """Removes the folder, unless it was published, and releases the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def check_replaceable(output: Path) -> None:
    """Refuses an output that is a file, or a folder with content that is no bundle.

    Raises:
        BundleError: The output is somebody else's.
    """
    if not output.exists():
        return
    if not output.is_dir():
        raise BundleError(f"{output} is a file: choose a folder for the bundle")
    if any(output.iterdir()) and not _is_bundle(output):
        raise BundleError(
            f"{output} is not empty and not a bundle: choose another folder, or empty it yourself"
        )


def _is_bundle(folder: Path) -> bool:
    try:
        values = json.loads((folder / MANIFEST_NAME).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and {"schema_version", "geocompile"} <= values.keys()


def _locked_folder(output: Path) -> tuple[Path, int]:
    while True:
        path = output.with_name(f".{output.name}.{uuid.uuid4().hex[:12]}.partial")
        path.mkdir()  # not mkdtemp, whose mode 0700 would stay with the bundle
        lock = _try_lock(path)
        if (
            lock is not None and path.exists()
        ):  # another writer may have taken it for stale before it was locked
            return path, lock


def _try_lock(folder: Path) -> int | None:
    """An open, locked descriptor of the folder, or None when a living process holds it or it is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_stale(output: Path) -> None:
    """Removes what dead processes left, and puts back a bundle that one had moved aside when it died."""
    for path in output.parent.glob(f".{_escaped(output.name)}.*.partial"):
        lock = _try_lock(path)
        if lock is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)
    for path in output.parent.glob(f".{_escaped(output.name)}.*.old"):
        if path.with_suffix(".partial").exists():
            continue  # a living process is between its two renames
        if output.exists():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.rename(output)


def _escaped(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)
