"""How many events a day brings against the same weekday of the weeks before."""

from collections.abc import Sequence
from datetime import date, timedelta
from statistics import median

import pandas as pd
from scipy.stats import nbinom

WEEKS = 4
LEAST = 2  # of those days are needed
# Of a center's days one in a hundred is told without a reason.
_TAIL = 0.005
# Events come in visits, of some ten each: that much more do they vary than if each came by itself. What a center's own
# days show counts against that as so many days do.
_EVENTS_OF_A_VISIT, _WEIGHT = 10.0, 7
# The median of a squared standard normal deviate.
_MEDIAN_SQUARE = 0.4549


def with_usual(days: pd.DataFrame) -> pd.DataFrame:
    """The days of each center with what is usual; days without an event between the first and the last are there, too.

    `days`: center_id, day (2026-03-01) and events. Usual is the median of the same weekday in the four weeks before;
    between `low` and `high` lie 99 % of such days, if visits come as by chance (Poisson, with what those few days leave
    unknown: a negative binomial distribution). Days in a row without any event are judged together, as well.
    """
    rows = []
    for center, own in days.groupby("center_id"):
        events = {date.fromisoformat(day): int(n) for day, n in zip(own["day"], own["events"], strict=True)}
        counts_before = dict(_days_before(events))
        group = _group(events, counts_before)
        states = []
        for day, before in counts_before.items():
            usual = _usual(before, group)
            states.append(_state(events.get(day, 0), usual["low"], usual["high"]))
            rows.append({"center_id": center, "day": day.isoformat(), "events": events.get(day, 0), **usual})
        for row, state, is_gap in zip(
            rows[-len(counts_before) :], states, _gaps(events, counts_before, group), strict=True
        ):
            row["state"] = "silent" if is_gap and state != "unknown" else state
    return pd.DataFrame(rows, columns=["center_id", "day", "events", "usual", "low", "high", "state"])


def _gaps(events: dict[date, int], counts_before: dict[date, list[int]], group: float) -> list[bool]:
    """Of each day whether it is one of several without an event that are too many to be chance."""
    is_gap = [False] * len(counts_before)
    first, visits, days_before = 0, 0.0, WEEKS
    for number, (day, before) in enumerate([*counts_before.items(), (date.max, [])]):
        if day != date.max and not events.get(day):
            usual = median(before) if len(before) >= LEAST else 0
            visits += usual / group
            days_before = min(days_before, len(before)) if usual else days_before
            continue
        # None of so many visits, as often as (nbinom) the weeks before leave it possible.
        chance = (days_before / (days_before + 1)) ** (days_before * visits + 0.5)
        is_gap[first:number] = [visits > 0 and chance < _TAIL] * (number - first)
        first, visits, days_before = number + 1, 0.0, WEEKS
    return is_gap


def _days_before(events: dict[date, int]) -> list[tuple[date, list[int]]]:
    """Each day from the first to the last with the events of the same weekday in the weeks before.

    After four weeks without any event all begins anew: what came before, such as a date of another year, is not usual.
    """
    rows = []
    first = day = newest = min(events)
    last = max(events)
    while day <= last:
        if events.get(day):
            first = day if day - newest > timedelta(weeks=WEEKS) else first
            newest = day
        before = [day - timedelta(weeks=week) for week in range(1, WEEKS + 1)]
        rows.append((day, [events.get(at, 0) for at in before if at >= first]))
        day += timedelta(days=1)
    return rows


def _group(events: dict[date, int], counts_before: dict[date, list[int]]) -> float:
    """How many events come together, by how much the days vary: half of them by less, so a few odd ones do not tell."""
    squares = [
        (events.get(day, 0) - usual) ** 2 / (usual * (1 + 1 / len(before)))
        for day, before in counts_before.items()
        if len(before) >= LEAST and (usual := median(before))
    ]
    own = max(1.0, median(squares) / _MEDIAN_SQUARE) if squares else 1.0
    return (len(squares) * own + _WEIGHT * _EVENTS_OF_A_VISIT) / (len(squares) + _WEIGHT)


def _usual(before: Sequence[int], group: float) -> dict[str, float | None]:
    usual = median(before) if len(before) >= LEAST else 0
    if usual < 1:  # Nothing is usual on a day on which the center is closed, or before its first one.
        return {"usual": None, "low": None, "high": None}
    count = len(before)
    groups = nbinom(count * usual / group + 0.5, count / (count + 1))
    low, high = groups.ppf(_TAIL) * group, groups.ppf(1 - _TAIL) * group
    return {"usual": float(usual), "low": float(low), "high": float(high)}


def _state(events: int, low: float | None, high: float | None) -> str:
    if low is None or high is None or pd.isna(low):
        return "unknown"
    return "silent" if events < low else "double" if events > high else "usual"
