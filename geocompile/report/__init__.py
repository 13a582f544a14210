"""The bundle's `report.html`: one file, no network, everything that compile and verify found out."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geocompile.manifest import Manifest
from geocompile.verification.fault import SCRIPT_FILES

if TYPE_CHECKING:
    from geocompile.verification.report import Report

_TEMPLATE = "report.html.j2"
_DIAGNOSTICS = ("report.html", "verification.json", *SCRIPT_FILES)


def render(manifest: Manifest, report: "Report | None") -> str:
    """Return the report as HTML.

    Args:
        manifest: The bundle's manifest, complete or a draft.
        report: The verification; None where it was not run, which the report says.
    """
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"number": _number, "size": _size, "shape": _shape, "range": describe_range}
    failures = report.failures() if report is not None else []
    return environment.get_template(_TEMPLATE).render(
        manifest=manifest, report=report, failures=failures, rows=report.rows() if report else []
    )


def write_diagnostics(output: Path, manifest: Manifest, report: "Report") -> Path:
    """Write the report of a failed verification to `<output>.failed`; return that folder.

    Only the two files of a report are written here, and the script of an earlier failure is removed where this
    report names none; whatever else the folder holds stays.
    """
    folder = _failed(output)
    folder.mkdir(parents=True, exist_ok=True)
    if report.fault is None or not report.fault.script:
        for name in SCRIPT_FILES:
            (folder / name).unlink(missing_ok=True)
    (folder / "report.html").write_text(render(manifest, report), encoding="utf-8")
    content: Mapping[str, Any] = report.to_json()
    (folder / "verification.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return folder


def remove_diagnostics(output: Path) -> None:
    """Remove what an earlier failure left in `<output>.failed`, now that the bundle is verified."""
    folder = _failed(output)
    if folder.is_dir() and {path.name for path in folder.iterdir()} <= set(_DIAGNOSTICS):
        shutil.rmtree(folder, ignore_errors=True)


def describe_range(index_of: str | tuple[str | None, ...] | None) -> str:
    """The values that an input may have (`TensorSpec.index_of`), in words; empty where all are allowed."""
    if index_of is None:
        return ""
    if not isinstance(index_of, str):
        return "; ".join(
            f"row {row}: {describe_range(bound) or 'not known'}" for row, bound in enumerate(index_of)
        )
    return "not negative" if index_of == "*" else f"index in [0, {index_of})"


def _failed(output: Path) -> Path:
    output = output.resolve()
    return output.with_name(output.name + ".failed")


def _number(value: float) -> str:
    return "0" if value == 0 else f"{value:.2e}"


def _size(count: int) -> str:
    """Bytes as a person reads them."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def _shape(shape: tuple[int | str, ...]) -> str:
    return "[" + ", ".join(str(size) for size in shape) + "]"
