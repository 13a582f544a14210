"""Times several ways to do the same thing side by side, so that what disturbs the machine disturbs them alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

WARM_UP_CALLS = 3
MIN_ROUNDS = 7
BURST_SECONDS = 0.02
PAUSE_SECONDS = 0.005
LONG_SECONDS = 0.2  # caches are filled again within a few milliseconds: a call of this length hardly notices


@dataclass(frozen=True)
class Timing:
    """The latencies of one contender, in seconds."""

    p50: float
    p99: float
    calls: int

    @staticmethod
    def of(latencies: list[float]) -> "Timing":
        """Median and 99th percentile (the slowest call where there are fewer than a hundred)."""
        ordered = sorted(latencies)
        return Timing(median(ordered), ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], len(ordered))


def time_side_by_side(
    contenders: Mapping[str, Callable[[], object]],
    seconds: float,
    min_rounds: int = MIN_ROUNDS,
    warm_up: int = WARM_UP_CALLS,
) -> dict[str, Timing]:
    """Call each contender for about `seconds`, in turns.

    A turn is a burst of calls after a pause, in which the previous contender's worker threads stop spinning; its first
    call is not counted, because the caches are still the previous contender's, unless it is a long one. Every round
    reverses the order.

    Args:
        contenders: Functions without arguments, by name.
        seconds: For each contender; at least `min_rounds` rounds are made, however long they take.
        min_rounds: For calls that take seconds, fewer.
        warm_up: Calls of each that come first and do not count.
    """
    for call in contenders.values():
        for _ in range(warm_up):
            call()
    latencies: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    deadline = time.perf_counter() + seconds * len(contenders)
    rounds = 0
    while rounds < min_rounds or time.perf_counter() < deadline:
        for name in order:
            latencies[name] += _burst(contenders[name])
        order.reverse()
        rounds += 1
    return {name: Timing.of(values) for name, values in latencies.items()}


def _burst(call: Callable[[], object]) -> list[float]:
    time.sleep(PAUSE_SECONDS)
    first = seconds_of(call)
    if first > LONG_SECONDS:
        return [first]
    latencies: list[float] = []
    end = time.perf_counter() + BURST_SECONDS
    while not latencies or time.perf_counter() < end:
        latencies.append(seconds_of(call))
    return latencies


def seconds_of(call: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
