"""Compile trained graph neural networks into engines that run without a training stack.

Importing this package loads no runtime: every public name is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from geocompile.bundle import Bundle, load
    from geocompile.compiler import compile
    from geocompile.pyg import from_pyg, to_pyg
    from geocompile.verification import verify

__all__ = ["Bundle", "__version__", "compile", "from_pyg", "load", "to_pyg", "verify"]

_HOME = {
    "Bundle": "geocompile.bundle",
    "compile": "geocompile.compiler",
    "from_pyg": "geocompile.pyg",
    "to_pyg": "geocompile.pyg",
    "load": "geocompile.bundle",
    "verify": "geocompile.verification",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'geocompile' has no attribute '{name}'")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
