"""One table of operator cases, good and refused, that drives every runtime; plain numpy, no torch.

A family of operators is a module with ``cases()``, ``refused()`` and, where it has operators that only gradients use,
``gradient_cases()``. Half precision needs no cases of its own: the table adds them, one for each form of a call.
"""

from tests.operators.cases.case import HALVES, REDUCTIONS, Case, in_halves, values
from tests.operators.cases.graphs import Graph, graphs, heavy_graph
from tests.operators.families import modules_in

__all__ = [
    "HALVES",
    "REDUCTIONS",
    "Case",
    "Graph",
    "cases",
    "gradient_cases",
    "graphs",
    "heavy_graph",
    "refused",
    "values",
]

_FAMILIES = modules_in(__name__)


def cases() -> list[Case]:
    """All cases with a result."""
    found = [case for family in _FAMILIES for case in family.cases()]
    return [*found, *in_halves(found)]


def gradient_cases() -> list[Case]:
    """Cases of the operators that only gradients use: they have no ONNX form."""
    families = [family for family in _FAMILIES if hasattr(family, "gradient_cases")]
    found = [case for family in families for case in family.gradient_cases()]
    return [*found, *in_halves(found)]


def refused() -> list[Case]:
    """Inputs that every runtime must refuse, with what the message must say."""
    return [case for family in _FAMILIES for case in family.refused()]
