"""Opening a bundle: every file is checked against the manifest before anything in it is used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geocompile.bundle.integrity import check_digest, check_files, digest_of, read_manifest_bytes
from geocompile.bundle.samples import Tensors, read_sample
from geocompile.manifest import Engine, Manifest

if TYPE_CHECKING:
    from geocompile.runtimes.base import Session


def load(path: str | Path, digest: str | None = None) -> Bundle:
    """Opens a bundle after checking the size and SHA-256 of every file that its manifest lists.

    Nothing is unpickled and no engine is opened yet. Files in the folder that the manifest does not list are
    not used. The hashes protect against damage. An engine is native code: whoever deploys a bundle from
    elsewhere pins its manifest, and with it every file, by `digest`.

    Args:
        path: The bundle's folder.
        digest: The expected `Bundle.digest`, `"sha256:<64 hex digits>"`; None accepts any.

    Raises:
        BundleError: The folder is no bundle, a file is missing, changed or outside the folder, the digest
            differs, or a newer geocompile made it.
    """
    folder = Path(path)
    data = read_manifest_bytes(folder)
    if digest is not None:
        check_digest(folder, data, digest)
    manifest = Manifest.from_bytes(data)
    check_files(folder, manifest)
    return Bundle(folder, manifest, digest_of(data))


@dataclass(frozen=True, repr=False)
class Bundle:
    """An opened bundle.

    Attributes:
        path: The folder.
        manifest: What it holds.
        digest: `"sha256:..."` of `manifest.json`; it pins every file, since the manifest holds their hashes.
    """

    path: Path
    manifest: Manifest
    digest: str

    def __repr__(self) -> str:
        verification = self.manifest.verification
        ok = verification is not None and verification.get("ok")
        state = "not verified" if verification is None else "verified" if ok else "not equal to eager"
        return f"Bundle({str(self.path)!r}, engines={self.targets}, {state})"

    @property
    def targets(self) -> tuple[str, ...]:
        """The engines' targets, in the manifest's order, each once."""
        return tuple(dict.fromkeys(engine.target for engine in self.manifest.engines))

    def session(
        self, target: str, device: str = "cpu", num_threads: int | None = None, portable: bool = False
    ) -> Session:
        """Opens one engine.

        Args:
            target: One of `targets`.
            device: The device that the engine was built for.
            num_threads: Threads that one call may use; None leaves it to the runtime.
            portable: ONNX only: runs the model without geocompile's operator library, by its function bodies
                in standard operators; slower.

        Raises:
            ValueError: The bundle has no such engine, or an option does not fit it.
            MissingRuntimeError: The runtime is not installed.
            BundleError: The runtime cannot open the engine on this machine.
        """
        from geocompile.runtimes import open_session

        return open_session(self.path, self.manifest, self._engine(target, device), num_threads, portable)

    def samples(self) -> list[tuple[Tensors, Tensors]]:
        """The golden inputs and outputs (of eager), by name, as numpy arrays.

        Raises:
            BundleError: A sample is missing or not readable, or lacks a tensor of the model.
        """
        return [read_sample(self.path, name, self.manifest) for name in self.manifest.samples]

    def _engine(self, target: str, device: str) -> Engine:
        for engine in self.manifest.engines:
            if (engine.target, engine.device) == (target, device):
                return engine
        present = (
            ", ".join(f"{engine.target} ({engine.device})" for engine in self.manifest.engines) or "none"
        )
        raise ValueError(
            f"geocompile: no engine {target!r} for device {device!r} in {self.path}, it has: {present}"
        )
