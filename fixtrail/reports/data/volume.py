"""How many events a day brings against the same weekday of the weeks before."""

import math
from datetime import date, timedelta

import pandas as pd

WEEKS = 4
LEAST = 2  # of those days are needed
_WIDE = 2.576  # 99 % of a normal distribution: of a center's days one in a hundred is told without a reason


def with_usual(days: pd.DataFrame) -> pd.DataFrame:
    """The days of each center with what is usual; days without an event between the first and the last are there, too.

    `days`: center_id, day (2026-03-01) and events.
    """
    rows = []
    for center, own in days.groupby("center_id"):
        events = {date.fromisoformat(day): int(n) for day, n in zip(own["day"], own["events"], strict=True)}
        first, last = min(events), max(events)
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            before = [events.get(day - timedelta(weeks=week), 0) for week in range(1, WEEKS + 1)]
            weekly_counts = [n for week, n in enumerate(before, 1) if day - timedelta(weeks=week) >= first]
            rows.append(
                {"center_id": center, "day": day.isoformat(), "events": events.get(day, 0), **_usual(weekly_counts)}
            )
    frame = pd.DataFrame(rows, columns=["center_id", "day", "events", "usual", "low", "high"])
    days = zip(frame["events"], frame["low"], frame["high"], strict=True)
    return frame.assign(state=[_state(n, low, high) for n, low, high in days])


def _usual(weekly_counts: list[int]) -> dict[str, float | None]:
    if len(weekly_counts) < LEAST:
        return {"usual": None, "low": None, "high": None}
    mean = sum(weekly_counts) / len(weekly_counts)
    variance = sum((n - mean) ** 2 for n in weekly_counts) / (len(weekly_counts) - 1)
    # Poisson has its mean for a variance; where the days differ by more than that, the interval is wider. The mean
    # itself is of so many days only.
    deviation = math.sqrt(max(mean, variance) * (1 + 1 / len(weekly_counts)))
    return {"usual": mean, "low": max(0.0, mean - _WIDE * deviation), "high": mean + _WIDE * deviation}


def _state(events: int, low: float | None, high: float | None) -> str:
    if low is None or high is None or pd.isna(low):
        return "unknown"
    return "silent" if events < low else "double" if events > high else "usual"
