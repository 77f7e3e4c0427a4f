"""Loads the service centers from a TOML file into ClickHouse, replacing the whole list."""

import hashlib
import time as clock
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

from schemas.centers import Center, read_centers
from schemas.opening_hours import openings
from schemas.times import from_ms, to_ms

COLUMNS = (
    "center_id",
    "load_id",
    "name",
    "name_en",
    "region",
    "wave",
    "wave_start",
    "time_zone",
    "opens",
    "closes",
    "weekdays",
    "closed_on",
    "open_on",
    "schedule",
)


YEARS_AHEAD = 5


def load_centers(client: Any, path: Path) -> int:
    """Make the file's centers the only ones in ClickHouse; their number. `client` is a clickhouse-connect client.

    One insert, so that a reader sees the old list or the new one; the days on which they open are there before it.
    Raises TomlFileError for a bad file.
    """
    centers = read_centers(path)
    starts = {wave.number: wave.start for wave in centers.wave}
    load_id = max(clock.time_ns() // 1_000_000, 1 + _last_load(client))
    last = last_instant()
    schedules = {center.id: schedule_of(center, last) for center in centers.center}
    _load_opening_days(client, {schedules[center.id]: center for center in centers.center}, last)
    rows = [
        [
            center.id,
            load_id,
            center.name,
            center.name_en,
            center.region,
            center.wave,
            center.wave_start or starts.get(center.wave),
            center.time_zone,
            f"{center.opens:%H:%M}",
            f"{center.closes:%H:%M}",
            list(center.weekdays),
            sorted(center.closed_on),
            sorted(center.open_on),
            schedules[center.id],
        ]
        for center in centers.center
    ]
    client.insert("fixtrail_raw.centers", rows, column_names=list(COLUMNS), settings={"async_insert": 0})
    return len(rows)


def _last_load(client: Any) -> int:
    return int(client.command("SELECT max(load_id) FROM fixtrail_raw.centers"))


def last_instant() -> int:
    """Up to when openings are listed: the end of a year, so that a list loaded again has the same ones."""
    year = from_ms(clock.time_ns() // 1_000_000).year + YEARS_AHEAD
    return to_ms(datetime(year + 1, 1, 1, tzinfo=UTC))


def schedule_of(center: Center, last: int) -> str:
    """A name for when a center opens, up to that instant; centers of the same hours share it."""
    hours = (center.time_zone, center.opens, center.closes, sorted(center.weekdays))
    days = ([day.isoformat() for day in sorted(days)] for days in (center.closed_on, center.open_on))
    return hashlib.sha256(repr((*map(str, hours), *days, last)).encode()).hexdigest()[:16]


def _load_opening_days(client: Any, centers: Mapping[str, Center], last: int) -> None:
    """Insert the days of each schedule that is not there whole; what is there is right: its name says all of it."""
    counts = dict(
        client.query("SELECT schedule, uniqExact(opens_at) FROM fixtrail_raw.opening_days GROUP BY 1").result_rows
    )
    for schedule, center in centers.items():
        rows = [[schedule, *day] for day in takewhile(lambda day: day[0] < last, openings(center))]
        if len(rows) != counts.get(schedule):
            names = ["schedule", "opens_at", "closes_at", "opened_before_ms"]
            client.insert("fixtrail_raw.opening_days", rows, column_names=names, settings={"async_insert": 0})
