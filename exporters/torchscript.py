"""TorchScript engines: the captured graph is written as source and scripted, never traced."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from geocompile.errors import ExportError
from geocompile.exporters import EngineFiles
from geocompile.exporters.advice import way_out
from geocompile.exporters.names import identifier
from geocompile.exporters.outputs import with_own_outputs
from geocompile.exporters.program import CapturedProgram
from geocompile.exporters.torchscript_source import Source, write_source

FILE = "model.ts"


def export(program: CapturedProgram, folder: Path) -> EngineFiles:
    """Writes `model.ts`, to be opened by `torch.jit.load` in Python or C++ once the operator library is loaded.

    Its `forward` takes the inputs in order and returns the flat outputs: a tensor, or a tuple of several.

    Raises:
        ExportError: The graph holds an operator that TorchScript has no form of.
    """
    module = script(program)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(module, str(folder / FILE))
    return EngineFiles("torchscript", FILE, libraries=["torch"], metadata={"torch": torch.__version__})


def script(program: CapturedProgram) -> torch.jit.ScriptModule:
    """The scripted module of a captured program.

    Raises:
        ExportError: TorchScript refuses the source; the message names the line.
    """
    source = write_source(with_own_outputs(program))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated upstream; what libtorch users run
        module = _empty_module(program.model_name, source)
        try:
            module.define(source.text)
        except RuntimeError as error:
            reason = next((line for line in str(error).splitlines() if line.strip()), "no reason given")
            raise ExportError(
                f"geocompile: TorchScript refuses the code of {program.model_name}: {reason.strip()}\n"
                + way_out("torchscript")
            ) from error
    return module.eval()


def _empty_module(name: str, source: Source) -> torch.jit.ScriptModule:
    """A module to define `forward` on; of a class of its own, since TorchScript defines methods once per class."""
    module = type(identifier(name, ()), (torch.nn.Module,), {"__module__": __name__})()
    for attribute, value in source.attributes.items():
        if isinstance(value, float):
            setattr(module, attribute, value)
        elif isinstance(value, torch.nn.Parameter):
            module.register_parameter(attribute, value)
        else:
            module.register_buffer(attribute, value)
    scripted: torch.jit.ScriptModule = torch.jit.script(module)
    return scripted
