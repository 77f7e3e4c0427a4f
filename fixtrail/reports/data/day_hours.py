"""Events at another time of day than all others: a clock in another time zone, which no single event shows."""

import cmath
import math
from statistics import median

import pandas as pd

# A type of event may come in the morning and another in the afternoon, and China alone is three hours wide.
MOST_HOURS = 5.0
_LEAST_EVENTS, _LEAST_CENTERS = 20, 4
# Of 1 where all events come in one hour, and 0 where no hour is more usual than another.
_LEAST_TOGETHER = 0.3
COLUMNS = ("center_id", "type", "hour", "events")


def odd_hours(hours: pd.DataFrame) -> pd.DataFrame:
    """Of each center its workshop events, and those at an odd time of day. `hours`: center_id, type, hour and events.

    Odd is a type more than five hours from the others of its center, or a center as far from most others.
    """
    rows = []
    usual = {center: _hour(own) for center, own in hours.groupby("center_id")}
    for center, own in hours.groupby("center_id"):
        others = [hour for name, hour in usual.items() if name != center and hour is not None]
        events = int(own["events"].sum())
        if len(others) + 1 >= _LEAST_CENTERS and _is_odd(usual[center], others):
            odd = events
        else:
            odd = sum(_odd_of_type(own, type_) for type_ in own["type"].unique())
        rows.append({"center_id": center, "timed_events": events, "odd_hours": odd})
    return pd.DataFrame(rows, columns=["center_id", "timed_events", "odd_hours"])


def _odd_of_type(own: pd.DataFrame, type_: str) -> int:
    is_type = own["type"] == type_
    rest = _hour(own[~is_type])
    return int(own[is_type]["events"].sum()) if rest is not None and _is_odd(_hour(own[is_type]), [rest]) else 0


def _hour(own: pd.DataFrame) -> float | None:
    """The middle of the events' times of day, from 0 to 24; None for too few, or where they come at any time."""
    if own["events"].sum() < _LEAST_EVENTS:
        return None
    turn = 2j * math.pi / 24
    mean = sum(n * cmath.exp(turn * (hour + 0.5)) for hour, n in zip(own["hour"], own["events"], strict=True))
    mean /= own["events"].sum()
    return cmath.phase(mean) * 24 / (2 * math.pi) % 24 if abs(mean) >= _LEAST_TOGETHER else None


def _is_odd(hour: float | None, usual_hours: list[float]) -> bool:
    """Whether most of the others are hours away, on a clock that goes round."""
    if hour is None:
        return False
    return median(abs((hour - usual + 12) % 24 - 12) for usual in usual_hours) > MOST_HOURS
