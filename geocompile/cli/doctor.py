"""`geocompile doctor`: what is installed, whether it really opens, and what to install."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

import typer
from rich.console import Console
from rich.markup import escape

import geocompile
from geocompile.cli import probes, tables
from geocompile.cli.options import DebugOption, JsonOption
from geocompile.cli.outcome import FAILED, MISSING_RUNTIME, Outcome, reported
from geocompile.cli.probes import Check
from geocompile.cli.terminal_progress import TerminalProgress

EPILOG = """Examples:

geocompile doctor

geocompile doctor --json | jq '.checks[] | select(.status == "broken")'

The exit code is 0 when at least one runtime works and nothing is broken, 1 when something is broken,
3 when no runtime is installed. What is missing but not needed by everybody does not count.
"""

CHECKS: tuple[Callable[[], Check], ...] = (
    probes.machine,
    probes.gpu,
    partial(probes.package, "runtimes", "onnxruntime", "onnxruntime", "cpu", (1, 18)),
    probes.onnxruntime_library,
    partial(probes.package, "runtimes", "torch", "torch", "compile", (2, 10)),
    probes.torch_library,
    partial(probes.package, "compiling", "onnx", "onnx", "compile", (1, 19)),
    partial(probes.package, "compiling", "onnxscript", "onnxscript", "compile", (0, 5)),
    partial(probes.package, "compiling", "onnx_ir", "onnx-ir", "compile", (0, 1)),
    partial(probes.package, "compiling", "torch_geometric", "torch_geometric", "pyg", (2, 6)),
    partial(probes.package, "compiling", "scikit-learn", "scikit-learn", "demo", (1, 0)),
    probes.cpp_compiler,
    probes.cmake,
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("doctor", epilog=EPILOG)(doctor)


@reported
def doctor(as_json: JsonOption = False, debug: DebugOption = False) -> Outcome:
    """Show which runtimes, operator libraries, compilers and devices are here, and what to install.

    Each operator library is opened by its runtime, and the C++ compiler compiles something, in processes of their own.
    """
    with TerminalProgress().step("Looking around"), ThreadPoolExecutor() as pool:
        checks = list(pool.map(lambda check: check(), CHECKS))
    code = judge(checks)
    content = {
        "ok": code == 0,
        "geocompile": geocompile.__version__,
        "checks": [asdict(check) for check in checks],
    }
    return Outcome(content, lambda console: _draw(console, checks, code), code)


def judge(checks: list[Check]) -> int:
    """The exit code: broken things first, then whether any runtime works at all."""
    if any(check.status == "broken" for check in checks):
        return FAILED
    works = any(check.status == "ok" for check in checks if check.name.endswith("operators"))
    return 0 if works else MISSING_RUNTIME


def _draw(console: Console, checks: list[Check], code: int) -> None:
    marks = {"ok": "[green]✓[/]", "missing": "[yellow]-[/]", "broken": "[red]✗[/]", "unknown": "[yellow]?[/]"}
    rows = tables.table("", "what", "found", "what to do")
    for group in dict.fromkeys(check.group for check in checks):
        rows.add_row("", f"[bold]{group}[/]", "", "")
        for check in (check for check in checks if check.group == group):
            rows.add_row(marks[check.status], check.name, escape(check.detail), escape(check.advice))
    console.print(rows)
    verdict = {
        0: "[green]Ready.[/]",
        FAILED: "[red]Something is broken: see ✗ above.[/]",
        MISSING_RUNTIME: "[red]No runtime works:[/] pip install 'geocompile\\[cpu]'",
    }
    console.print(f"geocompile {geocompile.__version__}: {verdict[code]}", highlight=False)
