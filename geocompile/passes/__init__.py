"""Passes: a captured program becomes an equal one with less work in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from geocompile.capture.describe import describe_outputs
from geocompile.exporters.program import CapturedProgram
from geocompile.passes.drop_dropout import DROP_DROPOUT
from geocompile.passes.fold_constants import FOLD_CONSTANTS
from geocompile.passes.framework import Editor, Pass, PassResult
from geocompile.passes.merge_preprocessing import MERGE_PREPROCESSING
from geocompile.passes.remove_dead_code import REMOVE_DEAD_CODE

__all__ = ["PASSES", "Editor", "Pass", "PassResult", "chosen_passes", "run_passes"]

PASSES: tuple[Pass, ...] = (DROP_DROPOUT, FOLD_CONSTANTS, MERGE_PREPROCESSING, REMOVE_DEAD_CODE)
"""All passes, in the order in which they run."""


def run_passes(
    program: CapturedProgram, enabled: Sequence[str] | None = None
) -> tuple[CapturedProgram, list[PassResult]]:
    """Runs passes on a copy of `program`.

    Args:
        program: What capture gave.
        enabled: Names of the passes to run; they run in the order of `PASSES`. None: all.

    Returns:
        The changed program, and what each pass changed.

    Raises:
        ValueError: A name is unknown.
    """
    steps = chosen_passes(enabled)
    editor = Editor(program)
    results = []
    for step in steps:
        details = step.rewrite(editor)
        results.append(PassResult(step.name, len(details), details))
    changed = editor.finish()
    return replace(changed, outputs=describe_outputs(changed)), results


def chosen_passes(names: Sequence[str] | None) -> tuple[Pass, ...]:
    """The passes of these names in the order in which they run; None: all.

    Raises:
        ValueError: A name is unknown.
    """
    known = [step.name for step in PASSES]
    for name in names or ():
        if name not in known:
            raise ValueError(f"geocompile: unknown pass {name!r}, choose from: {', '.join(known)}")
    return tuple(step for step in PASSES if names is None or step.name in names)
