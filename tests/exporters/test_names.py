"""Modules, parameters and results of any name become engines: a name is free text, the code made of it not."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn

from geocompile.capture import capture
from geocompile.examples import normalize_examples
from geocompile.exporters import get_exporter
from geocompile.exporters.names import identifier, with_safe_names
from geocompile.exporters.program import CapturedProgram
from geocompile.passes import run_passes
from tests.exporters.test_engines_equal_eager import OPEN, eager

# Two names each: both are used, and they must not become one.
NAMES = {
    "keyword": ("in", "class"),
    "keyword_of_the_script": ("inf", "Tensor"),
    "quotes": ("a'b\"c", '"""'),
    "backslash": ("a\\", "\\n"),
    "newline": ("a\nb", "\r\n"),
    "non_ascii": ("üñí", "图"),
    "half_a_surrogate_pair": ("a\ud800", "\udfff"),
    "null": ("a\0b", "\0"),
    "leading_digit": ("1st", "0"),
    "very_long": ("x" * 3000, "x" * 3000 + "y"),
    "collide_when_clean": ("a b", "a-b"),
    "collide_with_a_clean_one": ("a?weight", "a_weight"),
    "markup": ("<script>", "{{ 7*7 }}"),
    "code": ("a) or abort() or (", "a; abort();"),
    "named_like_values": ("linear", "output"),
    "of_every_module": ("üparameters", "graph"),
}  # fmt: skip


class Layer(nn.Module):
    """A parameter, a saved and a passing buffer, a constant and a tensor made in `forward`."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(5, 5)
        self.register_buffer("scale", torch.rand(5))
        self.register_buffer("shift", torch.rand(5), persistent=False)
        self.constant = torch.rand(5)

    def forward(self, x: Tensor) -> Tensor:
        return self.lin(x) * self.scale + self.shift - self.constant + torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])


class Named(nn.Module):
    """Modules of these names, at the top and within another, and parameters where torch allows such names."""

    def __init__(self, names: tuple[str, str]) -> None:
        super().__init__()
        self.names = names
        self.inner = nn.Module()
        for name in names:
            self.inner.add_module(name, Layer())
            self.add_module(name + "2", nn.Linear(5, 5))
            self.register_parameter(name, nn.Parameter(torch.rand(5)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for name in self.names:
            x = self._modules[name + "2"](self.inner._modules[name](x)).tanh() * self._parameters[name]
        return x, self._parameters[self.names[0]] * 2


def captured(model: nn.Module, *inputs: Tensor) -> CapturedProgram:
    return capture(model, normalize_examples(model, inputs))


def check(model: nn.Module, target: str, folder: Path, optimised: bool = True) -> None:
    """The engine equals eager, on a graph of another size than the example's."""
    program = captured(model, torch.randn(6, 5))
    if optimised:
        program, _ = run_passes(program)
    before = set(program.exported.state_dict)
    files = get_exporter(target)(program, folder)
    assert set(program.exported.state_dict) == before  # what other exporters are given
    x = torch.randn(9, 5)
    with torch.no_grad():
        expected, actual = eager(model, [x]), OPEN[target](folder / files.file)([x])
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("optimised", [True, False], ids=["passes", "no_passes"])
@pytest.mark.parametrize("target", ["torchscript", "onnx"])
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_any_name_becomes_an_engine(
    names: tuple[str, str], target: str, optimised: bool, tmp_path: Path
) -> None:
    check(Named(names).eval(), target, tmp_path, optimised)


@pytest.mark.slow
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_any_name_becomes_an_aotinductor_engine(names: tuple[str, str], tmp_path: Path) -> None:
    check(Named(names).eval(), "aotinductor", tmp_path)


@pytest.mark.parametrize("target", ["torchscript", "onnx"])
def test_parameters_may_be_called_like_inputs_and_outputs(target: str, tmp_path: Path) -> None:
    check(Named(("x", "output")).eval(), target, tmp_path)


@pytest.mark.parametrize("target", ["torchscript", "onnx"])
def test_results_may_be_called_like_operators(target: str, tmp_path: Path) -> None:
    class Modèle(nn.Module):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"añadir": x.relu() + 1, "add": x * 3, "mul": x - 2}

    check(Modèle(), target, tmp_path)


@pytest.mark.parametrize("names", [v for k, v in NAMES.items() if "surrogate" not in k])
def test_onnx_initializers_keep_people_s_names(names: tuple[str, str], tmp_path: Path) -> None:
    get_exporter("onnx")(captured(Named(names).eval(), torch.randn(6, 5)), tmp_path)
    found = {tensor.name for tensor in onnx.load(tmp_path / "model.onnx").graph.initializer}
    for name in names:
        assert {f"inner.{name}.scale", f"inner.{name}.shift", f"{name}2.bias"} <= found


def test_safe_names_leave_the_program_alone() -> None:
    exported = captured(Named(("in", "a\nb")).eval(), torch.randn(6, 5)).exported
    code, targets = exported.graph_module.code, [spec.target for spec in exported.graph_signature.input_specs]
    renamed, own_names = with_safe_names(exported)
    assert exported.graph_module.code == code
    assert [spec.target for spec in exported.graph_signature.input_specs] == targets
    stored = {*renamed.state_dict, *renamed.constants}
    assert stored == own_names.keys()
    assert {own_names[name] for name in stored} == {*exported.state_dict, *exported.constants}
    assert all(name.isidentifier() and name.isascii() for name in stored)


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [("d.in", (), "d_in"), ("in", (), "in_"), ("1", (), "_1"), ("", (), "_"), ("ü", ("_",), "__")],
)
def test_identifiers(name: str, taken: tuple[str, ...], expected: str) -> None:
    assert identifier(name, taken) == expected


@pytest.mark.parametrize(("target", "broken"), [("onnx", "torch.onnx.export"), ("aotinductor", "")])
def test_a_refusal_without_an_operator_names_none(
    target: str, broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise SyntaxError("invalid syntax")

    monkeypatch.setattr(broken or "torch._inductor.aoti_compile_and_package", fail)
    with pytest.raises(Exception, match=r"invalid syntax\n.*if the reason is an operator") as raised:
        get_exporter(target)(captured(Named(("a", "b")).eval(), torch.randn(6, 5)), tmp_path)
    assert "that it names" not in str(raised.value)
