"""Waits in opening time: what the views say beside a count of every minute on the center's clock."""

import json
import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fixtrail.reports.options import Options
from fixtrail.reports.queries import query_runner
from fixtrail.reports.waits.report import build
from schemas.centers import Center
from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all
from tests.stack import rows_of
from tests.warehouse import fill, settings_of
from tests.workshop import approved, checked_in, diagnosis_started, handed_off, part, quoted

__all__ = ["clickhouse", "clickhouse_for_all"]

CENTERS = """
[[center]]
id = "day"
name = "白天"
region = "East"
weekdays = [1, 2, 3, 4, 5]
opens = "08:30"
closes = "18:00"
closed_on = [2026-10-01, 2026-10-02]
open_on = [2026-10-10]

[[center]]
id = "night"
name = "夜班"
region = "West"
time_zone = "Europe/Berlin"
opens = "20:00"
closes = "06:00"
weekdays = [1, 3, 6, 7]

[[center]]
id = "always"
name = "全天"
region = "West"
time_zone = "America/New_York"
opens = "00:00"
closes = "00:00"
closed_on = [2026-10-25]
"""
DAY, NIGHT, ALWAYS = (
    Center(
        id="day",
        name="白天",
        region="East",
        weekdays=(1, 2, 3, 4, 5),
        closed_on=frozenset({date(2026, 10, 1), date(2026, 10, 2)}),
        open_on=frozenset({date(2026, 10, 10)}),
    ),
    Center(
        id="night",
        name="夜班",
        region="West",
        time_zone="Europe/Berlin",
        opens=time(20),
        closes=time(6),
        weekdays=(1, 3, 6, 7),
    ),
    Center(
        id="always",
        name="全天",
        region="West",
        time_zone="America/New_York",
        opens=time(0),
        closes=time(0),
        closed_on=frozenset({date(2026, 10, 25)}),
    ),
)
# Around the autumn's change of clocks, in Europe and in America.
FIRST = datetime(2026, 9, 28, tzinfo=UTC)


def test_every_wait_is_split_as_the_clock_on_the_wall_of_the_center_says(
    clickhouse: ClickHouseNode, tmp_path: Path
) -> None:
    file = tmp_path / "centers.toml"
    file.write_text(CENTERS, encoding="utf-8")
    draw = random.Random(20261129)
    stays = [
        (f"{center.id}-{number}", center.id, start, start + timedelta(minutes=draw.randrange(1, 9 * 24 * 60)))
        for center in (DAY, NIGHT, ALWAYS)
        for number in range(12)
        for start in [FIRST + timedelta(minutes=draw.randrange(40 * 24 * 60))]
    ]
    stays.append(("nowhere-1", "nowhere", FIRST, FIRST + timedelta(days=3)))
    fill(clickhouse, [event for stay in stays for event in events_of(*stay)], file)

    rows = rows_of(clickhouse.ask("SELECT * FROM fixtrail.order_waits FORMAT JSONEachRow"))
    waits = {row["order_id"]: row for row in rows}
    assert len(waits) == len(stays)
    of_centers = {center.id: center for center in (DAY, NIGHT, ALWAYS)}
    for order_id, center_id, start, end in stays:
        row, wall_s = waits[order_id], (end - start).total_seconds()
        open_s = wall_s if center_id == "nowhere" else 60 * open_minutes(of_centers[center_id], start, end)
        assert (row["wait_s"], row["wait_open_s"], row["closed_s"]) == (wall_s, open_s, wall_s - open_s), order_id
        assert row["workshop_s"] == open_s
        assert bool(row["has_hours"]) is (center_id != "nowhere")

    report = build(query_runner(settings_of(clickhouse)), Options(datetime(2026, 12, 1, tzinfo=UTC)))
    (wait_open,) = (figure for figure in report.figures if figure.figure == "wait_open_s")
    minutes = [open_minutes(of_centers[center_id], start, end) for _, center_id, start, end in stays[:-1]]
    assert (wait_open.n, wait_open.n_all, wait_open.left_out) == (36, 37, {"no_hours": 1})
    assert wait_open.value == pytest.approx(60 * sum(minutes) / 36)
    assert wait_open.interval.low is not None and 0 <= wait_open.interval.low < wait_open.value
    clocks = {figure.figure: figure.value for figure in report.figures}
    shares = [clocks[name] for name in ("workshop_s", "customer_s", "supplier_s", "closed_s")]
    walls = [(end - start).total_seconds() for _, _, start, end in stays[:-1]]
    assert sum(shares) == pytest.approx(sum(walls) / 36)


