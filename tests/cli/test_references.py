"""Models, weights and examples as they are named on the command line."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from geocompile.cli.compile import parse_dynamic
from geocompile.cli.outcome import InputError
from geocompile.cli.references import load_examples, load_model, resolve

MODULE = """
import torch
from torch import nn

class Line(nn.Module):
    def __init__(self, size=3):
        super().__init__()
        self.lin = nn.Linear(size, 2)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.lin(x))

def make():
    return Line()

def fails():
    raise RuntimeError("no data set here")

def needs(argument):
    return Line()

def graphs():
    return [(torch.ones(2, 3),), (torch.ones(5, 3),)]

def graph():
    return {"x": torch.ones(4, 3)}

instance = Line()
number = 7

class Makers:
    make = staticmethod(make)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `line_models.py`, made the current one."""
    (tmp_path / "line_models.py").write_text(MODULE)
    (tmp_path / "broken_models.py").write_text("import left_pad_that_does_not_exist\n")
    (tmp_path / "raising_models.py").write_text("raise OSError('no GPU')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("line_models", "broken_models", "raising_models"):
        monkeypatch.delitem(__import__("sys").modules, name, raising=False)
    return tmp_path


@pytest.mark.parametrize("name", ["make", "Line", "instance", "Makers.make"])
def test_functions_classes_and_instances_are_models_in_eval_mode(here: Path, name: str) -> None:
    model = load_model(f"line_models:{name}", None)
    assert type(model).__name__ == "Line"
    assert not model.training


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("line_models", "must be MODULE:CALLABLE"),
        (":make", "must be MODULE:CALLABLE"),
        ("line_models.py:make", "give the module instead: line_models:make"),
        ("./models/line.py:make", "give the module instead: models.line:make"),
        ("no_such_module:make", "there is no module 'no_such_module'"),
        ("line_models:made", "has no 'made'"),
        ("broken_models:make", "left_pad_that_does_not_exist"),
        ("raising_models:make", "OSError: no GPU"),
    ],
)
def test_a_reference_that_leads_nowhere_says_why(here: Path, reference: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem.replace(".", r"\.")):
        resolve(reference)


@pytest.mark.parametrize(
    ("name", "problem"),
    [("number", "gave a int"), ("fails", "no data set here"), ("needs", "called without arguments")],
)
def test_what_is_no_model_is_refused(here: Path, name: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        load_model(f"line_models:{name}", None)


def test_weights_come_from_safetensors_and_from_a_state_dict(here: Path) -> None:
    state = {
        name: torch.full_like(value, 0.25)
        for name, value in load_model("line_models:make", None).state_dict().items()
    }
    save_file(state, here / "w.safetensors")
    torch.save(state, here / "w.pt")
    for name in ("w.safetensors", "w.pt"):
        model = load_model("line_models:make", here / name)
        assert torch.equal(model.lin.weight, state["lin.weight"])


class _Touches:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(here: Path) -> None:
    torch.save({"lin.weight": _Touches(here / "ran")}, here / "evil.pt")
    with pytest.raises(InputError, match="no readable weights"):
        load_model("line_models:make", here / "evil.pt")
    assert not (here / "ran").exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"lin.weight": torch.ones(2, 3)}, "Missing key"),
        ({"lin.weight": torch.ones(2, 4), "lin.bias": torch.ones(2)}, "size mismatch"),
        ({"state_dict": {"lin.weight": torch.ones(2, 3)}}, "is no state dict"),
        ([1, 2], "is no state dict"),
    ],
    ids=["missing", "shape", "checkpoint", "list"],
)
def test_weights_that_do_not_fit_are_named(here: Path, content: object, problem: str) -> None:
    torch.save(content, here / "w.pt")
    with pytest.raises(InputError, match=problem) as caught:
        load_model("line_models:make", here / "w.pt")
    assert len(str(caught.value).splitlines()) == 1


def test_missing_and_damaged_weights_are_named(here: Path) -> None:
    (here / "bad.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(InputError, match=r"bad\.safetensors holds no readable weights"):
        load_model("line_models:make", here / "bad.safetensors")
    with pytest.raises(InputError, match="there is no weights file"):
        load_model("line_models:make", here / "none.pt")


def test_examples_come_from_files_and_functions_in_order(here: Path) -> None:
    np.savez(here / "a.npz", x=np.zeros((1, 3), np.float32))
    save_file({"x": torch.zeros(6, 3)}, here / "b.safetensors")
    calls = load_examples(["a.npz", "line_models:graphs", "b.safetensors", "line_models:graph"])
    sizes = [(call["x"] if isinstance(call, dict) else call[0]).shape[0] for call in calls]
    assert sizes == [1, 2, 5, 6, 4]


def test_an_example_that_is_neither_file_nor_function_is_refused(here: Path) -> None:
    with pytest.raises(InputError, match=r"must be a \.npz or \.safetensors file, or MODULE:CALLABLE"):
        load_examples(["graph.csv"])


def test_dynamic_names_dimensions_and_numbers_leave_them_fixed() -> None:
    assert parse_dynamic([]) is None
    assert parse_dynamic(["x=num_nodes,16", "edge_index=2,num_edges"]) == {
        "x": {0: "num_nodes"},
        "edge_index": {1: "num_edges"},
    }


@pytest.mark.parametrize("entry", ["x", "=num_nodes", "x=", "x=num nodes", "x=num_nodes,-1"])
def test_dynamic_of_another_form_is_refused(entry: str) -> None:
    with pytest.raises(InputError, match="must read INPUT=SIZES"):
        parse_dynamic([entry])
