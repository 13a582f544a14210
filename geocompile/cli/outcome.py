"""What every command shares: it returns an `Outcome`, which is printed here; it raises, which ends here too."""

import functools
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from typing import Any, ParamSpec

import typer
from rich.console import Console

from geocompile.errors import BundleError, GeocompileError, MissingRuntimeError, VerificationError

FAILED, BAD_INPUT, MISSING_RUNTIME, INTERRUPTED = 1, 2, 3, 130

# A module that is absent means a missing extra when it is one of these; any other is the user's own import.
EXTRAS = {
    "torch": "compile",
    "onnx": "compile",
    "onnxscript": "compile",
    "onnx_ir": "compile",
    "jinja2": "compile",
    "onnxruntime": "cpu",
    "torch_geometric": "pyg",
    "sklearn": "demo",
}

Parameters = ParamSpec("Parameters")


class InputError(GeocompileError, ValueError):
    """What the user gave on the command line cannot be used; the message says what was expected."""


@dataclass(frozen=True)
class Outcome:
    """The result of a command.

    Attributes:
        content: What `--json` prints: JSON values only.
        draw: Prints the same for people.
        exit_code: 0, or `FAILED` where the job ran and the answer is no.
    """

    content: dict[str, Any]
    draw: Callable[[Console], None]
    exit_code: int = 0


def reported(command: Callable[Parameters, Outcome]) -> Callable[Parameters, None]:
    """Wrap a command with the options `as_json` and `debug`: print its outcome or its error, set the exit code."""

    @functools.wraps(command)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        as_json, debug = bool(kwargs["as_json"]), bool(kwargs["debug"])
        stdout = sys.stdout
        try:
            with ExitStack() as stack:
                if as_json:  # a library that prints must not end up inside the JSON
                    stack.enter_context(redirect_stdout(sys.stderr))
                if not debug:  # the exporters of torch warn by the page, none of it about the user's model
                    stack.enter_context(warnings.catch_warnings())
                    warnings.simplefilter("ignore")
                outcome = command(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except BaseException as error:
            raise typer.Exit(_report(error, as_json, debug)) from None
        if as_json:
            print(json.dumps(outcome.content, indent=2, allow_nan=False), file=stdout)
        else:
            outcome.draw(Console())
        raise typer.Exit(outcome.exit_code)

    return run


def _report(error: BaseException, as_json: bool, debug: bool) -> int:
    code, message = explain(error)
    if debug:
        traceback.print_exception(error)
    if as_json:
        failure: dict[str, Any] = {"type": type(error).__name__, "message": message, "exit_code": code}
        if isinstance(error, VerificationError) and error.fault is not None:
            failure["fault"] = error.fault.to_json()
        print(json.dumps({"ok": False, "error": failure}, indent=2))
    label = "" if code == INTERRUPTED else "[bold red]error:[/] "
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(label, end="")
    console.print(message, markup=False)
    return code


def explain(error: BaseException) -> tuple[int, str]:
    """The exit code and the one or two lines for an error."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, str(error).strip() or "interrupted; nothing was left half-written"
    text = str(error).strip()
    if isinstance(error, MissingRuntimeError):
        return MISSING_RUNTIME, text
    if isinstance(error, ModuleNotFoundError) and (extra := EXTRAS.get((error.name or "").partition(".")[0])):
        return (
            MISSING_RUNTIME,
            f"this needs {error.name}, which is not installed: pip install 'geocompile[{extra}]'",
        )
    if isinstance(error, (BundleError, InputError)):
        return BAD_INPUT, text
    if isinstance(error, GeocompileError) or type(error).__module__.startswith("geocompile."):
        return FAILED, text
    if isinstance(error, OSError) and error.filename is not None:
        return BAD_INPUT, f"{os.fspath(error.filename)}: {error.strerror}"
    if isinstance(error, (ValueError, TypeError, IndexError, OSError)) and text.startswith("geocompile"):
        return BAD_INPUT, text
    first_line = text.splitlines()[0] if text else "no message"
    return (
        FAILED,
        f"unexpected {type(error).__name__}: {first_line[:300]}\nRun again with --debug for the traceback.",
    )
