"""The cases, a module for each family of layers."""

from importlib import import_module

from tests.conformance.case import LayerCase

FAMILIES = (
    "base",
    "neighbourhoods",
    "kernels",
    "spectral",
    "stacks",
    "cached",
    "models",
    "functions",
    "attention",
    "pools",
    "messages",
    "dense",
    "norms",
    "points",
)


def all_cases() -> list[LayerCase]:
    """In the order of the families; the same objects at every call."""
    return [case for family in FAMILIES for case in import_module(f"{__name__}.{family}").CASES]
