"""The errors that geocompile raises where a built-in exception does not say enough."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geocompile.verification.fault import Fault


class GeocompileError(Exception):
    """Base of the package's own errors, so that callers can catch them all."""


class CaptureError(GeocompileError, RuntimeError):
    """The model cannot be captured; the message names the user's line and the reason."""


class ExportError(GeocompileError, RuntimeError):
    """A captured program could not be turned into an engine."""


class BundleError(GeocompileError, ValueError):
    """A bundle is damaged, foreign, too new, or unsafe to read."""


class VerificationError(GeocompileError, AssertionError):
    """An engine does not equal eager within the measured bound.

    Attributes:
        fault: Where the numbers first go wrong (`verification.fault.Fault`), where that was looked for.
    """

    def __init__(self, message: str, fault: "Fault | None" = None) -> None:
        super().__init__(message)
        self.fault = fault


class MissingRuntimeError(GeocompileError, ImportError):
    """A runtime is not installed; the message names the extra that brings it."""
