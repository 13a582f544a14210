"""Replaces the PyG modules of a model by geocompile layers that compute the same, and back."""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch

from geocompile.pyg.carried import KeepError, check_parts, class_path
from geocompile.pyg.converters import FROM_PYG, TO_PYG
from geocompile.pyg.converters.shared import Converter
from geocompile.pyg.functions import counterpart_of

_PACKAGES_OF_LAYERS = tuple(f"torch_geometric.nn.{name}." for name in ("conv", "aggr", "pool", "norm"))
_COMPILED = "torch._dynamo.eval_frame.OptimizedModule"


@dataclass(frozen=True)
class Replaced:
    """One module, or function held by a module, that is now geocompile's."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Kept:
    """One PyG layer that stays, and why."""

    path: str
    old: str
    reason: str


@dataclass
class Report:
    """What :func:`from_pyg_report` did, in the order of the walk."""

    replaced: list[Replaced] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)


def from_pyg(model: torch.nn.Module) -> torch.nn.Module:
    """A copy of ``model`` in which geocompile layers stand for the PyG modules that have one.

    Weights (the parameters' dtype, device and ``requires_grad``), options, aggregation, flow and a filled cache are
    carried over; the result computes what the model computes in eager, PyG's deviations from the written formulas
    included. Modules without a counterpart stay; :func:`from_pyg_report` tells which and why. The model itself is
    not changed, nor is PyG needed for one without PyG modules.

    Args:
        model: any module, with PyG modules at any depth, or a PyG module itself.

    Returns:
        The converted copy. A converted layer takes edge indices, not sparse matrices, for ``edge_index``.

    Raises:
        TypeError: ``model`` is not a :class:`torch.nn.Module`, or holds something that cannot be copied.
    """
    return from_pyg_report(model)[0]


def from_pyg_report(model: torch.nn.Module) -> tuple[torch.nn.Module, Report]:
    """:func:`from_pyg`, and a report of what was replaced and what was kept, with the reason."""
    return _converted(model, "from_pyg", _FromPyg())


def to_pyg(model: torch.nn.Module) -> torch.nn.Module:
    """A copy of ``model`` in which PyG's layers stand for geocompile's: the way back of :func:`from_pyg`.

    Args:
        model: any module, with geocompile layers at any depth.

    Returns:
        The converted copy; weights are carried over, the model itself is not changed. Functions stay as they are.

    Raises:
        TypeError: ``model`` is not a :class:`torch.nn.Module`, or holds something that cannot be copied.
        ValueError: a layer computes what PyG's cannot; names the layer, and the option that would make them equal.
        ImportError: PyG is not installed.
    """
    new, report = _converted(model, "to_pyg", _ToPyg())
    if report.kept:
        first = report.kept[0]
        raise ValueError(f"geocompile.to_pyg: {first.path or 'the model'} ({first.old}): {first.reason}")
    return new


def _converted(model: torch.nn.Module, function: str, walk: "_Walk") -> tuple[torch.nn.Module, Report]:
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"geocompile.{function}: model must be a torch.nn.Module, got {type(model).__name__}")
    copied = _copied(model, function)
    with torch.random.fork_rng(
        devices=[]
    ):  # new layers draw weights; the user's random numbers stay as they were
        return walk.visit(copied, ""), walk.report


def _copied(model: torch.nn.Module, function: str) -> torch.nn.Module:
    try:
        return copy.deepcopy(model)
    except Exception as error:  # whatever the __deepcopy__ of a user's attribute raises
        path, module = _uncopyable(model)
        raise TypeError(
            f"geocompile.{function}: {path or 'the model'} ({type(module).__name__}) cannot be copied: {error}; "
            "remove what was computed with gradients: a filled cache by reset_parameters() or by filling it under "
            "torch.no_grad(), torch.nn.utils.weight_norm by remove_weight_norm, torch.nn.utils.prune by prune.remove"
        ) from error


def _uncopyable(model: torch.nn.Module) -> tuple[str, torch.nn.Module]:
    """The innermost module that cannot be copied, and where it stands."""
    for path, module in reversed(list(model.named_modules())):
        try:
            copy.deepcopy(module)
        except Exception:  # the question is only which one fails
            return path, module
    return "", model


class _Walk:
    """One pass over a model; a module that stands at several places is converted once and stays shared."""

    def __init__(self) -> None:
        self.report = Report()
        self.done: dict[int, torch.nn.Module] = {}
        self.originals: list[torch.nn.Module] = []  # kept alive: their ids are keys above

    def visit(self, module: torch.nn.Module, path: str) -> torch.nn.Module:
        if id(module) not in self.done:
            self.originals.append(module)
            self.done[id(module)] = module  # for a module that contains itself
            self.done[id(module)] = self._convert(module, path)
        return self.done[id(module)]

    def _convert(self, module: torch.nn.Module, path: str) -> torch.nn.Module:
        old = class_path(module)
        converter = self.converter_of(module)
        if converter is not None:
            try:
                new = self.converted(module, converter)
                check_parts(module, new)
            except KeepError as reason:
                self.report.kept.append(Kept(path, old, str(reason)))
                self._visit_children(module, self._foreign(module), path)
                return module
            self.report.replaced.append(Replaced(path, old, class_path(new)))
            return self._settled(module, new, path)
        self._visit_children(module, _children(module), path)
        self.left_as_it_is(module, path)
        return module

    def _foreign(self, module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
        """The children that a layer was given (a network, an encoder), without those that it is made of."""
        for name, child in _children(module):
            if self.converter_of(child) is not None or not class_path(child).startswith(_PACKAGES_OF_LAYERS):
                yield name, child

    def _settled(self, old: torch.nn.Module, new: torch.nn.Module, path: str) -> torch.nn.Module:
        """A converted layer in its mode; modules that it took over (GINConv's network) keep theirs and are walked."""
        carried = {id(part) for part in old.modules()}
        for name, part in list(new.named_modules(prefix=path)):
            if id(part) not in carried:
                part.training = old.training
                taken_over = ((name, child) for name, child in part.named_children() if id(child) in carried)
                self._visit_children(part, taken_over, name)
        return new

    def _visit_children(
        self, module: torch.nn.Module, children: Iterable[tuple[str, torch.nn.Module]], path: str
    ) -> None:
        for name, child in list(children):
            module._modules[name] = self.visit(child, f"{path}.{name}" if path else name)
            if class_path(module) == _COMPILED:  # it has bound the forward of what it held
                module.__setstate__(module.__getstate__())  # type: ignore[no-untyped-call]

    def converter_of(self, module: torch.nn.Module) -> Converter | None:
        """What converts a module; None: it stays, and its children are walked."""
        raise NotImplementedError

    def converted(self, module: torch.nn.Module, converter: Converter) -> torch.nn.Module:
        """What stands for a module.

        Raises:
            KeepError: nothing computes the same.
        """
        return converter(module)

    def left_as_it_is(self, module: torch.nn.Module, path: str) -> None:
        """What else there is to do with a module that stays."""


class _FromPyg(_Walk):
    def converter_of(self, module: torch.nn.Module) -> Converter | None:
        return FROM_PYG.get(class_path(module))

    def converted(self, module: torch.nn.Module, converter: Converter) -> torch.nn.Module:
        """The same, also where a layer was changed beyond what a converter reads, or ours refuses an option."""
        try:
            return converter(module)
        except (AttributeError, IndexError, TypeError, ValueError, RuntimeError) as error:
            raise KeepError(f"no geocompile layer can be made of it: {error}") from error

    def left_as_it_is(self, module: torch.nn.Module, path: str) -> None:
        reason = _reason(module)
        if reason is not None:
            self.report.kept.append(Kept(path, class_path(module), reason))
        self._replace_functions(module, path)

    def _replace_functions(self, module: torch.nn.Module, path: str) -> None:
        """Functions that a model holds as attributes (``self.pool = global_mean_pool``)."""
        for name, value in list(vars(module).items()):
            new = counterpart_of(value)
            if new is not None:
                setattr(module, name, new)
                place = f"{path}.{name}" if path else name
                old = f"{value.__module__}.{value.__qualname__}"
                self.report.replaced.append(Replaced(place, old, f"{new.__module__}.{new.__qualname__}"))


class _ToPyg(_Walk):
    def converter_of(self, module: torch.nn.Module) -> Converter | None:
        return TO_PYG.get(type(module))


def _reason(module: torch.nn.Module) -> str | None:
    """Why a module that nothing converts stays; None: it is no layer of PyG's."""
    if class_path(module).startswith(_PACKAGES_OF_LAYERS):
        return "geocompile has no layer of this class yet"
    if isinstance(module, torch.jit.ScriptModule):
        name = module._c._type().qualified_name()
        return (
            "it is TorchScript; convert the model before it" if ".torch_geometric.nn.conv." in name else None
        )
    bases = (base for base in type(module).__mro__[1:] if _is_layer_of_pyg(base))
    base = next(bases, None)
    if base is None:
        return None
    if torch.nn.utils.parametrize.is_parametrized(module):
        names = ", ".join(name for name, _ in module.get_submodule("parametrizations").named_children())
        return f"its {names} is parametrized; remove_parametrizations makes it plain"
    return f"it derives from PyG's {base.__name__} and may compute something else"


def _is_layer_of_pyg(kind: type) -> bool:
    path = f"{kind.__module__}.{kind.__qualname__}"
    return path in FROM_PYG or path.startswith(_PACKAGES_OF_LAYERS)


def _children(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """The children that are walked: all but the aggregation inside a PyG layer that stays as it is."""
    inside_layer = hasattr(module, "aggr_module") and hasattr(module, "propagate")
    for name, child in module.named_children():
        if not (inside_layer and name == "aggr_module"):
            yield name, child
