"""Puts the commands together: one Typer application, one module per command."""

from typing import Annotated

import typer

import geocompile
from geocompile.cli import bench, compile, demo, doctor, inspect, run, verify

app = typer.Typer(
    name="geocompile",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done · 1 the job failed (a verification, say) · 2 wrong usage or input · "
    "3 a runtime is missing · 130 interrupted",
)

for module in (compile, verify, run, bench, inspect, doctor, demo):
    module.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"geocompile {geocompile.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and stop.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Compile trained graph neural networks into verified engines.

    A trained PyTorch Geometric model goes in; a folder (the bundle) comes out, with ONNX, TorchScript and AOTInductor
    engines that were shown to equal eager PyTorch, and the operator libraries that they need.

    Start with `geocompile demo` to see the whole road on real data, or `geocompile doctor` to see what is
    installed. Every command takes `--json` for scripts and `--help` for examples.
    """
