"""A temporary folder beside the output that is renamed to it when complete; what a dead process leaves is removed.

An older bundle is renamed away a moment before: it is never half replaced, but whoever opens it in that moment is
told that there is none.

Two kinds of locks (`flock`, on the folders themselves, so that no lock file stays behind): the temporary folder is
locked as long as its process lives, so that the next writer can tell the rests of a dead process from the work of
a living one, across containers and without process numbers. And the folder around the output is locked for the
moments in which a writer makes its temporary folder or puts it in place, so that writers take turns.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from geocompile.bundle.writing import writing
from geocompile.errors import BundleError
from geocompile.manifest import MANIFEST_NAME


class StagingFolder:
    """A locked folder `.<name>.<random>.partial` beside `output`.

    Raises:
        BundleError: `output` exists and is neither empty nor a bundle, or cannot be written.
    """

    def __init__(self, output: Path) -> None:
        self.output = Path(os.path.realpath(output))
        with writing(self.output):
            self.output.parent.mkdir(parents=True, exist_ok=True)
            with _turn(self.output.parent):
                check_replaceable(self.output)
                _remove_stale(self.output)
                self.path = self.output.with_name(f".{self.output.name}.{uuid.uuid4().hex[:12]}.partial")
                self.path.mkdir()  # not mkdtemp, whose mode 0700 would stay with the bundle
                self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
                _try_lock(self._lock)

    def publish(self) -> None:
        """Puts the folder in the output's place; an older bundle there is removed.

        Raises:
            BundleError: Something that is no bundle was put there meanwhile, or it cannot be written.
        """
        old = self.path.with_suffix(".old")
        with writing(self.output), _turn(self.output.parent):
            check_replaceable(self.output)
            if self.output.exists():
                self.output.rename(old)
            try:
                self.path.rename(self.output)
            except BaseException:
                if old.exists():
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


@contextmanager
def _turn(parent: Path) -> Iterator[None]:
    """Waits until no other writer is at work in `parent`, and keeps the others waiting."""
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(
            OSError
        ):  # a file system without locks: writers of one output are the caller's care there
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    """Locks an open folder; False where another process holds it, or the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_stale(output: Path) -> None:
    """Removes what dead processes left, and puts back a bundle that one had moved aside when it died."""
    for path in output.parent.glob(f".{_escaped(output.name)}.*.partial"):
        _remove_unless_alive(path)
    for path in output.parent.glob(f".{_escaped(output.name)}.*.old"):
        if output.exists():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.rename(output)


def _remove_unless_alive(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return  # its process has just removed it, or it is no folder and none of ours
    try:
        if _try_lock(descriptor):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def _escaped(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)
