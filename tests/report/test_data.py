"""`report.json` comes back as it was written, and anything else in its place is refused in words."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from geocompile.errors import BundleError
from geocompile.measurement.results import Contender, Latency, MeasuredGraph, Measurement, OperatorTime
from geocompile.report import GraphFigure, ReportData, Section, SectionTable
from geocompile.report.program import Layer, ModelSummary
from geocompile.verification.fault import Fault
from geocompile.verification.picture import Picture
from geocompile.verification.report import EngineCheck, GraphCheck, GraphInfo, OutputCheck, Report
from tests.report.programs import chain

MEASUREMENT = Measurement(
    contenders=(
        Contender(
            "eager",
            latencies=(Latency("example 0", 0.002, 100),),
            peak_bytes=30_000_000,
            operators=(
                OperatorTime("aten::mm", 0.001, 2.0),
                OperatorTime("geocompile::batch_ptr", 0.0005, 1.0, True),
            ),
        ),
        Contender("onnx", latencies=(Latency("example 0", 0.001, 200),), memory_problem="no such kernel"),
        Contender("aotinductor", problem="MissingRuntimeError: no compiler"),
    ),
    graphs=(MeasuredGraph("example 0", {"num_nodes": 33}),),
    num_threads=1,
    machine="a processor, 2 cores",
    load=0.5,
    seconds=0.5,
)
CHECK = OutputCheck(
    "out", True, size=40, error=1e-7, bound=1e-6, cosine=float("nan"), histogram=(40, *[0] * 38), index=(1, 2)
)
INEXACT = replace(CHECK, output="scores", size=30, histogram=(10, *[0] * 9, 20, *[0] * 28), cosine=1.0)
VERIFICATION = Report(
    engines=(EngineCheck("onnx", graphs=(GraphCheck("example 0", (CHECK, INEXACT)),)),),
    graphs=(
        GraphInfo("example 0", {"num_nodes": 33}, given=True, picture=Picture(2, 2, edges=((0, 1), (1, 1)))),
    ),
    skipped_graphs=(("several graphs", "the model has no batch vector"),),
    tolerances={"out": float("inf")},
)
FULL = ReportData(
    model=ModelSummary((Layer("", "Net", 9), Layer("conv", "GCNConv", 9, "3, 3", "GCNConv")), 9, 0, 36),
    before=chain("conv", "conv", "", "lin"),
    after=chain("conv", "", "lin"),
    verification=VERIFICATION,
    measurement=MEASUREMENT,
    sections=(
        Section(
            "Mine",
            "text",
            SectionTable(("a", "b"), (("1", "2"),), ("b",)),
            (GraphFigure("g", ((0.0, 1.0),)),),
        ),
    ),
)


def test_everything_comes_back() -> None:
    back = ReportData.from_bytes(FULL.to_bytes())
    assert repr(back) == repr(FULL)  # NaN does not equal itself
    assert back.measurement == FULL.measurement
    assert back.before == FULL.before


def test_a_fault_comes_back() -> None:
    fault = Fault("pass", pass_name="drop_dropout", node="relu", error=float("inf"))
    data = ReportData(verification=Report((), (), fault=fault))
    back = ReportData.from_bytes(data.to_bytes())
    assert back.verification is not None
    assert back.verification.fault == fault


def test_fields_of_later_versions_are_ignored() -> None:
    values = json.loads(FULL.to_bytes()) | {"colours": ["red"]}
    values["measurement"]["contenders"][0]["joules"] = 3
    assert ReportData.from_bytes(json.dumps(values).encode()).measurement == MEASUREMENT


def test_text_that_would_control_a_terminal_loses_its_power() -> None:
    values = json.loads(FULL.to_bytes())
    values["model"]["layers"][1]["path"] = "\x1b[2Jconv\x07"
    back = ReportData.from_bytes(json.dumps(values).encode())
    assert back.model is not None
    assert back.model.layers[1].path == "\ufffd[2Jconv\ufffd"


Change = Callable[[dict[str, Any]], Any]
HOSTILE: dict[str, tuple[Change, str]] = {
    "no object": (lambda v: v.update(model=[]), r"report\.json\.model must be an object"),
    "text for a number": (
        lambda v: v["model"].update(parameters="9"),
        r"model\.parameters must be an integer",
    ),
    "truth for a number": (
        lambda v: v["model"].update(parameters=True),
        r"model\.parameters must be a number",
    ),
    "number for text": (lambda v: v["model"]["layers"][0].update(kind=3), r"layers\[0\]\.kind must be text"),
    "a missing field": (lambda v: v["model"]["layers"][0].pop("path"), r"layers\[0\]\.path is missing"),
    "a list too short": (
        lambda v: v["sections"][0]["figures"][0].update(positions=[[1.0]]),
        r"positions\[0\] must have 2 entries",
    ),
    "a cycle": (lambda v: v["before"]["nodes"][1].update(reads=[1]), r"node 1 of a graph reads nodes \[1\]"),
    "a node from nowhere": (lambda v: v["after"]["nodes"][1].update(reads=[-1]), r"do not come before it"),
    "a huge number": (
        lambda v: v["measurement"]["contenders"][0]["latencies"][0].update(median=10**400),
        r"median is too large",
    ),
    "a negative time": (
        lambda v: v["measurement"]["contenders"][0]["latencies"][0].update(median=-1.0),
        r"a figure that none can be",
    ),
    "an endless time": (
        lambda v: v["measurement"]["contenders"][0]["operators"][0].update(seconds="inf"),
        r"a figure that none can be",
    ),
    "no graph": (lambda v: v["measurement"].update(graphs=[]), r"a figure that none can be"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_report_is_refused(name: str) -> None:
    change, message = HOSTILE[name]
    values = json.loads(FULL.to_bytes())
    change(values)
    with pytest.raises(BundleError, match=message):
        ReportData.from_bytes(json.dumps(values).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null", b"1" * 5000])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match=r"report\.json"):
        ReportData.from_bytes(data)
