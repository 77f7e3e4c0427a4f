"""An import as a whole: every row is accounted for, what is refused can be repaired, events go in the order of time."""

import asyncio
import io
import json
from datetime import UTC

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.imports.ordering import SortedRecord, TimeOrder
from fixtrail.imports.report import ImportReport
from fixtrail.imports.report_lines import report_lines
from fixtrail.imports.run import import_log
from fixtrail.imports.times import wire_time
from tests.unit.fixtrail.imports.workshop import FIRST_ALSO_CHECKS_IN, HANDOFF, HEAD, field, workshop

__all__ = ["workshop"]


def test_every_row_of_the_log_is_accounted_for(workshop):
    rows = [
        {"step": "look"},
        {"step": "tea"},
        {"step": "look", "at": "noon"},
        {"step": "tea"},
        {"step": "out"},
        {"order": "", "step": "look"},
        {"order": "R2", "step": "look", "vin": ""},
        {"order": "R3", "step": "wash", "at": "2026-02-28T23:00:00Z"},
        {"order": "R3", "step": "end", "vin": "V3"},
    ]

    report = workshop.report(FIRST_ALSO_CHECKS_IN, *rows)

    assert (report.cases, report.rows) == (3, 9)
    assert (report.mapped_rows, report.unmapped_rows, report.rejected_rows) == (4, 2, 3)
    assert report.partly_mapped_rows == 0
    assert report.events_by_type == {"check_in": 2, "handoff": 2, "diagnosis": 1}
    assert [(row.activity, row.reason, row.rows, row.lines) for row in report.unmapped] == [
        ("tea", "a break", 2, (3, 5))
    ]
    assert {(row.type, row.rule, row.reason, row.events) for row in report.rejected} == {
        ("diagnosis", 2, "time: not a time in format iso", 1),
        (None, None, "no case: column order is empty", 1),
        ("check_in", 1, "vehicle_id: nothing in the row for it", 1),
        ("diagnosis", 2, "vehicle_id: nothing in the row for it", 1),
    }
    assert (report.orders, report.closed_orders, report.orders_of_several_vehicles) == (2, 2, 1)
    assert report.first_at is not None
    assert report.first_at.isoformat() == "2026-02-28T23:00:00+00:00"
    assert ImportReport.model_validate_json(report.model_dump_json()) == report
    assert any("orders with events of several vehicles" in line for line in report_lines(report))


def test_a_rejects_file_holds_what_is_needed_to_repair_the_row(workshop):
    rejects = io.StringIO()

    workshop.report(HANDOFF, {"at": "noon", "vin": "车1"}, {"vin": "V2"}, rejects=rejects)

    (line,) = rejects.getvalue().splitlines()
    assert json.loads(line) == {
        "line": 2,
        "case": "R1",
        "activity": "in",
        "event": "handoff",
        "rule": 1,
        "reason": "time: not a time in format iso",
        "value": "noon",
        "row": {"order": "R1", "at": "noon", "vin": "车1", "step": "in"},
    }


def test_orders_without_a_check_in_are_told(workshop):
    report = workshop.report(HANDOFF, {"order": "R1"}, {"order": "R2"})

    assert report.orders_without_check_in == 2


def test_an_event_that_the_contract_refuses_is_rejected_with_its_code(workshop):
    long = "x" * 65

    assert workshop.refusal(HANDOFF, vin=long) == (
        "invalid_field: vehicle_id: String should have at most 64 characters",
        "",
    )


def test_what_was_assumed_is_counted(workshop):
    head = HEAD.replace('column = "at"', 'column = "at"\nzone = "Europe/Berlin"')
    rows = [{"at": "2026-03-29 02:30", "x": "1"}, {"at": "2026-10-25 02:30", "x": "lots"}]

    report = workshop.report(field("handoff", 'amount = { column = "x", bad = "omit" }'), *rows, head=head)

    assert report.notes == {
        "local time was left out by a clock change, shifted on": 1,
        "local time came twice, earlier taken": 1,
        "left out: amount: not a number": 1,
    }


def test_a_failed_send_ends_the_import(workshop):
    async def send(value: bytes, key: bytes) -> None:
        raise ConnectionError("broker gone")

    with pytest.raises(ConnectionError):
        asyncio.run(import_log(workshop.log({}), workshop.mapping(HANDOFF), send))


def test_nothing_is_sent_of_a_log_that_turns_out_to_be_broken(workshop):
    sent: list[bytes] = []

    async def send(value: bytes, key: bytes) -> None:
        sent.append(value)

    file = workshop.log(*[{} for _ in range(2000)])
    file.write_bytes(file.read_bytes() + b"R1\t\xff\xff\t")

    with pytest.raises(ValueError, match="neither UTF-8 nor GB18030"):
        asyncio.run(import_log(file, workshop.mapping(HANDOFF), send))
    assert sent == []


def test_events_are_sent_in_the_order_of_time_not_of_the_log(workshop):
    """Logs are sorted by case; a comeback must not arrive years after the state of the first visit was let go."""
    sent: list[str] = []

    async def send(value: bytes, key: bytes) -> None:
        sent.append(orjson.loads(value)["event_id"])

    log = workshop.log(
        {"order": "R1", "at": "2024-01-01T08:00Z"},
        {"order": "R1", "at": "2024-03-01T08:00Z"},
        {"order": "R2", "at": "2025-06-01T08:00Z"},
        {"order": "R3", "at": "2024-01-20T08:00+08:00"},
        {"order": "R3", "at": "2024-01-20T00:00Z"},
    )
    asyncio.run(import_log(log, workshop.mapping(HANDOFF), send))

    assert [identity.removeprefix("tablet:") for identity in sent] == [
        "R1:000001",
        "R3:000001",
        "R3:000002",
        "R1:000002",
        "R2:000001",
    ]


@given(st.lists(st.tuples(st.datetimes(), st.text(max_size=3), st.binary(max_size=3)), max_size=50), st.integers(1, 7))
def test_more_events_than_fit_into_memory_come_in_order_too(events, at_once):
    records = [SortedRecord(wire_time(at.replace(tzinfo=UTC)), text, value, b"") for at, text, value in events]

    with TimeOrder(at_once) as ordered:
        for record in records:
            ordered.add(record)
        assert list(ordered) == sorted(records)
