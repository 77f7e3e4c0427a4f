"""Keeps the figures of packs in ClickHouse, as they were told: table `packs`, one row a figure."""

from datetime import date, datetime
from typing import Any

from fixtrail.clickhouse.admin import writing_client
from fixtrail.packs.words import Pack, Row
from fixtrail.settings import ClickHouseSettings
from runtime.failure import ExitError

BY_COMMAND = "command"
COLUMNS = (
    "sha256", "period", "since", "until", "figure", "of_period", "key", "value", "low", "high", "n", "n_all", "count",
    "target", "status", "unit", "definition_version", "origin", "as_of", "computed_at",
)  # fmt: skip
_OF_FIGURE = ("value", "low", "high", "n", "n_all", "count", "target")


def record_pack(settings: ClickHouseSettings, pack: Pack, origin: str) -> int:
    """Insert the figures of a pack; how many. The same pack of the same origin again changes nothing.

    Raises ExitError where ClickHouse does not take them.
    """
    from clickhouse_connect.driver.exceptions import ClickHouseError

    client = writing_client(settings)
    rows = [_row(pack, row, origin) for row in pack["figures"]]
    try:
        client.insert("fixtrail_raw.packs", rows, column_names=COLUMNS)
    except (ClickHouseError, OSError) as error:
        raise ExitError(f"the pack is not in ClickHouse: {str(error).splitlines()[0]}") from None
    finally:
        client.close()
    return len(rows)


def _row(pack: Pack, row: Row, origin: str) -> list[Any]:
    period, as_of = pack["period"], pack["as_of"]
    return [
        pack["sha256"],
        period["kind"],
        date.fromisoformat(period["since"]),
        date.fromisoformat(period["until"]),
        row["figure"],
        row["period"],
        row["key"] or "",
        *(row[name] for name in _OF_FIGURE),
        row["status"] or "",
        row["unit"],
        row["version"],
        origin,
        datetime.fromisoformat(as_of) if as_of else None,
        datetime.fromisoformat(pack["clock"]["computed_at"]),
    ]
