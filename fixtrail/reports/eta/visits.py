"""The visits of report `eta`, their centers and what was promised, as ClickHouse has them."""

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from fixtrail.estimates.visits import EstimatedVisit, decision_points
from schemas.centers import Center
from schemas.times import to_ms

_ORDER = ["center_id", "order_id", "vehicle_key"]


def visits_of(visits: pd.DataFrame, stages: pd.DataFrame, promises: pd.DataFrame) -> list[EstimatedVisit]:
    """The visits from the answers of queries eta_visits, eta_stages and eta_promises."""
    runs, promised = (
        dict(zip(zip(*(frame[name] for name in _ORDER), strict=True), frame[column], strict=True))
        for frame, column in ((stages, "runs"), (promises, "promises"))
    )
    return list(_visits(visits, runs, promised))


def _visits(visits: pd.DataFrame, runs: dict[Any, Any], promises: dict[Any, Any]) -> Iterator[EstimatedVisit]:
    for row in visits.itertuples(index=False):
        order = row.center_id, row.order_id, row.vehicle_key
        stretches = [(activity, int(start), int(end) or None) for activity, start, end in runs.get(order, ())]
        if stretches:
            ready_at, closed_at = _instant(row.ready_ms), _instant(row.closed_ms)
            pairs = ((int(at), int(promise)) for at, promise in promises.get(order, ()))
            new = _new_promises([pair for pair in pairs if closed_at is None or pair[0] <= closed_at])
            points = tuple(decision_points(stretches, new))
            yield EstimatedVisit(str(row.center_id), str(row.order_id), str(row.lane), ready_at, closed_at, points)


def _new_promises(promises: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Promises that differ from the one before."""
    ordered = sorted(promises)
    return [pair for before, pair in zip([None, *ordered], ordered, strict=False) if not before or pair[1] != before[1]]


def _instant(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def centers_of(centers: pd.DataFrame) -> tuple[dict[str, Center], dict[str, int]]:
    """The centers with their opening hours, and when each changed over (ms), from query centers."""
    by_id, changed_at = {}, {}
    for row in centers.to_dict("records"):
        center_id = str(row["center_id"])
        by_id[center_id] = Center(
            id=center_id,
            name=str(row["name"]) or center_id,
            region=str(row["region"]) or "-",
            time_zone=str(row["time_zone"]),
            opens=time.fromisoformat(row["opens"]),
            closes=time.fromisoformat(row["closes"]),
            weekdays=tuple(row["weekdays"]),
            closed_on=frozenset(map(date.fromisoformat, row["closed_on"])),
            open_on=frozenset(map(date.fromisoformat, row["open_on"])),
        )
        if not pd.isna(row["wave_start"]):
            changed_at[center_id] = midnight(pd.Timestamp(row["wave_start"]).date(), str(row["time_zone"]))
    return by_id, changed_at


def midnight(day: date, time_zone: str) -> int:
    """When a day began in a time zone (ms)."""
    return to_ms(datetime.combine(day, time(), ZoneInfo(time_zone)))
