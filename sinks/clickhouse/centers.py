"""Loads the service centers from a TOML file into ClickHouse, replacing the whole list."""

import time as clock
from pathlib import Path
from typing import Any

from schemas.centers import read_centers

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
)


def load_centers(client: Any, path: Path) -> int:
    """Make the file's centers the only ones in ClickHouse; their number. `client` is a clickhouse-connect client.

    One insert, so that a reader sees the old list or the new one. Raises TomlFileError for a bad file.
    """
    centers = read_centers(path)
    starts = {wave.number: wave.start for wave in centers.wave}
    load_id = max(clock.time_ns() // 1_000_000, 1 + _last_load(client))
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
        ]
        for center in centers.center
    ]
    client.insert("fixtrail_raw.centers", rows, column_names=list(COLUMNS), settings={"async_insert": 0})
    return len(rows)


def _last_load(client: Any) -> int:
    return int(client.command("SELECT max(load_id) FROM fixtrail_raw.centers"))
