"""`report.html`: one file that loads nothing, with every section, and with every text of the user escaped."""

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from geocompile.exporters.program import TensorSpec
from geocompile.manifest import Engine, FileRecord, Manifest
from geocompile.report import GraphFigure, ReportData, Section, SectionTable, render
from geocompile.report.program import Layer, ModelSummary, Node, ProgramGraph
from geocompile.verification.fault import Fault
from geocompile.verification.report import GraphCheck
from tests.report.test_data import FULL, MEASUREMENT, VERIFICATION

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&{{ 7*7 }}</style></svg>"
SECTIONS = ("model", "tensors", "graph", "passes", "errors", "suite", "speed", "operators", "run", "versions")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def manifest(text: str = "Net") -> Manifest:
    return Manifest(
        model=text,
        inputs=(
            TensorSpec(text, "float32", (text, 4)),
            TensorSpec("edge_index", "int64", (2, "num_edges"), "n"),
        ),
        outputs=(TensorSpec("out", "float32", ("num_nodes", 4)),),
        output_structure={"kind": "tensor", "index": 0},
        engines=(Engine("onnx", "cpu", "model.onnx", (), ("lib/libgeocompile_ort.so",)),),
        files={"model.onnx": FileRecord("0" * 64, 12_345)},
        versions={"torch": text},
        passes=({"name": text, "changed": 1, "details": [f"{text}: {text}", f"op_0 ({text})"]},),
        created=text,
        geocompile="0.1.0",
    )


def evil_data() -> ReportData:
    """A report in which every text is hostile."""
    node = Node(EVIL, "operator", f"aten.{EVIL}", (EVIL,), EVIL, (0,), (EVIL,), EVIL)
    graph = ProgramGraph(
        (Node(EVIL, "input", result=EVIL), node, Node(EVIL, "output", reads=(1,))), {EVIL: EVIL}
    )
    engine = VERIFICATION.engines[0]
    check = replace(engine.graphs[0].outputs[0], output=EVIL)
    verification = replace(
        VERIFICATION,
        engines=(
            replace(engine, engine=EVIL, graphs=(replace(engine.graphs[0], graph=EVIL, outputs=(check,)),)),
        ),
        graphs=(replace(VERIFICATION.graphs[0], name=EVIL, sizes={EVIL: 3}),),
        skipped_graphs=((EVIL, EVIL),),
    )
    contender = MEASUREMENT.contenders[0]
    operator = replace(contender.operators[0], operator=EVIL)
    measurement = replace(
        MEASUREMENT,
        contenders=(
            replace(contender, name=EVIL, operators=(operator,)),
            replace(
                contender,
                name="b",
                peak_bytes=None,
                memory_problem=EVIL,
                operators=(),
                operators_problem=EVIL,
            ),
        ),
        machine=EVIL,
    )
    figure = GraphFigure(EVIL, ((0.0, 0.0), (1.0, 1.0)), ((0, 1),), (0.5, 1.0), (EVIL,), good=True)
    section = Section(EVIL, EVIL, SectionTable((EVIL,), ((EVIL,),)), (figure,))
    model = ModelSummary((Layer("", EVIL, 1), Layer(EVIL, EVIL, 1, EVIL, EVIL)), 1, 0, 4)
    return ReportData(model, graph, graph, verification, measurement, EVIL, (section,))


