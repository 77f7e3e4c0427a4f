"""An order that is known under two vehicles counts in every report as two orders with numbers of their own would."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from fixtrail.agents.tools import Tools
from fixtrail.reports.catalogue import REPORTS, builder
from fixtrail.reports.forms.document import as_json
from fixtrail.reports.kpi.report import build
from fixtrail.reports.need.holidays import NO_HOLIDAYS
from fixtrail.reports.options import Options
from fixtrail.reports.queries import query_runner
from fixtrail.whatif.records import read_center
from runtime.failure import ExitError
from tests import feed, oracle
from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all
from tests.people_feed import with_people
from tests.warehouse import fill, settings_of, write_centers
from tests.workshop import checked_in, handed_off, part

__all__ = ["clickhouse", "clickhouse_for_all"]

Event = dict[str, Any]
START = datetime(2026, 3, 2, tzinfo=UTC)
NOW = datetime(2026, 6, 10, tzinfo=UTC)
# It tells of every record that came, under whichever vehicle.
OF_RECORDS = "data"


def test_emergencies_of_an_order_under_two_vehicles_count_once_each(clickhouse: ClickHouseNode) -> None:
    events = [
        event
        for vehicle, clock in (("VIN-WRONG", "09:30"), ("VIN-RIGHT", "12:30"))
        for event in (
            checked_in("08:00", vehicle_id=vehicle),
            part("requested", "09:00", vehicle_id=vehicle, urgency="emergency"),
            part("fulfilled", clock, vehicle_id=vehicle),
            handed_off("14:00", vehicle_id=vehicle),
        )
    ]
    fill(clickhouse, [json.dumps(event).encode() for event in events])

    report = build(query_runner(settings_of(clickhouse)), Options(NOW))

    figures = {figure.figure: figure for figure in report.figures}
    emergencies = figures["emergency_in_time"]
    assert (emergencies.value, emergencies.n, emergencies.n_all) == (0.5, 2, 2)


def test_an_agent_is_told_of_the_vehicle_with_the_newer_events(clickhouse: ClickHouseNode) -> None:
    events = [
        event
        for vehicle, begin, end in (("VIN-RIGHT", "08:00", "14:00"), ("VIN-WRONG", "07:00", "11:00"))
        for event in (checked_in(begin, vehicle_id=vehicle), handed_off(end, vehicle_id=vehicle))
    ]
    fill(clickhouse, [json.dumps(event).encode() for event in events])

    answer = json.loads(Tools(settings_of(clickhouse)).explain_order("R1"))

    assert answer["order"]["lead_s"] == 6 * 3600
    assert [stage["seconds"] for stage in answer["stages"]] == [6 * 3600]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """Those of closed orders: the times of an open one run on from report to report."""
    clean = feed.clean_events(7, orders=250, vehicles=100, days=60, start=START, centers=4)
    orders = oracle.orders_of(clean, NOW)
    closed = [event for event in clean if orders[event["center_id"], event["order_id"]]["status"] != "open"]
    return list(with_people(closed, 7))


def test_every_report_tells_the_same_of_two_vehicles_under_one_number(
    clickhouse: ClickHouseNode, events: list[Event], tmp_path: Path
) -> None:
    numbers = _shared_numbers(events)
    together = [{**event, "order_id": numbers[event["center_id"], event["order_id"]]} for event in events]
    assert len({(event["center_id"], event["order_id"]) for event in together}) < 0.6 * len(numbers)

    first, second = (_answers(clickhouse, history, tmp_path) for history in (events, together))

    for name in first.keys() - {OF_RECORDS}:
        assert second[name] == pytest.approx(first[name]), name


def test_an_order_that_was_moved_to_its_right_vehicle_is_in_no_report_twice(
    clickhouse: ClickHouseNode, events: list[Event], tmp_path: Path
) -> None:
    first, second = (_answers(clickhouse, history, tmp_path) for history in (events, [*events, *_under_wrong(events)]))

    for name in first.keys() - {OF_RECORDS}:
        assert second[name] == pytest.approx(first[name]), name


def _shared_numbers(events: Iterable[Event]) -> dict[tuple[str, str], str]:
    """The new number of each order: that of another one of its center where that is of another vehicle."""
    numbers: dict[tuple[str, str], str] = {}
    alone: dict[str, tuple[str, str]] = {}
    for event in events:
        center, order = key = event["center_id"], event["order_id"]
        if key in numbers:
            continue
        number, vehicle = alone.pop(center, (order, event["vehicle_id"]))
        if vehicle == event["vehicle_id"]:
            number, alone[center] = order, (order, vehicle)
        numbers[key] = number
    return numbers


def _under_wrong(events: list[Event]) -> Iterator[Event]:
    """What every sixth order told under a wrong vehicle, and that this was mended while the visit went on."""
    orders: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        wrong = {**event, "vehicle_id": f"TYPO{event['vehicle_id']}"}
        orders.setdefault((event["center_id"], event["order_id"]), []).append(wrong)
    for history in list(orders.values())[::6]:
        names = ("center_id", "order_id", "vehicle_id", "occurred_at")
        about = {name: history[len(history) // 2][name] for name in names}
        yield from history
        yield {**about, "event_id": "moved", "type": "cancellation", "reason": "vehicle_corrected"}


def _answers(node: ClickHouseNode, events: list[Event], folder: Path) -> dict[str, Any]:
    """Every report on some days, and what `whatif` learns of a center."""
    node.empty()
    centers = sorted({event["center_id"] for event in events})
    fill(node, feed.lines(events), write_centers(folder / "centers.toml", dict.fromkeys(centers, (0, None))))
    ask = query_runner(settings_of(node))
    visits = read_center(ask, centers[0], date(2026, 3, 10), date(2026, 5, 1), NO_HOLIDAYS).visits
    answers: dict[str, dict[str, Any]] = {}
    answers["whatif"] = dict(_cells([(v.at_s, v.stretches, v.touches, v.comes_for_part) for v in visits]))
    options = Options(NOW, date(2026, 3, 10), date(2026, 4, 20))
    for name in REPORTS:
        try:
            answers[name] = dict(_cells(as_json(builder(name)(ask, options))))
        except ExitError as error:
            answers[name] = {"": str(error)}
    return answers


def _cells(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each cell and where it stands, but for numbers of orders and what runs on; lists are sorted."""
    if isinstance(value, dict):
        for name in value.keys() - {"order_id", "age_days"}:
            yield from _cells(value[name], f"{path}.{name}")
    elif isinstance(value, list | tuple):
        rows = [row for row in value if not (isinstance(row, dict) and "vehicle_changed" in row.values())]
        for number, row in enumerate(sorted(rows, key=lambda row: repr(sorted(_cells(row))))):
            yield from _cells(row, f"{path}.{number}")
    else:
        yield path, value
