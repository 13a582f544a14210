"""Time for each point from four thousand points to a million: the plain search takes four times as long for each."""

from benchmarks.kernels.section import Goal, Limit, Maker, features
from benchmarks.kernels.work import counted

TITLE = "Growth of farthest point sampling, 3-D, ratio 0.25"
SETTINGS = {f"{size:,}": (size, size) for size in (4096, 16384, 65536, 262144, 1048576)}
PER, MEASURES_MEMORY = "a point", True


def contenders(setting: str) -> dict[str, Maker]:
    from geocompile.custom_ops import fps

    x = features(SETTINGS[setting][0], 3)
    return {"fps": counted(lambda: fps(x, ratio=0.25, random_start=False), x)}


def goals(setting: str) -> list[Goal | Limit]:
    return []
