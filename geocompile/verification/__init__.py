"""Proof that engines equal eager PyTorch: `verify` runs them on many graphs within a measured bound.

Reports can be read where torch is not installed: only `verify` itself imports it, on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geocompile.verification.check import verify
    from geocompile.verification.report import Report

__all__ = ["Report", "verify"]

_HOME = {"Report": "geocompile.verification.report", "verify": "geocompile.verification.check"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'geocompile.verification' has no attribute '{name}'")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
