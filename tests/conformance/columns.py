"""The checks: each takes a case and raises where the layer does not hold; its name is a column of the table."""

import copy
import io
import shutil
import tempfile
import weakref
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

import geocompile
from tests.conformance.case import LayerCase
from tests.conformance.like_pyg import like_pyg
from tests.conformance.model import as_model, dynamic_shapes_of, positional
from tests.conformance.same import assert_same

Check = Callable[[LayerCase], None]
CLOSE = {"rtol": 1e-9, "atol": 1e-11}


def formula(case: LayerCase) -> None:
    """Eager equals the written formula, on every size."""
    layer = case.make().eval()
    for size in case.sizes:
        inputs = case.draw(size)
        assert_same(layer(**inputs), case.formula(layer, **inputs), **CLOSE)


def script(case: LayerCase) -> None:
    """`torch.jit.script` takes the layer as it is; saved and loaded, it gives the same bits on other sizes."""
    layer = case.make().eval()
    saved = io.BytesIO()
    torch.jit.save(torch.jit.script(layer), saved)
    saved.seek(0)
    loaded = torch.jit.load(saved)
    for size in case.sizes:
        inputs = case.draw(size)
        assert_same(loaded(**inputs), layer(**inputs), rtol=0, atol=0)


def export(case: LayerCase) -> None:
    """`torch.export` with every size dynamic."""
    layer = case.make().eval()
    arguments = positional(layer, case.draw(case.sizes[0]))
    with torch.fx.experimental._config.patch(backed_size_oblivious=True):
        program = torch.export.export(layer, arguments, dynamic_shapes=dynamic_shapes_of(arguments))
    exported = program.module()
    for size in case.sizes:
        arguments = positional(layer, case.draw(size))
        assert_same(exported(*arguments), layer(*arguments), **CLOSE)


def gradients(case: LayerCase) -> None:
    """The gradients of parameters and inputs are those of finite differences."""
    layer = case.make()
    layer.eval()
    inputs = case.draw((4, 7))
    leaves = [*pytree.tree_leaves(inputs), *layer.parameters()]
    floats = [t for t in leaves if isinstance(t, Tensor) and t.is_floating_point()]
    for tensor in floats:
        tensor.requires_grad_()

    def outputs(*_: Tensor) -> tuple[Tensor, ...]:
        found = pytree.tree_leaves(layer(**inputs))
        return tuple(t for t in found if isinstance(t, Tensor) and t.requires_grad)

    assert torch.autograd.gradcheck(outputs, floats)


def trains(case: LayerCase) -> None:
    """A short seeded training run lowers the loss; `reset_parameters` is reproducible under a seed."""
    layer = case.make().train()
    parameters = [p for p in layer.parameters() if p.requires_grad]
    if parameters:
        _lower_the_loss(case, layer, parameters)
    states = []
    for _ in range(2):
        torch.manual_seed(7)
        layer.reset_parameters()  # type: ignore[operator]
        states.append(copy.deepcopy(layer.state_dict()))
    assert_same(states[0], states[1], rtol=0, atol=0)


def _lower_the_loss(case: LayerCase, layer: torch.nn.Module, parameters: list[torch.nn.Parameter]) -> None:
    inputs = case.draw((12, 40))
    optimizer = torch.optim.Adam(parameters, lr=0.02)
    losses = []
    for _ in range(30):
        torch.manual_seed(3)  # dropout, where there is any, is the same in every step
        optimizer.zero_grad()
        out = [t for t in pytree.tree_leaves(layer(**inputs)) if isinstance(t, Tensor) and t.requires_grad]
        loss = torch.stack([(t - 0.3).square().mean() for t in out]).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0], f"the loss went from {losses[0]:g} to {losses[-1]:g}"


def torchscript(case: LayerCase) -> None:
    """Compiled to TorchScript and verified on the graph suite; equal to eager on every size."""
    engine(case, "torchscript")


def onnx(case: LayerCase) -> None:
    """Compiled to ONNX and verified; equal to eager on every size, with our operators in ONNX Runtime."""
    engine(case, "onnx")


def portable(case: LayerCase) -> None:
    """The same file without our operator library."""
    engine(case, "onnx", portable=True)


def aotinductor(case: LayerCase) -> None:
    """Compiled to an AOTInductor package and verified; equal to eager on every size."""
    engine(case, "aotinductor")


def engine(case: LayerCase, target: str, portable: bool = False) -> None:
    """Compile, which verifies, and compare with eager on the case's own sizes."""
    made = compiled(case, target)
    session = made.bundle.session(target, portable=True) if portable else made.bundle.session(target)
    for size in case.sizes:
        given = made.examples(size)
        with torch.no_grad():
            expected = made.model(*given)
        assert_same(session(*given), expected, rtol=1e-4, atol=1e-5)


class Compiled:
    """A case as a model, and its bundle in a folder that goes with this object."""

    def __init__(self, case: LayerCase, target: str, num_examples: int = 1) -> None:
        self.model, self.examples = as_model(case)
        folder = tempfile.mkdtemp()
        weakref.finalize(self, shutil.rmtree, folder)
        self.bundle = geocompile.compile(
            self.model,
            [self.examples(size) for size in case.sizes[:num_examples]],
            [target],
            Path(folder) / "bundle",
            dynamic=case.dynamic,
            measure=False,
        )


compiled = lru_cache(maxsize=1)(Compiled)
"""The last one is kept: of an ONNX file two columns are read, one after the other."""


COLUMNS: dict[str, Check] = {
    "formula": formula,
    "PyG": like_pyg,
    "script": script,
    "export": export,
    "gradients": gradients,
    "trains": trains,
    "TorchScript": torchscript,
    "ONNX": onnx,
    "ONNX without our library": portable,
    "AOTInductor": aotinductor,
}
"""In the order of the table. `golden` and `C++` stand in modules of their own."""
