"""The fixed questions whose answers are stored."""

from functools import cache

from tests.peers import neighbours, reductions, sparse, splines
from tests.peers.case import Case


@cache
def cases() -> tuple[Case, ...]:
    """Every case; the keys are unique."""
    return (*reductions.cases(), *sparse.cases(), *neighbours.cases(), *splines.cases())
