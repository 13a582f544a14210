"""A model of several layers of the same class, and the ways in which its compilation is broken on purpose."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.fx import Node

import geocompile
from geocompile import passes
from geocompile.errors import VerificationError
from geocompile.layers import GCNConv
from geocompile.passes.framework import Editor, Pass, target_name
from geocompile.verification.fault import Fault


class Block(nn.Module):
    """relu(conv(x) - lin(x))"""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(8, 8)
        self.conv = GCNConv(8, 8)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return torch.relu(self.conv(x, edge_index) - self.lin(x))


class Blocks(nn.Module):
    """Three equal blocks and a head."""

    def __init__(self, block: Callable[[], nn.Module] = Block) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.blocks = nn.ModuleList([block() for _ in range(3)])
        self.head = nn.Linear(8, 3)
        with torch.no_grad():  # biases start at zero in a GCNConv; one that is dropped must matter
            for parameter in self.parameters():
                parameter += 0.1 * torch.randn_like(parameter)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, edge_index) + x
        return self.head(x)


def example() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(20, 8, generator=generator), torch.randint(0, 20, (2, 60), generator=generator)


def fault_of(
    model: nn.Module, output: Path, targets: tuple[str, ...] = ("torchscript",)
) -> tuple[Fault, str]:
    """The fault that a compilation that must fail reports, and its message."""
    with pytest.raises(VerificationError) as caught:
        geocompile.compile(model, example(), targets, output)
    assert caught.value.fault is not None
    return caught.value.fault, str(caught.value)


def run_script(output: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of the script beside a report, run in this process: what is broken here is so for it."""
    path = output.with_name(output.name + ".failed") / "reproduce.py"
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patched, contextlib.redirect_stdout(said):
        patched.setattr("sys.argv", [str(path), *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(path), run_name="__main__")
    return int(str(ended.value.code)), said.getvalue()


def add_pass(monkeypatch: pytest.MonkeyPatch, name: str, rewrite: Callable[[Editor], list[str]]) -> None:
    """A pass that runs after the others."""
    monkeypatch.setattr(passes, "PASSES", (*passes.PASSES, Pass(name, "nothing", rewrite)))


def calls_of(editor: Editor, operator: str) -> list[Node]:
    return [node for node in editor.graph.nodes if target_name(node) == operator]


def swap_a_subtraction(editor: Editor) -> list[str]:
    """a - b becomes b - a in the last block, by another node."""
    *_, node = calls_of(editor, "aten.sub.Tensor")
    with editor.graph.inserting_before(node):
        swapped = editor.graph.call_function(node.target, tuple(reversed(node.args)))
    swapped.meta = dict(node.meta)
    editor.replace(node, swapped)
    return ["swapped"]


def swap_arguments_in_place(editor: Editor) -> list[str]:
    *_, node = calls_of(editor, "aten.sub.Tensor")
    node.args = tuple(reversed(node.args))
    return ["swapped"]


def drop_the_second_bias(editor: Editor) -> list[str]:
    """The bias of the linear layer of the second block."""
    linears = [node for node in calls_of(editor, "aten.linear.default") if len(node.args) == 3]
    linears[1].args = linears[1].args[:2]
    return ["dropped"]


def spoil_torchscript(
    monkeypatch: pytest.MonkeyPatch,
    operator: str,
    number: int,
    change: str,
    unless_returned: bool = False,
    when: Callable[[], bool] = lambda: True,
) -> None:
    """In the TorchScript source, the `number`-th call of an operator gets `change` appended."""
    from geocompile.exporters import torchscript

    right = torchscript.write_source

    def wrong(program: Any) -> Any:
        source = right(program)
        found = list(re.finditer(rf"(\w+) = torch\.ops\.aten\.{operator}\(.*\)$", source.text, re.MULTILINE))
        if len(found) > number and when():
            end = found[number].end()
            if unless_returned and re.search(rf"return.*\b{found[number][1]}\b", source.text):
                return source
            source.text = f"{source.text[:end]}{change}{source.text[end:]}"
        return source

    monkeypatch.setattr(torchscript, "write_source", wrong)


def spoil_onnx(monkeypatch: pytest.MonkeyPatch, op_type: str, other: str) -> None:
    """Every ONNX node of one type becomes one of another."""
    from geocompile.exporters import onnx

    right = onnx.to_onnx

    def wrong(program: Any) -> Any:
        model = right(program)
        for node in model.graph:
            if node.op_type == op_type:
                node.op_type = other
        return model

    monkeypatch.setattr(onnx, "to_onnx", wrong)
