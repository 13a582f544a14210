"""Where reports are written: into a bundle, or beside its place where verification failed."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geocompile.manifest import Manifest
from geocompile.report.data import REPORT_NAME, ReportData
from geocompile.report.html import render
from geocompile.verification.fault import SCRIPT_FILES

_PAGE, _VERIFICATION = "report.html", "verification.json"
_DIAGNOSTICS = (_PAGE, _VERIFICATION, *SCRIPT_FILES)


def write_report(folder: Path, manifest: Manifest, data: ReportData) -> None:
    """Write `report.html` and `report.json` into the folder of a bundle."""
    (folder / _PAGE).write_text(render(manifest, data), encoding="utf-8")
    (folder / REPORT_NAME).write_bytes(data.to_bytes())


def write_diagnostics(output: Path, manifest: Manifest, data: ReportData) -> Path:
    """Write the report of a failed verification to `<output>.failed`; return that folder.

    Only the two files of a report are written here, and the script of an earlier failure is removed where this
    report names none; whatever else the folder holds stays.

    Args:
        output: The bundle's place.
        manifest: The manifest of what would have been the bundle.
        data: What is known; its verification is there.
    """
    report = data.verification
    assert report is not None
    folder = _failed(output)
    folder.mkdir(parents=True, exist_ok=True)
    if report.fault is None or not report.fault.script:
        for name in SCRIPT_FILES:
            (folder / name).unlink(missing_ok=True)
    (folder / _PAGE).write_text(render(manifest, data), encoding="utf-8")
    content: Mapping[str, Any] = report.to_json()
    (folder / _VERIFICATION).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return folder


def remove_diagnostics(output: Path) -> None:
    """Remove what an earlier failure left in `<output>.failed`, now that the bundle is verified."""
    folder = _failed(output)
    if folder.is_dir() and {path.name for path in folder.iterdir()} <= set(_DIAGNOSTICS):
        shutil.rmtree(folder, ignore_errors=True)


def _failed(output: Path) -> Path:
    output = output.resolve()
    return output.with_name(output.name + ".failed")
