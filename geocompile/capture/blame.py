"""From a failed capture to the line of the user's model that is the reason."""

from __future__ import annotations

import linecache
import os
import re
import traceback
from dataclasses import dataclass
from types import FrameType

import torch
from torch.fx import Node

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PARTS = (_PACKAGE, *(os.path.join(_PACKAGE, part) for part in ("layers", "exporters", "custom_ops")))
_OURS = tuple(folder + os.sep for part in _PARTS for folder in {part, os.path.realpath(part)})
_TRACER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tracing.py")
_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
# modules that torch_geometric writes into a temporary file, one per message passing class
_GENERATED = re.compile(r".+_(propagate|edge_updater)_\w+\.py")
_TRACE_LINE = re.compile(r'File "(.+)", line (\d+), in (.+)')
_REASONS: list[tuple[str, str | None, str | None]] = [
    # (exception class name or message part, reason, what to do)
    (r"GuardOnDataDependentSymNode", "this branch, loop or size depends on values inside a tensor", None),
    (
        r"DataDependentOutputException|\.item\(\)|aten::_local_scalar_dense",
        "a value is taken out of a tensor",
        None,
    ),
    (
        r"\.numpy\(\)|numpy",
        "numpy sees no tensor values while a graph is captured",
        "use torch operators instead",
    ),
    (
        r"shape '.*' is invalid for input of size",
        None,
        "an engine takes graphs of every size, which that shape does not fit: pool with a batch vector, or pad "
        "with to_dense_batch, instead of cutting the nodes into graphs of a fixed size",
    ),
    (r"DynamicOutputShapeException", "the size of the result depends on values inside a tensor", None),
    (
        r"TypeError.*__array__|can't convert",
        "a tensor is converted to another kind of array",
        "use torch operators instead",
    ),
]
_DATA_ADVICE = (
    "an engine runs the same operators for every graph: use torch.where, a mask, or sizes taken from shapes, "
    "or compute the value outside and pass it in"
)


@dataclass(frozen=True)
class Place:
    """A line of source: the one a person should look at."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        code = linecache.getline(self.file, self.line).strip()
        return f"{self.file}:{self.line} in {self.function}" + (f": `{code}`" if code else "")


def user_place(frame: FrameType | None) -> Place | None:
    """The innermost line of user code, going outwards from `frame` to where the tracer calls the model.

    None if the tracer does not call the model there: what happens before and after is none of its lines.
    """
    inside: list[tuple[int, Place]] = []
    while frame is not None and not _is_call_of_model(frame.f_code.co_filename, frame.f_code.co_name):
        place = Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        inside.append((_rank(place.file), place))
        frame = frame.f_back
    return _innermost(inside) if frame is not None else None


def place_of_node(node: Node) -> Place | None:
    """The line of user code that a node of the captured graph comes from."""
    trace: str = node.meta.get("stack_trace") or ""
    places = [Place(file, int(line), function) for file, line, function in _TRACE_LINE.findall(trace)]
    return _innermost([(_rank(place.file), place) for place in reversed(places)])


def blame_exception(error: BaseException) -> Place | None:
    """The innermost line of user code in the error's traceback (and those of its causes)."""
    seen: BaseException | None = error
    while seen is not None:
        frames = reversed(_inside_model(traceback.extract_tb(seen.__traceback__)))
        places = [Place(frame.filename, frame.lineno or 0, frame.name) for frame in frames]
        place = _innermost([(_rank(place.file), place) for place in places])
        if place is not None:
            return place
        seen = seen.__cause__ or seen.__context__
    return None


def _inside_model(frames: list[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """The part of a traceback below the tracer's call of the model."""
    calls = [k for k, frame in enumerate(frames) if _is_call_of_model(frame.filename, frame.name)]
    return frames[calls[-1] + 1 :] if calls else []


def explain(error: BaseException, model_name: str) -> str:
    """A few lines: where the capture stopped, why, and what to do; instead of torch's page."""
    place = blame_exception(error)
    text = f"{type(error).__name__}: {error}"
    reason, advice = _first_line(error), "change that line, or leave that part of the model out of the engine"
    for pattern, known, what in _REASONS:
        if re.search(pattern, text):
            reason, advice = known or reason, what or _DATA_ADVICE
            break
    where = f"\n  at {place}" if place else ""
    return f"geocompile.capture: {model_name} cannot be captured: {reason}{where}\n  {advice}"


def called_from_torch(frame: FrameType | None) -> bool:
    """Whether the code at `frame` is torch's own."""
    return frame is not None and _rank(frame.f_code.co_filename) == 2


def _innermost(ranked: list[tuple[int, Place]]) -> Place | None:
    """The first line of the user's own, else the first of a library."""
    return next((place for wanted in (0, 1) for rank, place in ranked if rank == wanted), None)


def _is_call_of_model(filename: str, function: str) -> bool:
    return filename == _TRACER and function == "call"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _rank(filename: str) -> int:
    """0: the user's code, 1: ours or another library's (torch_geometric), 2: torch's or generated."""
    if filename.startswith("<") and "ipython" not in filename:
        return 2
    path = os.path.abspath(filename)
    if path.startswith(_TORCH):
        return 2
    if _GENERATED.fullmatch(os.path.basename(path)):
        return 1
    if path.startswith(_OURS) or os.path.realpath(path).startswith(_OURS) or "site-packages" in path:
        return 1
    return 0
