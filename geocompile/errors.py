"""The errors that geocompile raises where a built-in exception does not say enough."""


class GeocompileError(Exception):
    """Base of the package's own errors, so that callers can catch them all."""


class CaptureError(GeocompileError, RuntimeError):
    """The model cannot be captured; the message names the user's line and the reason."""


class ExportError(GeocompileError, RuntimeError):
    """A captured program could not be turned into an engine."""


class BundleError(GeocompileError, ValueError):
    """A bundle is damaged, foreign, too new, or unsafe to read."""


class VerificationError(GeocompileError, AssertionError):
    """An engine does not equal eager within the measured bound."""


class MissingRuntimeError(GeocompileError, ImportError):
    """A runtime is not installed; the message names the extra that brings it."""
