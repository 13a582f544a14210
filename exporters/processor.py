"""The instruction sets of this machine's processor: recorded by an exporter, compared by a session."""

from __future__ import annotations

import re
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")

# names in /proc/cpuinfo of what a compiler makes use of by itself, x86 and ARM
_INSTRUCTIONS = re.compile(
    r"avx\w*|fma|f16c|bmi[12]|sse4_[12]|ssse3|popcnt|movbe|abm|amx\w*|sve\w*|asimd\w*|bf16|i8mm"
)


def cpu_flags() -> frozenset[str]:
    """All flags of this CPU as Linux names them (`avx2`, `avx512f`, `hypervisor`); empty where unknown."""
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):  # x86 and ARM
            return frozenset(value.split())
    return frozenset()


def native_instructions() -> list[str]:
    """The flags that code compiled with -march=native may need."""
    return sorted(flag for flag in cpu_flags() if _INSTRUCTIONS.fullmatch(flag))
