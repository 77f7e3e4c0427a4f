"""Resolves a report's periods to days and centers, as the queries take them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

import pandas as pd

from fixtrail.reports.options import Options
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual
from fixtrail.reports.targets import ALL, Period

# No center has this id: what asks for centers of a wave that has none gets no orders, not all.
NO_CENTER = ""
DAYS_A_MONTH = 30.4375


@dataclass(frozen=True, slots=True)
class Span:
    """The days from the first close or complaint to the last one, both included; None where there was none.

    `last_close` is the last day on which an order was handed off or cancelled.
    """

    first: date | None
    last: date | None
    last_close: date | None = None


@dataclass(frozen=True, slots=True)
class ResolvedPeriod:
    """A period with its limits found: `since` and `until` are what the queries are asked, None for no limit."""

    name: str
    title: Bilingual
    since: date | None
    until: date | None
    centers: tuple[str, ...]
    rollout: str | None
    # What of it lies between the first close or complaint and the last, for figures per month.
    first: date | None
    last: date | None
    # Of open orders those that checked in by this day; None for all.
    open_until: date | None = None

    def parameters(self, options: Options) -> dict[str, Any]:
        """The parameters of visits.sql."""
        return {
            "since": self.since,
            "until": self.until,
            "open_until": self.open_until,
            "centers": self.centers,
            "rollout": self.rollout,
            "by": options.by,
            "time_zone": options.targets.time_zone,
        }

    @property
    def days(self) -> int:
        """Days in which there was something to count."""
        return days_between(self.first, self.last)


def days_between(first: date | None, last: date | None) -> int:
    """Days from first to last, both included."""
    return 0 if first is None or last is None else max(0, (last - first).days + 1)


def ask_span(ask: Ask, time_zone: str) -> Span:
    """The first and last day with closed orders or complaints."""
    row = ask("span", time_zone=time_zone).iloc[0]
    return Span(_day(row["first_day"]), _day(row["last_day"]), _day(row["last_close"]))


def ask_last_day(ask: Ask, options: Options) -> date:
    """The last day that a report without days is about: that of the last close, or today (UTC) where there is none."""
    day = _day(ask("span", time_zone=options.targets.time_zone).iloc[0]["last_close"])
    return options.now.astimezone(UTC).date() if day is None else day


def ask_periods(ask: Ask, options: Options) -> list[ResolvedPeriod]:
    """The periods of the targets within --from and --to, with their days and centers found in ClickHouse."""
    span, centers = ask_span(ask, options.targets.time_zone), ask("centers")
    return [resolve(period, options, span, centers) for period in options.targets.periods]


def ask_scope(ask: Ask, options: Options) -> tuple[dict[str, Any], int]:
    """What visits.sql asks for where only --from and --to limit it, and how many orders were handed off ever."""
    row = ask("span", time_zone=options.targets.time_zone).iloc[0]
    span = Span(None, None, _day(row["last_close"]))
    unlimited = resolve(ALL, options, span, pd.DataFrame(columns=["center_id", "wave", "wave_start"]))
    return unlimited.parameters(options), int(row["handed_off"])


def resolve(period: Period, options: Options, span: Span, centers: pd.DataFrame) -> ResolvedPeriod:
    """A period as the queries take it. `centers`: center_id, wave and wave_start of each."""
    since, until = period.since, period.until
    if period.last_days is not None and span.last_close is not None:
        since = span.last_close - timedelta(days=period.last_days - 1)
    since, until = _latest(since, options.since), _earliest(until, options.until)
    selected = centers
    if period.waves:
        selected = selected[selected["wave"].isin(period.waves)]
    if period.centers:
        selected = selected[selected["center_id"].isin(period.centers)]
    center_ids: tuple[str, ...] = ()
    if period.waves or period.centers:
        # A center that no reference data names can still be asked for by its id.
        listed = tuple(selected["center_id"]) if period.waves else period.centers
        center_ids = listed or (NO_CENTER,)
    first, last = _latest(since, span.first), _earliest(until, span.last)
    starts = [start for start in map(_day, selected["wave_start"]) if start is not None]
    if period.rollout == "after" and starts:
        first = _latest(first, min(starts))
    if period.rollout == "before" and starts:
        last = _earliest(last, max(starts) - timedelta(days=1))
    return ResolvedPeriod(
        period.name,
        period.title,
        since,
        until,
        center_ids,
        period.rollout,
        first,
        last,
        _open_until(until, span.last_close),
    )


def _open_until(until: date | None, last_close: date | None) -> date | None:
    """Up to which day of check-in open orders belong to a period: a range that holds every close holds all of them."""
    return None if until is None or last_close is None or until >= last_close else until


def bucket_days(by: str, key: str, period: ResolvedPeriod) -> int:
    """How many days of the period lie in one day, week or month."""
    first = date.fromisoformat(f"{key}-01" if by == "month" else key)
    last = {"day": first, "week": first + timedelta(days=6), "month": _month_end(first)}[by]
    return days_between(_latest(first, period.first), _earliest(last, period.last))


def _month_end(first: date) -> date:
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _latest(*days: date | None) -> date | None:
    return max(_without_none(days), default=None)


def _earliest(*days: date | None) -> date | None:
    return min(_without_none(days), default=None)


def _without_none(days: tuple[date | None, ...]) -> Iterator[date]:
    return (day for day in days if day is not None)


def _day(value: Any) -> date | None:
    return None if pd.isna(value) else pd.Timestamp(value).date()