def test_each_clock_is_charged_with_its_own_part_of_the_wait(clickhouse: ClickHouseNode, tmp_path: Path) -> None:
    file = tmp_path / "centers.toml"
    file.write_text(CENTERS, encoding="utf-8")
    # A Tuesday in Shanghai: reception 9:00 to 10:00, approval until 11:00, then a part until Thursday, 9:30.
    about = {"order_id": "R1", "center_id": "day"}
    events = [
        checked_in("09:00", occurred_at=at(29, "09:00:00"), **about),
        diagnosis_started("10:00", occurred_at=at(29, "10:00:00"), **about),
        quoted("10:00", occurred_at=at(29, "10:00:00.001"), **about),
        approved("11:00", occurred_at=at(29, "11:00:00"), **about),
        part("requested", "11:00", occurred_at=at(29, "11:00:00"), **about),
        part("fulfilled", "09:30", occurred_at=at(30, "09:30:00.250"), **about),
        handed_off("09:30", occurred_at=at(30, "09:30:00.250"), **about),
    ]
    fill(clickhouse, [json.dumps(event).encode() for event in events], file)

    (row,) = rows_of(clickhouse.ask("SELECT * FROM fixtrail.order_waits FORMAT JSONEachRow"))
    hour = 3600
    assert (row["workshop_s"], row["customer_s"]) == (hour, hour - Decimal("0.001"))
    # From eleven to six, and from half past eight to half past nine.
    assert row["supplier_s"] == 8 * hour + Decimal("0.25")
    assert row["closed_s"] == 14.5 * hour
    assert row["workshop_s"] + row["customer_s"] + row["supplier_s"] + row["closed_s"] == row["wait_s"]
    (stored,) = rows_of(clickhouse.ask("SELECT wait_s FROM fixtrail.orders FORMAT JSONEachRow"))
    assert row["wait_s"] == stored["wait_s"]


def test_an_order_under_two_vehicles_has_the_waits_of_each(clickhouse: ClickHouseNode, tmp_path: Path) -> None:
    file = tmp_path / "centers.toml"
    file.write_text(CENTERS, encoding="utf-8")
    events = []
    for vehicle, clock in (("VIN-WRONG", "10:00:00"), ("VIN-RIGHT", "12:00:00")):
        about = {"order_id": "R1", "center_id": "day", "vehicle_id": vehicle}
        events += [
            checked_in("09:00", occurred_at=at(29, "09:00:00"), **about),
            handed_off(clock, occurred_at=at(29, clock), **about),
        ]
    fill(clickhouse, [json.dumps(event).encode() for event in events], file)

    rows = rows_of(clickhouse.ask("SELECT * FROM fixtrail.order_waits ORDER BY wait_s FORMAT JSONEachRow"))
    assert [(row["wait_s"], row["workshop_s"]) for row in rows] == [(3600, 3600), (3 * 3600, 3 * 3600)]
    report = build(query_runner(settings_of(clickhouse)), Options(datetime(2026, 12, 1, tzinfo=UTC)))
    (center,) = report.sheet("centers").rows
    assert (center["orders"], center["wait_s"], center["wait_open_s"]) == (2, 2 * 3600, 2 * 3600)


def at(day: int, clock: str) -> str:
    return f"2026-09-{day}T{clock}+08:00"


def events_of(order_id: str, center_id: str, start: datetime, end: datetime) -> list[bytes]:
    about = {"order_id": order_id, "center_id": center_id, "vehicle_id": f"V-{order_id}"}
    arrival = checked_in("08:00", occurred_at=start.isoformat(), **about)
    departure = handed_off("09:00", occurred_at=end.isoformat(), **about)
    return [json.dumps(event).encode() for event in (arrival, departure)]


def open_minutes(center: Center, start: datetime, end: datetime) -> int:
    """Minutes between the two of which the clock on the wall says that the center is open."""
    zone, minutes, at = ZoneInfo(center.time_zone), 0, start
    while at < end:
        minutes += _open_on_the_clock(center, at.astimezone(zone))
        at += timedelta(minutes=1)
    return minutes


def _open_on_the_clock(center: Center, now: datetime) -> bool:
    def opens(day: date) -> bool:
        return day in center.open_on or (day.isoweekday() in center.weekdays and day not in center.closed_on)

    today, yesterday = now.date(), now.date() - timedelta(days=1)
    if center.opens < center.closes:
        return opens(today) and center.opens <= now.time() < center.closes
    return (opens(today) and now.time() >= center.opens) or (opens(yesterday) and now.time() < center.closes)
