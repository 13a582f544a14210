"""The options that several commands share, written once so that they read and behave alike."""

from pathlib import Path
from typing import Annotated

import typer

JsonOption = Annotated[
    bool,
    typer.Option(
        "--json", help="Print JSON on stdout; progress and errors stay on stderr.", rich_help_panel="Output"
    ),
]
DebugOption = Annotated[
    bool,
    typer.Option(
        "--debug", help="Show Python's warnings, and the traceback of an error.", rich_help_panel="Output"
    ),
]
BundleArgument = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="The folder that compile wrote.", show_default=False)
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODULE:CALLABLE",
        help="The model: a function or class that returns an nn.Module, or a module instance.",
        show_default=False,
    ),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="FILE",
        help="The model's weights: .safetensors, or a state dict saved by torch.save (nothing else is unpickled).",
        show_default=False,
    ),
]
ExamplesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--example",
        metavar="FILE|MODULE:CALLABLE",
        help="An example graph: .npz or .safetensors with forward's parameter names as keys, or a function "
        "that returns one or several. Repeat for more; two of different size show what is dynamic.",
        show_default=False,
    ),
]
TargetsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="TARGET",
        help="Only this engine; repeat for more. Default: all.",
        show_default=False,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--num-threads",
        min=1,
        help="Threads that one call may use; default: the runtime's own.",
        show_default=False,
    ),
]
