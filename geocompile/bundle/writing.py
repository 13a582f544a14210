"""What goes wrong while a bundle is written, told by the bundle's name and not by that of some file within."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geocompile.errors import BundleError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def writing(output: Path) -> Iterator[None]:
    """Turns an `OSError` into a `BundleError` about the bundle that is being written.

    Raises:
        BundleError: The disk is full, the place is not writable.
    """
    try:
        yield
    except OSError as error:
        raise cannot_write(output, error) from error


def is_no_room(error: BaseException | None) -> bool:
    """Whether the error says that the disk or a quota is full: then it is about writing, wherever it arose."""
    return isinstance(error, OSError) and error.errno in _NO_ROOM


def cannot_write(output: Path, error: OSError) -> BundleError:
    """The error that names the bundle, the reason and the way out."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    remedy = "make room there, or choose another folder" if is_no_room(error) else "choose another folder"
    return BundleError(f"cannot write {output}: {reason}: {remedy}")
