"""`geocompile run`: one engine of a bundle on one graph. With ONNX it needs no torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

import geocompile
from geocompile.cli import tables
from geocompile.cli.options import BundleArgument, DebugOption, JsonOption, ThreadsOption
from geocompile.cli.outcome import InputError, Outcome, reported

if TYPE_CHECKING:
    from geocompile.cli.tensor_files import Array

EPILOG = """Examples:

geocompile run build/gcn --input graph.npz --output out.npz

geocompile run build/gcn --input graph.npz --target torchscript --num-threads 1

geocompile run build/gcn --input graph.npz --portable
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("run", epilog=EPILOG)(run_engine)


@reported
def run_engine(
    bundle: BundleArgument,
    input: Annotated[
        Path,
        typer.Option(
            "--input",
            metavar="FILE",
            help="The graph: .npz or .safetensors, keys are the inputs.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="Write the outputs: .npz or .safetensors.", show_default=False
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", help="The engine; default: onnx, if the bundle has it.", show_default=False),
    ] = None,
    portable: Annotated[
        bool,
        typer.Option(
            "--portable", help="Run the ONNX engine in standard operators, without geocompile's library."
        ),
    ] = False,
    num_threads: ThreadsOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> Outcome:
    """Run one engine of a bundle on a graph from a file, and write its outputs to another."""
    from geocompile.cli.tensor_files import check_writable, read_tensors, write_tensors
    from geocompile.verification.structure import flatten

    if output is not None:
        check_writable(output)
    opened = geocompile.load(bundle)
    target = target or _first(opened.targets)
    tensors = read_tensors(input)
    session = opened.session(target, num_threads=num_threads, portable=portable)
    try:
        result = session(**tensors)
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        raise InputError(f"{input}: {error}") from error
    flat = flatten(result, opened.manifest.output_structure)
    outputs = {spec.name: value for spec, value in zip(opened.manifest.outputs, flat, strict=True)}
    if output is not None:
        write_tensors(output, outputs)
    content = {
        "ok": True,
        "target": target,
        "portable": portable,
        "output": None if output is None else str(output),
        "outputs": [_summary(name, value) for name, value in outputs.items()],
    }
    return Outcome(content, lambda console: _draw(console, content))


def _first(targets: tuple[str, ...]) -> str:
    if not targets:
        raise InputError("the bundle has no engine: compile it anew")
    return "onnx" if "onnx" in targets else targets[0]


def _summary(name: str, value: "Array") -> dict[str, Any]:
    """Name, dtype, shape, and range of one output; the range is None where there is no finite number."""
    import numpy as np

    finite = value[np.isfinite(value)] if value.dtype.kind == "f" else value
    low, high = (finite.min().item(), finite.max().item()) if finite.size else (None, None)
    return {"name": name, "dtype": value.dtype.name, "shape": list(value.shape), "min": low, "max": high}


def _draw(console: Console, content: dict[str, Any]) -> None:
    rows = tables.table("output", "type", "min", "max", right=("min", "max"))
    for entry in content["outputs"]:
        numbers = ["-" if entry[key] is None else f"{entry[key]:.6g}" for key in ("min", "max")]
        rows.add_row(escape(entry["name"]), escape(f"{entry['dtype']} {entry['shape']}"), *numbers)
    console.print(rows)
    engine = content["target"] + (" (portable)" if content["portable"] else "")
    where = f", written to {content['output']}" if content["output"] else "; add --output FILE to keep it"
    console.print(f"run by the {engine} engine{where}", highlight=False, markup=False, soft_wrap=True)
