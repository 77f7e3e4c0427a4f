"""The demo's views: the centers while the day runs, and the figures of CONTRACT at its end."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from fixtrail.clickhouse.query import rows
from fixtrail.settings import ClickHouseSettings
from schemas.facts import WAITS

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
    "finishing": "finish",
    "pickup": "pickup",
}
CAUSES = {
    "reception": "for somebody to begin",
    "approval": "for the customer's decision",
    "parts": "for parts",
    "bay": "for a bay",
}


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


def centers_table(settings: ClickHouseSettings, now: datetime, local: datetime, events: int) -> "Table":
    """One line per center: open orders by what is going on, waits now, and the day's results so far."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from fixtrail.terminal.printable import cell

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
        table.add_row(cell(row["name"] or row["id"]), *counts, wait, str(row["handed_off"]), ftf, score)
    return table


def orders_now(settings: ClickHouseSettings) -> str:
    """One line for a log: how many orders are open and done."""
    counts = rows(settings, "SELECT countIf(status = 'open') AS open, count() AS all FROM orders")[0]
    return f"{counts['all']:,} orders, {counts['open']:,} open"


def summary_lines(settings: ClickHouseSettings) -> list[str]:
    """The day in figures: orders, wait by cause, first-time fix and NPS with 95 % intervals and n."""
    from fixtrail.reports.stats import intervals

    waits = ", ".join(f"avgIf(wait_{name}_s, closed) AS {name}_s" for name in WAITS)
    day = rows(
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
        f"[bold]{day['orders']:,} orders[/bold]: {day['handed_off']:,} handed off, {day['open']:,} open, "
        f"{day['cancelled']:,} cancelled",
    ]
    if day["handed_off"]:
        wait, lead = day["wait_s"] / 60, day["lead_s"] / 60
        lines.append(f"[bold]Wait {wait:.1f} min[/bold] of {lead:.1f} min from check-in to handoff:")
        lines += [f"  {day[f'{name}_s'] / 60:6.1f} min {CAUSES[name]}" for name in WAITS]
    if day["judged"]:
        bounds = intervals.share(day["fixed"], day["judged"])
        share = day["fixed"] / day["judged"]
        lines.append(
            f"[bold]First-time fix {100 * share:.1f} %[/bold]  "
            f"(95 %: {100 * (bounds.low or 0):.1f} to {100 * (bounds.high or 0):.1f}, "
            f"n = {day['judged']:,})"
        )
    if day["answers"]:
        bounds = intervals.nps(day["promoters"], day["detractors"], day["answers"])
        interval = f"95 %: {bounds.low:+.0f} to {bounds.high:+.0f}, n = {day['answers']:,}"
        lines.append(f"[bold]NPS {_nps(day):+.0f}[/bold]  ({interval})")
    return lines


def _nps(row: dict[str, Any]) -> float:
    return float(100 * (row["promoters"] - row["detractors"]) / row["answers"])