class Page(HTMLParser):
    """Notes tags, ids and texts; every tag that is opened must be closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.tags if "id" in attributes]


CASES: dict[str, ReportData] = {
    "full": FULL,
    "empty": ReportData(),
    "hostile": evil_data(),
    "not measured": replace(FULL, measurement=None, unmeasured="compiled with measure=False"),
    "not verified": replace(FULL, verification=None),
}


@pytest.mark.parametrize("name", CASES)
def test_the_page_is_well_formed_and_loads_nothing(name: str) -> None:
    text = render(manifest(EVIL if name == "hostile" else "Net"), CASES[name])
    page = Page(text)
    for tag, attributes in page.tags:
        assert tag not in (
            "img",
            "link",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
            "image",
            "use",
            "foreignobject",
        )
        assert not any(key.startswith("on") for key in attributes)
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert len(page.ids()) == len(set(page.ids()))
    assert [tag for tag, _ in page.tags].count("script") == 1


def test_links_lead_to_places_in_the_page() -> None:
    page = Page(render(manifest(), FULL))
    links = [str(attributes["href"])[1:] for tag, attributes in page.tags if tag == "a"]
    assert len(links) > len(SECTIONS)
    assert set(links) <= set(page.ids())


def test_all_sections_are_there() -> None:
    assert set(SECTIONS) <= set(Page(render(manifest(), FULL)).ids())
    assert "section-1" in Page(render(manifest(), FULL)).ids()


def test_hostile_text_stays_text() -> None:
    text = render(manifest(EVIL), evil_data())
    for part in ("<script>alert", "<img", "</style></svg>", "{{ 7*7 }}</style>"):
        assert part not in text
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize(
    "part",
    [
        "9</b><span>parameters",  # the model
        "4 → 3",  # operators before and after
        "libgeocompile_ort.so",
        "40 numbers, all of them exact",
        "30 numbers, 10 of them without any error",
        "num_nodes 33",
        "2.0\N{MULTIPLICATION SIGN} eager&#39;s speed",
        "30.0 MB",
        "not measured: no such kernel",
        "not measured: MissingRuntimeError: no compiler",
        "67%",  # of the time in mm
        "register_custom_ops_library(&#34;lib/libgeocompile_ort.so&#34;)",
        "build/runner_onnx . /path/to/libonnxruntime.so",
        "Mine",
    ],
)
def test_it_says_what_is_known(part: str) -> None:
    assert part in " ".join(render(manifest(), FULL).split())


def test_it_says_what_was_not_looked_at() -> None:
    assert "Not measured: compiled with measure=False" in render(manifest(), CASES["not measured"])
    assert "Not verified" in render(manifest(), CASES["not verified"])
    assert "The layers were not recorded" in render(manifest(), ReportData())


def test_what_failed_is_told_first_and_cannot_be_run() -> None:
    engine = VERIFICATION.engines[0]
    wrong = replace(engine.graphs[0].outputs[0], ok=False, error=0.25, bound=1e-6)
    graphs = tuple(GraphCheck(f"graph {k}", (wrong,)) for k in range(9))
    failed = replace(
        VERIFICATION, engines=(replace(engine, graphs=graphs),), fault=Fault("capture", node="relu_7")
    )
    text = render(
        manifest(), replace(FULL, verification=failed, measurement=None, unmeasured="verification failed")
    )
    ids = Page(text).ids()
    assert "run" not in ids
    assert "Verification failed" in text
    assert "relu_7" in text
    assert "6 more" in text
    assert "Not measured: verification failed" in text


def test_figures_with_odd_places_are_drawn_all_the_same() -> None:
    nan = float("nan")
    figures = (
        GraphFigure("none", ()),
        GraphFigure("nan", ((nan, 0.0), (1.0, float("inf"))), ((0, 1), (0, 7), (-1, 0), (1, 1)), (nan,)),
    )
    page = render(manifest(), ReportData(sections=(Section("odd", figures=figures),)))
    assert "nan " not in re.sub(r"<figcaption>nan</figcaption>", "", page)


def browser() -> str | None:
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@pytest.mark.slow
@pytest.mark.skipif(browser() is None, reason="no Chromium is installed to open the page with")
@pytest.mark.parametrize("name", ["full", "hostile", "empty"])
def test_a_browser_runs_its_script_without_an_error_and_nothing_overflows(name: str, tmp_path: Path) -> None:
    text = render(manifest(EVIL if name == "hostile" else "Net"), CASES[name])
    probe = (
        "<script>var errors = []; addEventListener('error', e => errors.push(e.message));"
        "window.alert = () => errors.push('alert'); addEventListener('load', () => {"
        "location.hash = 'layer-0'; setTimeout(() => {"
        "const opened = document.getElementById('layer-0');"
        "const wide = document.documentElement.scrollWidth > innerWidth;"
        "document.title = JSON.stringify([errors, wide, opened ? opened.open : true]); }, 300); });</script>"
    )
    path = tmp_path / "report.html"
    path.write_text(text.replace("<style>", probe + "<style>", 1), encoding="utf-8")
    options: Any = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=500,900",
        "--virtual-time-budget=3000",
    ]
    command = [str(browser()), *options, "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"<title>(.*?)</title>", done.stdout)
    assert found is not None
    assert found[1] == "[[],false,true]"
