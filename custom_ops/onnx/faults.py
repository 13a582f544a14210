"""The part of a function body that fails where the kernel refuses: reading the second of one number.

A body has no words of its own. What a kernel refuses by value must not give numbers there either.
"""

from __future__ import annotations


def is_finite(name: str) -> str:
    """Body text: ``<name>_is_wrong`` [elements], where `name` is NaN or infinite."""
    return f"""
    {name}_without_itself = Sub ({name}, {name})
    {name}_is_nan = IsNaN ({name}_without_itself)
    {name}_flat = Constant <value = int64[1] {{-1}}> ()
    {name}_is_wrong = Reshape ({name}_is_nan, {name}_flat)
"""


def has_shape(name: str, size: str) -> str:
    """Body text: ``<name>_is_misshapen`` [1], where vector `name` has not `size` [1] elements (one would be spread)."""
    return f"""
    {name}_size = Shape ({name})
    {name}_has_size = Equal ({name}_size, {size})
    {name}_is_misshapen = Not ({name}_has_size)
"""


def fail_on(*faults: str) -> str:
    """Body text: ``nothing`` [1], which is 0, from `zero` [1]; fails where an element of `faults`, vectors, is true."""
    return f"""
    all_faults = Concat <axis = 0> ({", ".join(faults)})
    fault_numbers = Cast <to = 7> (all_faults)
    never_without = Concat <axis = 0> (zero, fault_numbers)
    worst_fault = ReduceMax <keepdims = 1> (never_without)
    nothing = Gather <axis = 0> (zero, worst_fault)
"""
