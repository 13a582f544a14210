"""While a model is captured, PyG's functions that it calls by name are geocompile's."""

import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from geocompile.pyg.functions import counterparts

_LOCK = threading.RLock()
_ACTIVE: ContextVar[bool] = ContextVar("geocompile_capturing", default=False)


@contextlib.contextmanager
def capturing() -> Iterator[None]:
    """Within it, calls of PyG's pooling functions, ``softmax``, ``scatter`` and ``segment`` run geocompile's.

    So the graph of PyG code that is captured as it is holds operators in place of what those are made of.
    Every module that holds one of these functions, under whatever name, is patched while the context lasts and
    restored when it ends, however it ends. Only one context is open at a time (a nested one in the same thread is
    fine); other threads, and tasks started before, keep calling PyG's own functions.
    """
    with _LOCK:
        patched = _patch_modules()
        token = _ACTIVE.set(True)
        try:
            yield
        finally:
            _ACTIVE.reset(token)
            for module, name, original in patched:
                setattr(module, name, original)


def _patch_modules() -> list[tuple[ModuleType, str, Any]]:
    dispatchers = {key: _dispatcher(theirs, ours) for key, (theirs, ours) in counterparts().items()}
    patched = []
    for module in list(sys.modules.values()):
        if not isinstance(module, ModuleType):
            continue
        for name, value in list(vars(module).items()):
            if id(value) in dispatchers:
                patched.append((module, name, value))
                setattr(module, name, dispatchers[id(value)])
    return patched


def _dispatcher(theirs: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(theirs)
    def dispatch(*args: Any, **kwargs: Any) -> Any:
        return (ours if _ACTIVE.get() else theirs)(*args, **kwargs)

    return dispatch
