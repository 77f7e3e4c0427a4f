"""Report data asked of ClickHouse says what the profile of the same file says before it is sent."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from fixtrail.reports.data.profile import FileProfile
from fixtrail.reports.data.report import build
from fixtrail.reports.options import Options
from fixtrail.reports.queries import query_runner
from fixtrail.reports.report import Report
from fixtrail.simulator.command import write_events
from schemas.centers import read_centers
from schemas.decode import decode_event
from tests.clickhouse_node import ClickHouseNode, clickhouse_for_all
from tests.paths import ROOT
from tests.warehouse import fill, settings_of

__all__ = ["clickhouse_for_all"]

# What only the arrival in Kafka tells.
OF_ARRIVALS = {"late", "late_live", "ahead", "clock_hours"}
# What only a file tells, in which vehicles are no hashes.
OF_FILES = {"vehicle_of_order", "vehicle_spelling", "technician_spelling"}
CENTERS = ROOT / "examples" / "centers.toml"


@pytest.fixture(scope="module")
def lines(tmp_path_factory: Any) -> list[bytes]:
    """A week with planted anomalies and duplicates."""
    out = tmp_path_factory.mktemp("rough") / "events.ndjson"
    scenario = str(ROOT / "examples" / "scenarios" / "rough-feed.toml")
    write_events(out, scenario, 7, 3, 4, datetime(2026, 3, 2, tzinfo=UTC), None, None, lambda *_: None)
    content: list[bytes] = out.read_bytes().splitlines()
    return [*content, *(orjson.dumps(event) for event in odd_order())]


def odd_order() -> Iterator[dict[str, Any]]:
    """Job 1 is never completed, job 2 never started, part B never asked for; one id tells of two types, one thrice."""
    about = {"order_id": "ODD", "vehicle_id": "ODD", "center_id": "east-01"}
    part = {"part_no": "P", "quantity": 1}
    for event_id, minute, type_, fields in (
        ("1", 0, "check_in", {"customer_id": "K", "lane": "quick"}),
        ("2", 1, "repair", {"phase": "started", "job_id": "1"}),
        ("3", 2, "repair", {"phase": "completed", "job_id": "2"}),
        ("4", 3, "part_request", {"phase": "requested", "request_id": "A", **part}),
        ("5", 4, "part_request", {"phase": "fulfilled", "request_id": "B", **part}),
        ("2", 5, "ready", {}),
        ("4", 6, "part_request", {"phase": "requested", "request_id": "C", **part}),
        ("4", 7, "part_request", {"phase": "requested", "request_id": "D", **part}),
        ("6", 8, "handoff", {}),
    ):
        at = datetime(2026, 3, 4, 3, minute, tzinfo=UTC).isoformat()
        yield {"event_id": event_id, "type": type_, "occurred_at": at, **about, **fields}


@pytest.fixture(scope="module")
def stored(clickhouse_for_all: ClickHouseNode, lines: list[bytes]) -> Report:
    clickhouse_for_all.empty()
    fill(clickhouse_for_all, lines, CENTERS)
    return build(query_runner(settings_of(clickhouse_for_all)), Options(datetime.now(UTC)))


@pytest.fixture(scope="module")
def profiled(lines: list[bytes]) -> Report:
    profile = FileProfile(centers={center.id: center for center in read_centers(CENTERS).center})
    for line in lines:
        profile.add(decode_event(line))
    return profile.report()


def test_every_flaw_is_counted_alike(stored: Report, profiled: Report) -> None:
    def counts(report: Report) -> dict[str, tuple[int | None, int | None]]:
        return {
            figure.figure: (figure.count, figure.n)
            for figure in report.figures
            if figure.figure not in OF_ARRIVALS | OF_FILES
        }

    assert counts(stored) == counts(profiled)
    assert counts(stored)["duplicates"][0]
    assert counts(stored)["conflicts"][0] == 2
    assert counts(stored)["outside_hours"][0]
    assert counts(stored)["odometer_falling"][1]


def test_a_center_and_a_source_can_be_asked_for_alone(clickhouse_for_all: ClickHouseNode, stored: Report) -> None:
    ask, now = query_runner(settings_of(clickhouse_for_all)), datetime.now(UTC)
    center = build(ask, Options(now, source="kafka", center="east-01"))
    empty_report = build(ask, Options(now, source="nobody"))

    (verdict,) = center.sheet("verdicts").rows
    (of_all,) = [row for row in stored.sheet("verdicts").rows if row["center_id"] == "east-01"]
    assert verdict == of_all
    assert {row["flaw"]: row["count"] for row in center.sheet("all_rules").rows} == {
        row["flaw"]: row["count"] for row in stored.sheet("all_rules").rows if row["center_id"] == "east-01"
    }
    assert list(empty_report.sheet("verdicts").rows) == []


def test_the_clock_is_told_hour_by_hour(stored: Report) -> None:
    """All of it arrives in one hour, long after it happened: behind, and never ahead."""
    clocks = stored.sheet("clock").rows

    assert {(row["hours"], row["hours_ahead"], row["hours_behind"]) for row in clocks} == {(1, 0, 1)}
    assert len(stored.sheet("wrong_hours").rows) == len(clocks)


def test_history_that_is_sent_at_once_costs_no_center_its_verdict(stored: Report) -> None:
    arrivals, verdicts = stored.sheet("arrivals").rows, stored.sheet("verdicts").rows

    assert all((row["late"], row["live"], row["late_live"]) == (row["arrivals"], 0, 0) for row in arrivals)
    assert not any("late" in f"{row['stops']}, {row['notes']}" for row in verdicts)


@pytest.mark.parametrize("sheet", ["usable", "fields", "days"])
def test_tables_of_orders_and_fields_are_alike(stored: Report, profiled: Report, sheet: str) -> None:
    def rows(report: Report) -> list[list[tuple[str, Any]]]:
        return sorted(sorted((k, str(v)) for k, v in row.items()) for row in report.sheet(sheet).rows)

    assert rows(stored) == rows(profiled)
