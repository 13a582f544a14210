"""A section's measurements as a Markdown table, with its goals and whether they were met."""

from types import ModuleType

from benchmarks.kernels.measure import Measured
from benchmarks.kernels.section import Goal, Limit
from benchmarks.machine import Roofs


def section_table(module: ModuleType, measured: dict[str, dict[str, Measured]], roofs: Roofs) -> str:
    """One row for each setting; one column for each contender, and what there is to say of goals."""
    names = list(dict.fromkeys(name for contenders in measured.values() for name in contenders))
    has_goals = any(module.goals(setting) for setting in measured)
    heads = [_unit(module), *names, *(["goals"] if has_goals else [])]
    lines = [
        f"## {module.TITLE}",
        "",
        _roofs(roofs),
        "",
        _row(heads),
        _row(["---", *["---:"] * len(names), *["---"] * has_goals]),
    ]
    for setting, contenders in measured.items():
        items = module.SETTINGS[setting][1] if hasattr(module, "PER") else None
        cells = [
            setting,
            *(_cell(contenders[name], items, roofs) if name in contenders else "" for name in names),
        ]
        if has_goals:
            cells.append("; ".join(filter(None, (_goal(goal, contenders) for goal in module.goals(setting)))))
        lines.append(_row(cells))
    return "\n".join(lines)


def _roofs(roofs: Roofs) -> str:
    copy, peak = roofs.bytes_a_second / 1e9, roofs.multiply_adds_a_second / 1e9
    return f"Roofs: copy {copy:.1f} GB/s, peak {peak:.0f} G multiply-adds a second."


def _unit(module: ModuleType) -> str:
    time, memory = (f"ns {module.PER}", f"B {module.PER}") if hasattr(module, "PER") else ("ms", "MB")
    return f"{time}, peak {memory}" if getattr(module, "MEASURES_MEMORY", False) else time


def _cell(m: Measured, items: int | None, roofs: Roofs) -> str:
    time, memory = (1e9 / items, 1 / items) if items else (1e3, 1e-6)
    parts = [f"{m.seconds * time:.2f}" + (" (one call)" if m.calls == 1 else "")]
    if m.bytes_moved:
        parts.append(_share(m, roofs))
    if m.peak_bytes is not None:
        parts.append(f"{m.peak_bytes * memory:.0f} {'B' if items else 'MB'}")
    return ", ".join(parts)


def _share(m: Measured, roofs: Roofs) -> str:
    """Of the roof that is nearer."""
    copy = m.bytes_moved / m.seconds / roofs.bytes_a_second
    peak = m.multiply_adds / m.seconds / roofs.multiply_adds_a_second
    share, roof = max((copy, "copy"), (peak, "peak"))
    return f"{share:.0%} {roof}" if share >= 0.095 else f"{share:.1%} {roof}"


def _goal(goal: Goal | Limit, contenders: dict[str, Measured]) -> str:
    if isinstance(goal, Limit):
        met = contenders[goal.ours].seconds <= goal.seconds
        return _said(f"{goal.ours}: at most {goal.seconds * 1e3:g} ms", met)
    values = {name: m.seconds if goal.of == "time" else m.peak_bytes for name, m in contenders.items()}
    rivals = [values[rival] for rival in goal.rivals if values.get(rival)]
    if not rivals:
        return ""
    ratio = min(rivals) / values[goal.ours]
    what = f"{goal.ours}: {ratio:.2f}x" + (" less memory" if goal.of == "memory" else "")
    return _said(f"{what} of {goal.factor:.2f}x", ratio >= goal.factor)


def _said(text: str, met: bool) -> str:
    return f"{text} {'met' if met else '**missed**'}"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
