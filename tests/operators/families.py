"""The families of operators: each has a module of its name among the cases, and one among the oracles."""

from importlib import import_module
from types import ModuleType

FAMILIES = (
    "csr",
    "segment",
    "norm",
    "scatter",
    "attention",
    "fps",
    "edge_attention",
    "neighbours",
    "clusters",
    "kernels",
    "selection",
    "spline_basis",
    "grouped",
)


def modules_in(package: str) -> list[ModuleType]:
    """The module of each family in `package`."""
    return [import_module(f"{package}.{family}") for family in FAMILIES]
