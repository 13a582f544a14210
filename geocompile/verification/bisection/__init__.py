"""Bisection of a failed verification: the first stage, node and layer at which an engine and eager part."""

from geocompile.verification.bisection.search import find_fault

__all__ = ["find_fault"]
