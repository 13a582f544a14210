"""The column of PyG: a layer as `from_pyg` makes it, in eval and in training mode, and the way back."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

import geocompile
from tests.conformance.case import LayerCase
from tests.conformance.same import assert_same

LIKE_PYG = {"rtol": 1e-10, "atol": 1e-12}
Inputs = dict[str, Any]


def like_pyg(case: LayerCase) -> None:
    """`from_pyg` gives this layer, which computes what PyG's does, trains as it does where nothing is drawn at random,
    and which `to_pyg` gives back; state dicts load both ways."""
    assert case.pyg is not None, "a case without PyG's layer says why in `without`"
    theirs, plain = case.pyg().eval(), case.make()
    ours = geocompile.from_pyg(theirs)
    assert type(ours) is type(plain), f"from_pyg gave {type(ours)}"
    for layer in (theirs, geocompile.to_pyg(ours)):
        # Copies train, so the layers come first that have computed nothing yet: what they keep cannot be copied.
        for inputs, given in _drawn(case, case.sizes[::3]):  # many nodes, and one
            _train(ours, inputs, layer, given, case.same_state)
    for layer in (theirs, geocompile.to_pyg(ours)):
        for inputs, given in _drawn(case, case.sizes):
            expected = _result(layer, given)
            if isinstance(expected, Exception):
                assert _is_empty(given), f"PyG refuses this: {expected}"
            else:
                assert_same(ours(**inputs), expected, **LIKE_PYG)
    if case.same_state:
        plain.load_state_dict(theirs.state_dict())
        theirs.load_state_dict(plain.state_dict())


def _drawn(case: LayerCase, sizes: Sequence[tuple[int, int]]) -> Iterator[tuple[Inputs, Inputs]]:
    """Inputs of these sizes, and the same by the names that PyG gives them."""
    for size in sizes:
        inputs = case.draw(size)
        yield inputs, {case.pyg_names.get(name, name): value for name, value in inputs.items()}


def _train(
    ours: torch.nn.Module, inputs: Inputs, theirs: torch.nn.Module, given: Inputs, same_state: bool
) -> None:
    """The same results in training mode, refusals too, and the same state after it: running averages."""
    found, notes, draws = _trained(ours, inputs)
    expected, their_notes, they_draw = _trained(theirs, given)
    if _is_empty(given) and (isinstance(expected, Exception) or draws or they_draw):
        return
    assert draws == they_draw, f"in training {'only ours' if draws else 'only PyG'} draws random numbers"
    if not draws and isinstance(expected, Exception):
        assert type(found) is type(expected), f"in training PyG refuses this: {expected}"
    elif not draws:
        assert_same(found, expected, **LIKE_PYG)
        for name in their_notes if same_state else ():
            assert_same(notes[name], their_notes[name], **LIKE_PYG)


def _trained(layer: torch.nn.Module, inputs: Inputs) -> tuple[Any, dict[str, Any], bool]:
    """What a copy gives in training mode, its state after it, and whether it drew random numbers."""
    layer = copy.deepcopy(layer).train()
    with torch.random.fork_rng(devices=[]):
        before = torch.get_rng_state()
        result = _result(layer, inputs)
        return result, layer.state_dict(), not torch.equal(before, torch.get_rng_state())


def _result(layer: torch.nn.Module, inputs: Inputs) -> Any:
    """What a layer gives, or what it raises: a norm, say, cannot be trained on one row."""
    try:
        return layer(**inputs)
    except (RuntimeError, ValueError, IndexError) as error:
        return error


def _is_empty(inputs: Inputs) -> bool:
    """Whether there are no nodes, or no edges, which PyG cannot always take."""
    return not all(t.numel() for t in pytree.tree_leaves(inputs) if isinstance(t, Tensor))
