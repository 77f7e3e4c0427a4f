"""What the demo shows: the centers while the day runs, and the figures of CONTRACT at its end."""

from datetime import datetime
from math import sqrt
from typing import TYPE_CHECKING, Any

from fixtrail.clickhouse.query import rows
from fixtrail.settings import Settings

if TYPE_CHECKING:
    from rich.table import Table

# Activities and what heads their column.
ACTIVITIES = {
    "reception": "recept",
    "diagnosis": "diagn",
    "approval": "approv",
    "parts": "parts",
    "bay": "bay",
    "repair": "repair",
    "quality": "check",
    "pickup": "pickup",
}
WAITS = ("reception", "approval", "parts", "bay")
CAUSES = {
    "reception": "for somebody to begin",
    "approval": "for the customer's decision",
    "parts": "for parts",
    "bay": "for a bay",
}
# Two-sided 95 %.
_Z = 1.959964


def _centers_query(now: datetime) -> str:
    """Every center with its open orders as of `now`, the simulated instant: views count open orders to the clock."""
    open_by = ", ".join(f"countIf(activity = '{name}') AS {name}" for name in ACTIVITIES)
    at = f"fromUnixTimestamp64Milli({int(now.timestamp() * 1000)}, 'UTC')"
    ahead_s = f"dateDiff('millisecond', {at}, now64(3)) / 1000"
    waiting = ", ".join(f"'{name}'" for name in WAITS)
    return f"""
        SELECT o.center_id AS id, any(c.name_en) AS name, any(c.wave) AS wave, {open_by},
            avgIf(greatest(0, o.wait_s - if(o.activity IN ({waiting}), {ahead_s}, 0)), o.status = 'open') AS wait_now_s,
            countIf(o.status = 'handed_off') AS handed_off,
            countIf(o.ftf) AS fixed, countIf(o.ftf IS NOT NULL) AS judged,
            countIf(o.score >= 9) AS promoters, countIf(o.score <= 6) AS detractors, count(o.score) AS answers
        FROM orders AS o LEFT JOIN centers AS c ON c.center_id = o.center_id
        WHERE o.center_id IS NOT NULL
        GROUP BY o.center_id ORDER BY wave, id
    """


def centers_table(settings: Settings, now: datetime, local: datetime, events: int) -> "Table":
    """One line per center: open orders by what is going on, waits now, and the day's results so far."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        title=f"{local:%A %H:%M}   {events:,} events", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    table.add_column("center")
    for name, short in ACTIVITIES.items():
        table.add_column(short, justify="right", style="red" if name in WAITS else "cyan")
    for name in ("wait now", "done", "FTF", "NPS (n)"):
        table.add_column(name, justify="right")
    for row in rows(settings, _centers_query(now)):
        counts = [str(row[name]) if row[name] else "[dim]·[/dim]" for name in ACTIVITIES]
        wait = f"{row['wait_now_s'] / 60:.0f} min" if row["wait_now_s"] is not None else ""
        ftf = f"{100 * row['fixed'] / row['judged']:.0f} %" if row["judged"] else ""
        score = f"{_nps(row):+.0f} ({row['answers']})" if row["answers"] else ""
        table.add_row(row["name"] or row["id"], *counts, wait, str(row["handed_off"]), ftf, score)
    return table


def orders_now(settings: Settings) -> str:
    """One line for a log: how many orders are open and done."""
    found = rows(settings, "SELECT countIf(status = 'open') AS open, count() AS all FROM orders")[0]
    return f"{found['all']:,} orders, {found['open']:,} open"


def summary_lines(settings: Settings) -> list[str]:
    """The day in figures: orders, wait by cause, first-time fix and NPS with 95 % intervals and n."""
    waits = ", ".join(f"avgIf(wait_{name}_s, closed) AS {name}_s" for name in WAITS)
    found = rows(
        settings,
        f"""
        WITH status = 'handed_off' AS closed
        SELECT count() AS orders, countIf(closed) AS handed_off, countIf(status = 'open') AS open,
            countIf(status = 'cancelled') AS cancelled,
            avgIf(lead_s, closed) AS lead_s, avgIf(wait_s, closed) AS wait_s, {waits},
            countIf(ftf) AS fixed, countIf(ftf IS NOT NULL) AS judged,
            countIf(score >= 9) AS promoters, countIf(score <= 6) AS detractors, count(score) AS answers
        FROM orders
        """,
    )[0]
    lines = [
        "",
        f"[bold]{found['orders']:,} orders[/bold]: {found['handed_off']:,} handed off, {found['open']:,} open, "
        f"{found['cancelled']:,} cancelled",
    ]
    if found["handed_off"]:
        wait, lead = found["wait_s"] / 60, found["lead_s"] / 60
        lines.append(f"[bold]Wait {wait:.1f} min[/bold] of {lead:.1f} min from check-in to handoff:")
        lines += [f"  {found[f'{name}_s'] / 60:6.1f} min {CAUSES[name]}" for name in WAITS]
    if found["judged"]:
        low, high = wilson(found["fixed"], found["judged"])
        share = found["fixed"] / found["judged"]
        lines.append(
            f"[bold]First-time fix {100 * share:.1f} %[/bold]  (95 %: {100 * low:.1f} to {100 * high:.1f}, "
            f"n = {found['judged']:,})"
        )
    if found["answers"]:
        low, high = nps_interval(found["promoters"], found["detractors"], found["answers"])
        interval = f"95 %: {low:+.0f} to {high:+.0f}, n = {found['answers']:,}"
        lines.append(f"[bold]NPS {_nps(found):+.0f}[/bold]  ({interval})")
    return lines


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson, JASA 1927); stays within 0 and 1 for small n."""
    share, z2 = successes / n, _Z * _Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def nps_interval(promoters: int, detractors: int, n: int) -> tuple[float, float]:
    """The 95 % interval of an NPS as the mean of scores +100, 0, -100; within -100 and 100."""
    # Three pseudo-answers, one of each kind, keep the interval honest where all answers are alike.
    p, d, m = (promoters + 1) / (n + 3), (detractors + 1) / (n + 3), n + 3
    half = 100 * _Z * sqrt((p + d - (p - d) ** 2) / m)
    middle = 100 * (p - d)
    return max(-100.0, middle - half), min(100.0, middle + half)


def _nps(row: dict[str, Any]) -> float:
    return float(100 * (row["promoters"] - row["detractors"]) / row["answers"])
