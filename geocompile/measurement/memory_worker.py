"""`python -m geocompile.measurement.memory_worker BUNDLE TARGET THREADS`: prints the peak memory of one engine's call.

A process of its own knows nothing of what other engines, the compiler or the user's program hold. Before the call on
the largest sample there is one on the smallest, so that what a runtime sets up once (threads, scratch memory of its
libraries) is not counted; with a single sample there is no such call.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geocompile.measurement.memory import CannotMeasure, peak_of

if TYPE_CHECKING:
    from geocompile.bundle import Bundle

PATIENCE_SECONDS = 120


def peak_of_engine(folder: Path, target: str, num_threads: int) -> int:
    """Start the process and return what it measured, in bytes.

    Raises:
        CannotMeasure: It failed; the message is its reason.
    """
    command = [sys.executable, "-m", __name__, str(folder), target, str(num_threads)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise CannotMeasure(
            f"the process that measures memory took more than {PATIENCE_SECONDS} seconds"
        ) from None
    except OSError as error:
        raise CannotMeasure(f"the process that measures memory did not start ({error.strerror})") from None
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        raise CannotMeasure(f"the process that measures memory ended with code {done.returncode}") from None
    if "problem" in answer:
        raise CannotMeasure(str(answer["problem"]))
    return int(answer["bytes"])


def smallest_and_largest(samples: Sequence[Mapping[str, Any]]) -> list[int]:
    """The positions of the smallest and the largest sample by number of elements; one where they are equal."""
    sizes = [sum(array.size for array in inputs.values()) for inputs in samples]
    smallest, largest = sizes.index(min(sizes)), sizes.index(max(sizes))
    return [largest] if sizes[smallest] == sizes[largest] else [smallest, largest]


def _measure(bundle: "Bundle", target: str, num_threads: int) -> int:
    session = bundle.session(target, num_threads=num_threads)
    samples = [inputs for inputs, _ in bundle.samples()]
    *first, largest = smallest_and_largest(samples)
    for position in first:
        session(**samples[position])
    return peak_of(lambda: session(**samples[largest]))


def _main(folder: str, target: str, num_threads: str) -> None:
    import geocompile

    try:
        answer: dict[str, Any] = {"bytes": _measure(geocompile.load(folder), target, int(num_threads))}
    except Exception as error:  # the caller's report carries whatever went wrong
        answer = {"problem": (str(error).splitlines() or [type(error).__name__])[0]}
    print(json.dumps(answer))


if __name__ == "__main__":
    _main(*sys.argv[1:])
