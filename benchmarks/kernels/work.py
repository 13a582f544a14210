"""What a call cannot do without: each byte of its tensors moved once, and the multiply-adds of its formula."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Counted:
    """A call that says what it reads; its result says what it writes."""

    call: Callable[[], object]
    reads: tuple[Tensor | None, ...]
    multiply_adds: int

    def __call__(self) -> object:
        return self.call()

    def bytes_moved(self, result: object) -> int:
        """Bytes of what is read and of what `result` holds: less cannot be moved, whatever the caches hold."""
        return _bytes(self.reads) + _bytes(result)


def counted(
    call: Callable[[], object], *reads: Tensor | None, multiply_adds: int = 0
) -> Callable[[], Counted]:
    """The maker of a contender whose share of the machine's bandwidth or multiply-adds is to be told."""
    return lambda: Counted(call, reads, multiply_adds)


def _bytes(found: object) -> int:
    if isinstance(found, Tensor):
        return found.numel() * found.element_size()
    return sum(_bytes(part) for part in found) if isinstance(found, tuple | list) else 0
