"""A section's measurements as a Markdown table, with its goals and whether they were met."""

from dataclasses import dataclass
from types import ModuleType

from benchmarks.kernels.section import Goal, Limit


@dataclass(frozen=True)
class Measured:
    """Seconds and, where they were asked for, bytes of each contender."""

    seconds: dict[str, float]
    peak_bytes: dict[str, int]


def section_table(module: ModuleType, measured: dict[str, Measured]) -> str:
    """One row for each setting; one column for each contender, and what there is to say of goals."""
    names = list(dict.fromkeys(name for m in measured.values() for name in m.seconds))
    has_traffic, per_edge = hasattr(module, "traffic"), getattr(module, "PER_EDGE", False)
    heads = ["", *names, *(["GB/s"] if has_traffic else []), *([] if per_edge else ["goals"])]
    lines = [f"## {module.TITLE}", "", _row(heads), _row(["---", *["---:"] * (len(heads) - 2), "---"])]
    for setting, m in measured.items():
        cells = [setting]
        for name in names:
            cells.append(_cell(module, setting, m, name))
        if has_traffic:
            cells.append(f"{module.traffic(setting) / next(iter(m.seconds.values())) / 1e9:.0f}")
        if not per_edge:
            cells.append("; ".join(filter(None, (_goal(goal, m) for goal in module.goals(setting)))))
        lines.append(_row(cells))
    return "\n".join(lines)


def _cell(module: ModuleType, setting: str, m: Measured, name: str) -> str:
    if name not in m.seconds:
        return ""
    if getattr(module, "PER_EDGE", False):
        return f"{m.seconds[name] / module.SETTINGS[setting][1] * 1e9:.2f} ns {getattr(module, 'ONE', 'an edge')}"
    peak = f", {m.peak_bytes[name] / 1e6:.0f} MB" if name in m.peak_bytes else ""
    return f"{m.seconds[name] * 1e3:.2f}{peak}"


def _goal(goal: Goal | Limit, m: Measured) -> str:
    if isinstance(goal, Limit):
        return _said(f"{goal.ours}: at most {goal.seconds * 1e3:g} ms", m.seconds[goal.ours] <= goal.seconds)
    values = m.seconds if goal.of == "time" else m.peak_bytes
    rivals = [values[rival] for rival in goal.rivals if rival in values]
    if not rivals:
        return ""
    ratio = min(rivals) / values[goal.ours]
    what = f"{goal.ours}: {ratio:.2f}x" + (" less memory" if goal.of == "memory" else "")
    return _said(f"{what} of {goal.factor:.2f}x", ratio >= goal.factor)


def _said(text: str, met: bool) -> str:
    return f"{text} {'met' if met else '**missed**'}"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
