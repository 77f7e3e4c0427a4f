"""Small pictures as SVG, drawn on the server: no chart library in the browser, no inline style, colours by class."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from schemas.facts import WAITS, Activity


def stacked_bar(by_activity: Mapping[Activity, int], label: str) -> Markup:
    """Open orders by what goes on, as one bar of full width; empty where there are none."""
    total = sum(by_activity.values())
    at, parts = 0.0, []
    for name, count in by_activity.items():
        width = 100 * count / total if total else 0.0
        if count:
            parts.append(f'<rect class="{kind_of(name)}" x="{at:.2f}" width="{max(0.6, width - 0.6):.2f}" height="8"/>')
        at += width
    return _svg(100, 8, "bar", label, parts)


def sparkline(values: Sequence[float | None], target: float | None, label: str) -> Markup:
    """One value a day as a line, days without one left out; the target as a dashed line; today as a dot."""
    present_values = [value for value in values if value is not None]
    if not present_values:
        return Markup("")
    high = max([*present_values, target or 0.0]) * 1.1 or 1.0
    step = 96 / max(1, len(values) - 1)
    points = [(2 + index * step, 26 - 24 * value / high) for index, value in enumerate(values) if value is not None]
    parts = []
    if target is not None:
        level = 26 - 24 * target / high
        parts.append(f'<line class="target" x1="0" x2="100" y1="{level:.1f}" y2="{level:.1f}"/>')
    parts.append(f'<polyline class="line" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>')
    if values[-1] is not None:
        parts.append(f'<circle class="dot" cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="2.5"/>')
    return _svg(100, 28, "spark", label, parts)


def length_bar(length: float, label: str) -> Markup:
    """One bar from the left, `length` of 100 long."""
    return _svg(100, 8, "bar", label, [f'<rect class="wait" x="0" width="{max(0.6, length):.2f}" height="8"/>'])


def hour_bars(
    first: Sequence[int],
    second: Sequence[int],
    marks: Sequence[str],
    label: str,
    *,
    width: int = 720,
    height: int = 160,
) -> Markup:
    """Two counts for each hour side by side, with the hour below."""
    high = max([*first, *second, 1])
    floor = height - 22
    slot = width / max(1, len(marks))
    parts = [f'<line class="axis" x1="0" x2="{width}" y1="{floor}" y2="{floor}"/>']
    for index, mark in enumerate(marks):
        for offset, (kind, value) in enumerate((("work", first[index]), ("done", second[index]))):
            tall = (floor - 16) * value / high
            x = slot * index + slot * (0.12 + 0.38 * offset)
            if value:
                parts.append(
                    f'<rect class="{kind}" x="{x:.1f}" y="{floor - tall:.1f}" width="{slot * 0.36:.1f}" '
                    f'height="{tall:.1f}"/><text x="{x + slot * 0.18:.1f}" y="{floor - tall - 3:.1f}">{value}</text>'
                )
        parts.append(f'<text x="{slot * (index + 0.5):.1f}" y="{height - 6}">{escape(mark)}</text>')
    return _svg(width, height, "hours", label, parts)


def gantt(stages: Sequence[tuple[Activity, int, int]], label: str) -> Markup:
    """A visit's stretches from left to right as long as they took; times in ms."""
    if not stages:
        return Markup("")
    begin, end = stages[0][1], max(stages[-1][2], stages[0][1] + 1)
    scale = 1000 / (end - begin)
    parts = [
        f'<rect class="{kind_of(name)}" x="{(started - begin) * scale:.1f}" '
        f'width="{max(1.0, (ended - started) * scale - 1):.1f}" height="24"/>'
        for name, started, ended in stages
    ]
    return _svg(1000, 24, "gantt", label, parts)


def kind_of(activity: Activity | None) -> str:
    """wait, work or done: what an activity is to the customer."""
    if activity in WAITS:
        return "wait"
    return "done" if activity == "pickup" else "work"


def _svg(width: int, height: int, kind: str, label: str, parts: Sequence[str]) -> Markup:
    # Only numbers and fixed names are in the parts; the label is escaped here.
    stretched = ' preserveAspectRatio="none"' if kind in ("bar", "gantt") else ""
    return Markup(
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}"{stretched}>'
        f"{''.join(parts)}</svg>"
    )
