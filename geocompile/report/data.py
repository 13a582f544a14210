"""`report.json` of a bundle: all that its report shows; `inspect` reads it without the model or a runtime."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from geocompile.errors import BundleError
from geocompile.measurement.results import Measurement
from geocompile.report.decoding import decode
from geocompile.report.program import ModelSummary, ProgramGraph
from geocompile.report.sections import Section
from geocompile.verification.report import Report
from geocompile.verification.report_json import encode

REPORT_NAME = "report.json"
_LIMIT = 256 * 2**20  # bytes; a model of ten thousand operators takes a few megabytes


@dataclass(frozen=True)
class ReportData:
    """What a report knows beyond the manifest; None for what was not looked at.

    Attributes:
        model: The layers.
        before: The graph as captured.
        after: The graph after the passes, which the engines were made from.
        verification: The whole verification, every engine on every graph.
        measurement: Time, memory and operators of eager and the engines.
        unmeasured: Why there is no measurement.
        sections: What the caller added.
    """

    model: ModelSummary | None = None
    before: ProgramGraph | None = None
    after: ProgramGraph | None = None
    verification: Report | None = None
    measurement: Measurement | None = None
    unmeasured: str = ""
    sections: tuple[Section, ...] = ()

    def to_bytes(self) -> bytes:
        """The text of `report.json`."""
        return (json.dumps(encode(asdict(self)), allow_nan=False, separators=(",", ":")) + "\n").encode()

    @staticmethod
    def from_bytes(data: bytes) -> ReportData:
        """Read the text of `report.json`.

        Raises:
            BundleError: It is not JSON, or a field has another kind; the message names it.
        """
        try:
            values = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BundleError(f"{REPORT_NAME} is not readable JSON ({error}): compile anew") from None
        content: ReportData = decode(ReportData, values, REPORT_NAME)
        for graph in (content.before, content.after):
            if graph is not None:
                _check_order(graph)
        if content.measurement is not None:
            _check_figures(content.measurement)
        return content


def read_report(folder: Path) -> ReportData | None:
    """The report's data of a bundle that was opened; None where a bundle has none.

    Raises:
        BundleError: The file is no report.
    """
    path = folder / REPORT_NAME
    if not path.is_file():
        return None
    if path.stat().st_size > _LIMIT:
        raise BundleError(
            f"{path} has {path.stat().st_size} bytes, more than any report: do not use this bundle"
        )
    return ReportData.from_bytes(path.read_bytes())


def _check_order(graph: ProgramGraph) -> None:
    for position, node in enumerate(graph.nodes):
        if any(not 0 <= source < position for source in node.reads):
            raise BundleError(
                f"{REPORT_NAME}: node {position} of a graph reads nodes {list(node.reads)}, which do not come before it"
            )


def _check_figures(measurement: Measurement) -> None:
    """Times and sizes are what can be drawn as bars."""
    figures = [latency.median for contender in measurement.contenders for latency in contender.latencies]
    figures += [entry.seconds for contender in measurement.contenders for entry in contender.operators]
    figures += [float(contender.peak_bytes or 0) for contender in measurement.contenders]
    if not measurement.graphs or not all(math.isfinite(figure) and figure >= 0 for figure in figures):
        raise BundleError(f"{REPORT_NAME}: the measurement holds a figure that none can be: compile anew")
