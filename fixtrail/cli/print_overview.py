"""`fixtrail status` for people: one screen."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from fixtrail.operations.overview import BoxState, Overview
from fixtrail.operations.status import LagSnapshot
from fixtrail.operations.verdict import Verdict, verdict_of
from fixtrail.terminal.printable import escaped

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Wide enough for every table where the output is no terminal.
_PIPE_WIDTH = 140
_REDRIVEN = "redriven"


def print_overview(screen: Overview, pace: Mapping[str, int], now: float) -> None:
    """Lags, boxes, heartbeats and dead letters on stdout; `pace` is records a second by box."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    _print_verdict(console, verdict_of(screen))
    for trouble in screen.troubles:
        console.print(f"[red]{escaped(trouble)}[/red]")
    for difference in screen.topics:
        console.print(f"[yellow]{escaped(difference.text)}[/yellow]")
    for lost in screen.lost:
        console.print(
            f"[red]{escaped(lost.reader)} never saw {lost.records:,} records of partition {lost.partition} of "
            f"{lost.topic}: the broker had deleted them (docs/runbooks/records-lost.md)[/red]"
        )
    if screen.look:
        console.print(_lags(screen.look))
    if screen.boxes:
        console.print(_boxes(screen.boxes, pace, now))
    for box in screen.boxes:
        if box.ended:
            console.print(f"{box.name}, the last time: {escaped(box.ended)}")
    if screen.heartbeats:
        delays = ", ".join(f"{beat.way} {_seconds(beat.took_s)}" for beat in screen.heartbeats)
        oldest = max(beat.age_s for beat in screen.heartbeats)
        console.print(f"heartbeats: {delays}; the last one was sent {_seconds(oldest)} ago")
    if screen.letters:
        console.print(_letters(screen.letters))
        console.print("`fixtrail dead-letters list` says where they are (--reference: those of reference events)")
    elif screen.letters is not None and screen.look is not None:
        console.print("no dead letters")


_COLOURS = {"well": "green", "look": "yellow", "bad": "red", "unknown": "yellow"}


def _print_verdict(console: "Console", verdict: Verdict) -> None:
    """The first line: how it is; then what to do, and what nobody could say."""
    colour = _COLOURS[verdict.level]
    console.print(f"[bold {colour}]{verdict.level.upper()}[/bold {colour}]  {escaped(verdict.text)}", soft_wrap=True)
    if verdict.advice:
        console.print(f"      {escaped(verdict.advice)}: {verdict.runbook}", soft_wrap=True)
    if verdict.unasked:
        console.print(f"      not checked: {escaped(', '.join(verdict.unasked))}", soft_wrap=True)


def _lags(look: LagSnapshot) -> "Table":
    table = _table("How far behind", "group", "topic")
    for name in ("partitions", "end", "lag", "worst partition"):
        table.add_column(name, justify="right")
    for group_topic in sorted({(lag.group, lag.topic) for lag in look.lags}):
        lags = [lag for lag in look.lags if (lag.group, lag.topic) == group_topic]
        behind, worst = sum(lag.lag for lag in lags), max(lags, key=lambda lag: lag.lag)
        total = f"[yellow]{behind:,}[/yellow]" if behind else "0"
        at_worst = f"{worst.partition}: {worst.lag:,}" if worst.lag else ""
        table.add_row(*map(escaped, group_topic), str(len(lags)), f"{sum(lag.end for lag in lags):,}", total, at_worst)
    return table


def _boxes(boxes: list[BoxState], pace: Mapping[str, int], now: float) -> "Table":
    table = _table("Boxes", "box", "pid", "state")
    for name in ("up", "restarts", "memory", "records", "per second", "retries", "newest event"):
        table.add_column(name, justify="right")
    for box in boxes:
        color = "green" if box.state == "ready" else "red"
        table.add_row(
            box.name,
            str(box.pid or ""),
            f"[{color}]{box.state}[/{color}]",
            "" if box.up_s is None else _long(box.up_s),
            f"[yellow]{box.restarts}[/yellow]" if box.restarts else "0",
            "" if box.memory_bytes is None else f"{box.memory_bytes / 2**20:,.0f} MiB",
            "" if box.records is None else f"{box.records:,.0f}",
            f"{pace[box.name]:,}" if box.name in pace else "",
            "" if box.retries is None else f"{box.retries:,.0f}",
            "" if not box.newest_event_at else f"{_long(now - box.newest_event_at)} old",
        )
    return table


def _letters(letters: Mapping[str, int]) -> "Table":
    table = _table("Dead letters", "code")
    table.add_column("letters", justify="right")
    for code, count in letters.items():
        if code != _REDRIVEN:
            table.add_row(escaped(code), f"{count:,}")
    if back := letters.get(_REDRIVEN):
        table.add_row("put back", f"{back:,}")
    return table


def _table(title: str, *columns: str) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(*columns, title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 120 else _long(seconds)


def _long(seconds: float) -> str:
    """1 d 02:03:04."""
    elapsed = timedelta(seconds=max(0, round(seconds)))
    days, time_of_day = elapsed.days, elapsed - timedelta(days=elapsed.days)
    return f"{days:,} d {time_of_day}" if days else str(time_of_day)
