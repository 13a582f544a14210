"""`geocompile compile`: a model, its weights and example graphs become a verified bundle."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import geocompile
from geocompile.cli import tables
from geocompile.cli.inspect import describe
from geocompile.cli.inspect import draw as draw_bundle
from geocompile.cli.options import DebugOption, ExamplesOption, JsonOption, TargetsOption, WeightsOption
from geocompile.cli.outcome import InputError, Outcome, reported
from geocompile.cli.terminal_progress import TerminalProgress

EPILOG = """Examples:

geocompile compile train:make_model --example train:graphs --output build/gcn

geocompile compile train:GCN --weights gcn.pt --example a.npz --example b.npz --output build/gcn

geocompile compile train:GCN --example a.npz --dynamic x=num_nodes,16 --output build/gcn
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("compile", epilog=EPILOG)(compile_model)


@reported
def compile_model(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:CALLABLE",
            help="The model: a function or class that returns an nn.Module, or a module instance. "
            "The current folder is searched first.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            metavar="FOLDER",
            help="The bundle to write; an older bundle is replaced.",
            show_default=False,
        ),
    ],
    example: ExamplesOption = None,
    weights: WeightsOption = None,
    target: TargetsOption = None,
    dynamic: Annotated[
        list[str] | None,
        typer.Option(
            "--dynamic",
            metavar="INPUT=DIMS",
            help="Name the dimensions of an input yourself, numbers for fixed ones: x=num_nodes,16. Repeat per input.",
            show_default=False,
        ),
    ] = None,
    no_pass: Annotated[
        list[str] | None,
        typer.Option(
            "--no-pass",
            metavar="NAME",
            help="Leave out this graph pass; repeat for more.",
            show_default=False,
        ),
    ] = None,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Do not compare the engines with eager.")
    ] = False,
    no_measure: Annotated[
        bool, typer.Option("--no-measure", help="Leave time and memory out of the report; a little faster.")
    ] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> Outcome:
    """Compile a trained model into a bundle and verify every engine against eager PyTorch.

    The bundle appears in one step when everything is done; an interrupted or failed run leaves nothing behind.
    """
    if not example:
        raise InputError("at least one --example is needed: a .npz or .safetensors file, or MODULE:CALLABLE")
    progress = TerminalProgress()
    with progress.step("Loading the model and the examples"):
        from geocompile.cli.references import load_examples, load_model
        from geocompile.compiler import TARGETS

        module = load_model(model, weights)
        examples = load_examples(example)
    with progress.step("Compiling" if no_verify else "Compiling and verifying"):
        bundle = geocompile.compile(
            module,
            examples,
            targets=tuple(target) if target else TARGETS,
            output=output,
            dynamic=parse_dynamic(dynamic or []),
            passes=_passes(no_pass or []),
            verify=not no_verify,
            progress=progress,
            measure=not no_measure,
        )
    content = describe(bundle)

    def draw(console: Console) -> None:
        draw_bundle(console, content, bundle)
        console.print(
            f"\nNext:  geocompile run {tables.path(bundle.path)} --input graph.npz --output out.npz",
            highlight=False,
            soft_wrap=True,
        )

    return Outcome(content, draw)


def parse_dynamic(entries: list[str]) -> dict[str, dict[int, str]] | None:
    """`["x=num_nodes,16"]` as `{"x": {0: "num_nodes"}}`; None where there is no entry.

    Raises:
        InputError: An entry has another form.
    """
    dynamic: dict[str, dict[int, str]] = {}
    for entry in entries:
        name, equals, sizes = entry.partition("=")
        parts = [part.strip() for part in sizes.split(",")]
        if not equals or not name or not all(part.isdigit() or part.isidentifier() for part in parts):
            raise InputError(
                f"--dynamic {entry!r} must read INPUT=SIZES, such as x=num_nodes,16 or edge_index=2,num_edges"
            )
        dynamic[name.strip()] = {axis: part for axis, part in enumerate(parts) if not part.isdigit()}
    return dynamic or None


def _passes(left_out: list[str]) -> list[str] | None:
    """The passes to run, or None for all of them."""
    if not left_out:
        return None
    from geocompile.passes import PASSES, chosen_passes

    chosen_passes(left_out)  # refuses an unknown name
    return [step.name for step in PASSES if step.name not in left_out]
