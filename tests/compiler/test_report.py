"""`report.html` is one file that says what is known, escapes what it is given, and is honest about failures."""

import json
from html.parser import HTMLParser

import pytest

from geocompile.exporters.program import TensorSpec
from geocompile.manifest import Engine, FileRecord, Manifest
from geocompile.report import ReportData, describe_range, remove_diagnostics, write_diagnostics
from geocompile.report import render as render_data
from geocompile.verification.report import EngineCheck, GraphCheck, GraphInfo, OutputCheck, Report


def manifest(model="Net", outputs=("output",)):
    engine = Engine("onnx", "cpu", "model.onnx", (), ("lib/libgeocompile_ort.so",))
    return Manifest(
        model=model,
        inputs=(TensorSpec("edge_index", "int64", (2, "num_edges"), "num_nodes"),),
        outputs=tuple(TensorSpec(name, "float32", ("num_nodes", 4)) for name in outputs),
        output_structure={"kind": "tensor", "index": 0},
        engines=(engine,),
        files={"model.onnx": FileRecord("0" * 64, 12_345)},
        versions={"torch": "2.13.0"},
        passes=({"name": "drop_dropout", "changed": 1, "details": ["removed dropout"]},),
        geocompile="0.1.0",
    )


def checked(*outputs, **engine):
    engines = (EngineCheck("onnx", graphs=(GraphCheck("no edges", outputs),), **engine),)
    return Report(
        engines,
        (GraphInfo("no edges", {"num_edges": 0}),),
        (("several graphs", "the model has no batch vector"),),
    )


def render(manifest, report):
    return render_data(manifest, ReportData(verification=report))


GOOD = OutputCheck("output", True, error=1e-7, bound=1e-6, max_error=1e-7, eager_error=2e-7)
BAD = OutputCheck("output", False, error=0.25, bound=1e-6, max_error=0.25, index=(3, 1), multiple=1e6)


class Balanced(HTMLParser):
    """Every tag that is opened is closed, in order; nothing is loaded from elsewhere."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attributes):
        links = [value for name, value in attributes if name in ("src", "href")]
        assert all(value.startswith("#") for value in links)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("report", [None, checked(GOOD), checked(BAD), checked(skipped="no onnxruntime")])
def test_the_page_is_one_well_formed_file(report):
    parser = Balanced()
    parser.feed(render(manifest(), report))
    assert parser.open == []


def test_it_says_what_was_compiled():
    page = render(manifest(), checked(GOOD))
    for part in (
        "[2, num_edges]",
        "index in [0, num_nodes)",
        "12.3 kB",
        "drop_dropout",
        "removed dropout",
        "no batch vector",
    ):
        assert part in page
    assert "Verified" in page


def test_a_failure_is_told_first_and_in_full():
    page = render(manifest(), checked(BAD))
    assert "Verification failed" in page
    assert "would have passed" in page
    assert "Verified:" not in page


def test_an_engine_that_was_not_run_is_named():
    report = Report((*checked(GOOD).engines, EngineCheck("aotinductor", skipped="needs torch")), ())
    assert "not run: needs torch" in render(manifest(), report)


def test_names_are_escaped():
    page = render(manifest("<script>alert(1)</script>"), checked(GOOD))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_diagnostics_leave_other_files_alone(tmp_path):
    folder = write_diagnostics(tmp_path / "gcn", manifest(), ReportData(verification=checked(BAD)))
    assert json.loads((folder / "verification.json").read_text())["ok"] is False
    (folder / "notes.txt").write_text("mine")
    remove_diagnostics(tmp_path / "gcn")
    assert (folder / "notes.txt").exists()
    (folder / "notes.txt").unlink()
    remove_diagnostics(tmp_path / "gcn")
    assert not folder.exists()


def test_what_was_not_shown_stands_beside_the_verdict():
    page = render(manifest(), checked(GOOD))
    assert "1 of 2 kinds of graph did not run: several graphs (the model has no batch vector)" in page


def test_graphs_without_proof_are_not_called_equal():
    open_question = OutputCheck("output", True, proven=False, size=8)
    page = render(manifest(), checked(open_question))
    assert "Verification failed" in page
    assert "1 of 1 prove nothing" in page
    assert "rounding decides" in page
    assert ">equal" not in page


def test_ranges_of_indices_are_told_by_row():
    assert describe_range("num_nodes") == "index in [0, num_nodes)"
    assert describe_range(("num_src", None)) == "row 0: index in [0, num_src); row 1: not known"
    assert describe_range("*") == "not negative"
    assert describe_range(None) == ""
