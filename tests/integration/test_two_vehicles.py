"""An order that is known under two vehicles has the part requests of each, not of both twice."""

import json
from datetime import UTC, datetime

from fixtrail.reports.kpi.report import build
from fixtrail.reports.options import Options
from fixtrail.reports.queries import query_runner
from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all
from tests.warehouse import fill, settings_of
from tests.workshop import checked_in, handed_off, part

__all__ = ["clickhouse", "clickhouse_for_all"]


def test_emergencies_of_an_order_under_two_vehicles_count_once_each(clickhouse: ClickHouseNode) -> None:
    events = [
        event
        for vehicle, came in (("VIN-WRONG", "09:30"), ("VIN-RIGHT", "12:30"))
        for event in (
            checked_in("08:00", vehicle_id=vehicle),
            part("requested", "09:00", vehicle_id=vehicle, urgency="emergency"),
            part("fulfilled", came, vehicle_id=vehicle),
            handed_off("14:00", vehicle_id=vehicle),
        )
    ]
    fill(clickhouse, [json.dumps(event).encode() for event in events])

    report = build(query_runner(settings_of(clickhouse)), Options(datetime(2026, 3, 10, tzinfo=UTC)))

    figures = {figure.figure: figure for figure in report.figures}
    emergencies = figures["emergency_in_time"]
    assert (emergencies.value, emergencies.n, emergencies.n_all) == (0.5, 2, 2)
