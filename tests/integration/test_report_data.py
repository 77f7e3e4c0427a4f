"""Report data asked of ClickHouse says what the profile of the same file says before it is sent."""

from datetime import UTC, datetime
from typing import Any

import pytest

from fixtrail.reports.data.profile import Profile
from fixtrail.reports.data.report import build
from fixtrail.reports.options import Options
from fixtrail.reports.queries import query_runner
from fixtrail.reports.report import Report
from fixtrail.simulator.command import write_events
from schemas.decode import decode_event
from tests.clickhouse_node import TABLES, ClickHouseNode, clickhouse_for_all
from tests.paths import ROOT
from tests.warehouse import fill, settings_of

__all__ = ["clickhouse_for_all"]

# What only the arrival in Kafka tells.
OF_ARRIVALS = {"late", "ahead"}


@pytest.fixture(scope="module")
def lines(tmp_path_factory: Any) -> list[bytes]:
    """A week with planted anomalies and duplicates."""
    out = tmp_path_factory.mktemp("rough") / "events.ndjson"
    scenario = str(ROOT / "examples" / "scenarios" / "rough-feed.toml")
    write_events(out, scenario, 7, 3, 4, datetime(2026, 3, 2, tzinfo=UTC), None, None, lambda *_: None)
    content: list[bytes] = out.read_bytes().splitlines()
    return content


@pytest.fixture(scope="module")
def stored(clickhouse_for_all: ClickHouseNode, lines: list[bytes]) -> Report:
    for table in TABLES:
        clickhouse_for_all.ask(f"TRUNCATE TABLE fixtrail_raw.{table}")
    fill(clickhouse_for_all, lines)
    return build(query_runner(settings_of(clickhouse_for_all)), Options(datetime.now(UTC)))


@pytest.fixture(scope="module")
def profiled(lines: list[bytes]) -> Report:
    profile = Profile()
    for line in lines:
        profile.add(decode_event(line))
    return profile.report()


def test_every_flaw_is_counted_alike(stored: Report, profiled: Report) -> None:
    def counts(report: Report) -> dict[str, tuple[int | None, int | None]]:
        return {each.figure: (each.count, each.n) for each in report.figures if each.figure not in OF_ARRIVALS}

    assert counts(stored) == counts(profiled)
    assert counts(stored)["duplicates"][0]


@pytest.mark.parametrize("sheet", ["usable", "fields", "days"])
def test_tables_of_orders_and_fields_are_alike(stored: Report, profiled: Report, sheet: str) -> None:
    def rows(report: Report) -> list[list[tuple[str, Any]]]:
        return sorted(sorted((k, str(v)) for k, v in row.items()) for row in report.sheet(sheet).rows)

    assert rows(stored) == rows(profiled)
