"""Whether this machine has the instruction set that an engine of machine code was built for."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from geocompile.errors import BundleError
from geocompile.exporters.processor import cpu_flags


def check_processor(engine: Path, metadata: dict[str, Any]) -> None:
    """Compares the exporter's `machine` and `cpu_flags` with this machine.

    Without the check such an engine dies of an illegal instruction, taking its process along.

    Raises:
        BundleError: The architecture differs, or flags are missing here; the message names them.
    """
    machine = metadata.get("machine")
    if isinstance(machine, str) and machine != platform.machine():
        raise BundleError(
            f"{engine} was built for {machine}, this is {platform.machine()}: compile it on such a machine"
        )
    required, present = metadata.get("cpu_flags"), cpu_flags()
    if not isinstance(required, list) or not present:
        return
    missing = sorted({str(flag) for flag in required} - present)
    if missing:
        raise BundleError(
            f"{engine} needs instructions that this CPU lacks ({', '.join(missing)}): "
            "compile it on this machine, or use the onnx or torchscript engine"
        )
