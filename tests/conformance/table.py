"""The conformance table as Markdown: a row for each class of the reference, the reasons below it."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from tests.conformance.reference import SECTIONS
from tests.conformance.store import PACKAGES

Cells = Mapping[tuple[str, str], str]  # (layer, column) -> "yes", or why not


def table(cells: Cells, columns: Sequence[str], cases: Mapping[str, int]) -> str:
    """`cases` is the number of cases of each layer; layers that are not in it have no row."""
    notes: dict[str, int] = {}
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    parts = [
        "# Conformance",
        f"Every class of the API reference against what it must equal: {versions}. A cell says yes where every case "
        "of the class holds; a number leads to the reason where a column does not apply or a case does not hold.",
    ]
    for section, layers in SECTIONS.items():
        rows = [
            _row(
                [layer, str(cases[layer]), *(_mark(cells.get((layer, c), "no case"), notes) for c in columns)]
            )
            for layer in layers
            if layer in cases
        ]
        head = [_row(["", "cases", *columns]), _row(["---", *["---:"] * (len(columns) + 1)])]
        parts += [f"## {section}", "\n".join([*head, *rows])] if rows else []
    parts += (
        ["## Reasons", "\n".join(f"{number}. {reason}" for reason, number in notes.items())] if notes else []
    )
    parts.append("Written by `python -m tests.conformance --write`.")
    return "\n\n".join(parts) + "\n"


def _mark(answer: str, notes: dict[str, int]) -> str:
    return "yes" if answer == "yes" else f"[{notes.setdefault(answer, len(notes) + 1)}]"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
