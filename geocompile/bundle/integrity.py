"""Checks of a bundle's files: inside the folder, present, of the recorded size and SHA-256."""

from __future__ import annotations

import hashlib
from pathlib import Path

from geocompile.errors import BundleError
from geocompile.manifest import MANIFEST_NAME, FileRecord, Manifest

_MANIFEST_LIMIT = 64 * 2**20  # a manifest has a few kilobytes; a huge one is no manifest


def read_manifest_bytes(folder: Path) -> bytes:
    """The bytes of `manifest.json`.

    Raises:
        BundleError: The folder or the manifest is missing, or it is no plain file of sane size.
    """
    path = folder / MANIFEST_NAME
    if not folder.is_dir():
        raise BundleError(f"{folder} is not a bundle: there is no such folder")
    if not path.is_file():
        raise BundleError(
            f"{folder} is not a bundle: it has no {MANIFEST_NAME}; give the folder that compile wrote"
        )
    _check_inside(folder, MANIFEST_NAME)
    if path.stat().st_size > _MANIFEST_LIMIT:
        raise BundleError(
            f"{path} has {path.stat().st_size} bytes, more than any manifest: do not use this bundle"
        )
    return path.read_bytes()


def digest_of(data: bytes) -> str:
    """The digest of a manifest's bytes, as `load(digest=)` takes it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def check_digest(folder: Path, data: bytes, expected: str) -> None:
    """Refuses a manifest whose digest is not the expected one.

    Raises:
        BundleError: The digest differs or is no `sha256:` digest.
    """
    if not expected.startswith("sha256:"):
        raise BundleError(f"digest {expected!r} must read 'sha256:' and 64 hexadecimal digits")
    if digest_of(data) != expected.lower():
        raise BundleError(
            f"{folder} has digest {digest_of(data)}, expected {expected}: "
            "it is another bundle or was changed; fetch it again, or pin the new digest if you trust it"
        )


def check_files(folder: Path, manifest: Manifest) -> None:
    """Compares every listed file with its record.

    Raises:
        BundleError: A file is missing, is outside the folder, or differs; the message names it.
    """
    for name, record in manifest.files.items():
        _check_inside(folder, name)
        _check_file(folder / name, name, record)


def file_record(path: Path) -> FileRecord:
    """Size and SHA-256 of a file."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            sha256.update(chunk)
    return FileRecord(sha256.hexdigest(), path.stat().st_size)


def _check_inside(folder: Path, name: str) -> None:
    if not (folder / name).resolve().is_relative_to(folder.resolve()):
        raise BundleError(f"{folder}: {name!r} is a link that leaves the bundle: do not use this bundle")


def _check_file(path: Path, name: str, record: FileRecord) -> None:
    again = "copy the whole bundle again, or compile anew"
    if not path.is_file():
        raise BundleError(f"{path.parent}: the file {name!r} of the bundle is missing: {again}")
    size = path.stat().st_size
    if size != record.bytes:
        raise BundleError(f"{path} has {size} bytes, the manifest says {record.bytes}: {again}")
    if file_record(path).sha256 != record.sha256:
        raise BundleError(f"{path} was changed: its SHA-256 is not the manifest's; {again}")
