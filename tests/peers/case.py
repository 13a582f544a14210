"""A question to a peer: the function, its arguments, what is differentiated, and where we mean something else."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Difference:
    """Where our settled meaning is not the peer's.

    Attributes:
        reason: Why ours is another.
        ours: What ours gives, by output name; written by hand.
    """

    reason: str
    ours: dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """One call of a peer's function.

    Attributes:
        function: The peer's function, a key of `tests.peers.peers.FUNCTIONS`.
        name: What is particular about the case; unique within the function.
        arguments: numpy arrays and plain values.
        dtype: The dtype that floating arrays are cast to, for those that numpy does not have; empty: as they are.
        differentiate: The arguments whose gradients are recorded too, as ``grad.<argument>``.
        difference: Where our meaning is another.
    """

    function: str
    name: str
    arguments: dict[str, Any]
    dtype: str = ""
    differentiate: tuple[str, ...] = ()
    difference: Difference | None = None

    @property
    def key(self) -> str:
        return f"{self.function}/{self.name}"

    def digest(self) -> str:
        """A checksum of the question: an answer that was given to another question is found by it."""
        checksum = hashlib.sha256(f"{self.key} {self.dtype} {self.differentiate}".encode())
        for name, value in sorted(self.arguments.items()):
            array = np.ascontiguousarray(value) if isinstance(value, np.ndarray) else None
            text = f"{name}={value!r}" if array is None else f"{name}:{array.dtype.str}{array.shape}"
            checksum.update(text.encode())
            checksum.update(b"" if array is None else array.tobytes())
        return checksum.hexdigest()[:16]


def generator(seed: int) -> np.random.RandomState:
    """The generator whose streams NumPy has promised never to change."""
    return np.random.RandomState(seed)


def values(shape: tuple[int, ...], dtype: type = np.float64, seed: int = 0) -> np.ndarray:
    """Multiples of 1/128 between -4 and 4: exact in float16, ties among them, the same on every machine."""
    return (generator(seed).randint(-512, 513, shape) / 128).astype(dtype)


def positions(shape: tuple[int, ...], dtype: type = np.float64, seed: int = 0) -> np.ndarray:
    """Multiples of 2^-20 in [0, 1): no two distances among a few of them are equal."""
    return (generator(seed).randint(0, 2**20, shape) / 2**20).astype(dtype)
