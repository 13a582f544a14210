"""Measures one setting of one section in this process; the answer is the last line, in JSON."""

import json
import sys
from importlib import import_module

from geocompile.measurement.memory import peak_of
from geocompile.timing import time_side_by_side


def times(section: str, setting: str, seconds: float) -> dict[str, float]:
    """Median seconds of each contender, in turns."""
    makers = import_module(section).contenders(setting)
    calls = {name: make() for name, make in makers.items()}
    return {name: timing.p50 for name, timing in time_side_by_side(calls, seconds, warm_up=1).items()}


def memory(section: str, setting: str, name: str) -> int:
    """Bytes that a call adds at its peak to what was resident before it."""
    return peak_of(import_module(section).contenders(setting)[name]())


if __name__ == "__main__":
    task, section, setting, argument = sys.argv[1:]
    print(
        json.dumps(
            times(section, setting, float(argument)) if task == "time" else memory(section, setting, argument)
        )
    )
