"""What a message advises when torch cannot make an engine of a program."""

from __future__ import annotations


def way_out(target: str) -> str:
    """The last line of such a message; the reason stands before it and need not be an operator."""
    return (
        f"  leave '{target}' out of the targets; if the reason is an operator, replace it in the model; "
        "if not, please report it with the model"
    )
