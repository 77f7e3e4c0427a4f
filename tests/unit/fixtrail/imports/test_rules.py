"""What a mapping makes of single rows, and how each of them is accounted for."""

import asyncio
import io
import json
from datetime import UTC
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.imports.log import read_log
from fixtrail.imports.mapping import Mapping, load_mapping
from fixtrail.imports.ordering import SortedRecord, TimeOrder
from fixtrail.imports.report import ImportReport
from fixtrail.imports.report_lines import report_lines
from fixtrail.imports.rules import MappedEvent, Outcome, Rejected, Unmapped, map_row
from fixtrail.imports.run import import_log
from fixtrail.imports.times import wire_time

HEAD = """
namespace = "tablet"
[log]
format = "csv"
case = "order"
activity = "step"
[time]
column = "at"
[fields]
vehicle_id = "{vin}"
customer_id = "{vin}"
center_id = "sh-1"
"""
AT = "2026-03-01T08:00:00Z"


class Workshop:
    """A log and a mapping in a folder, and what the import makes of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mapping(self, rules: str, head: str = HEAD) -> Mapping:
        file = self.folder / "mapping.toml"
        file.write_text(head + rules, encoding="utf-8")
        return load_mapping(file)

    def log(self, *rows: dict[str, str]) -> Path:
        rows = tuple({"order": "R1", "at": AT, "vin": "V1", "step": "in", **row} for row in rows)
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = "\t".join(names) + "\n" + "".join("\t".join(row.get(name, "") for name in names) + "\n" for row in rows)
        file = self.folder / "log.csv"
        file.write_text(table, encoding="utf-8")
        return file

    def outcomes(self, rules: str, *rows: dict[str, str], head: str = HEAD) -> list[Outcome]:
        mapping = self.mapping(rules, head)
        return [outcome for row in read_log(self.log(*rows), mapping) for outcome in map_row(row, mapping)]

    def event(self, rules: str, **row: str) -> dict[str, Any]:
        (outcome,) = self.outcomes(rules, row)
        assert isinstance(outcome, MappedEvent), outcome
        made: dict[str, Any] = orjson.loads(outcome.value)
        return made

    def refusal(self, rules: str, **row: str) -> tuple[str, str]:
        (outcome,) = self.outcomes(rules, row)
        assert isinstance(outcome, Rejected), outcome
        return outcome.reason, outcome.value

    def report(self, rules: str, *rows: dict[str, str], head: str = HEAD, rejects: Any = None) -> ImportReport:
        mapping = self.mapping(rules, head)
        return asyncio.run(import_log(self.log(*rows), mapping, rejects=rejects))


@pytest.fixture
def workshop(tmp_path) -> Workshop:
    return Workshop(tmp_path)


def field(type_: str, fields: str) -> str:
    return f'[[event]]\ntype = "{type_}"\n[event.fields]\n{fields}\n'


HANDOFF = '[[event]]\ntype = "handoff"\n'


def test_an_event_has_the_common_fields_that_its_type_knows(workshop):
    assert workshop.event(HANDOFF) == {
        "event_id": "tablet:R1:000001",
        "type": "handoff",
        "occurred_at": "2026-03-01T08:00:00.000Z",
        "order_id": "R1",
        "vehicle_id": "V1",
        "center_id": "sh-1",
    }


@pytest.mark.parametrize(
    ("fields", "text", "value"),
    [
        ('amount = "{x}"', "19.90", 19.9),
        ('amount = "{x}"', "20.00", 20),
        ('amount = "{x}"', "-3", -3),
        ('amount = { column = "x", thousands = "," }', "1,234.50", 1234.5),
        ('amount = { column = "x", decimal = ",", thousands = "." }', "1.234,50", 1234.5),
        ('amount = { column = "x", scale = 0.01 }', "123450", 1234.5),
        ('amount = { column = "x", extract = "[0-9.]+" }', "CNY 12.5 incl. tax", 12.5),
        ('amount = { column = "x", extract = "(\\\\d+) yuan" }', "3 items, 12 yuan", 12),
        ('amount = { column = "x", default = 5 }', "", 5),
        ("amount = 7", "", 7),
        ('amount = { value = "7" }', "", 7),
        ('amount = "{x}"', "", None),
        ('amount = { column = "x", bad = "omit" }', "about ten", None),
    ],
)
def test_a_number_is_read_from_text(workshop, fields, text, value):
    assert workshop.event(field("handoff", fields), x=text).get("amount") == value


@pytest.mark.parametrize(
    ("fields", "text", "reason"),
    [
        ('amount = "{x}"', "about ten", "amount: not a number"),
        ('amount = "{x}"', "NaN", "amount: not a number"),
        ('amount = "{x}"', "1e400", "amount: not a number"),
        ('amount = { column = "x", extract = "^[0-9]+$" }', "12,5", "amount: text does not match `extract`"),
        ('amount = { column = "x", map = { free = 0 } }', "gift", "amount: text is not in `map`"),
    ],
)
def test_a_value_that_cannot_be_used_is_a_reason_without_the_value(workshop, fields, text, reason):
    said, value = workshop.refusal(field("handoff", fields), x=text)

    assert said == reason
    assert value in (text, "")


def test_a_score_is_a_whole_number(workshop):
    rule = field("survey", 'score = "{x}"')

    assert workshop.event(rule, x="9.0")["score"] == 9
    assert workshop.refusal(rule, x="8.5") == ("score: not a whole number", "8.5")
    assert workshop.refusal(rule, x="11")[0].startswith("invalid_field: score")
    assert workshop.refusal(rule, x="") == ("score: nothing in the row for it", "")


@pytest.mark.parametrize(
    ("text", "passed"), [("true", True), ("FALSE", False), ("1", True), ("否", False), ("Yes", True)]
)
def test_yes_and_no_are_understood(workshop, text, passed):
    assert workshop.event(field("quality_check", 'passed = "{x}"'), x=text)["passed"] is passed


def test_other_words_for_yes_and_no_need_a_map(workshop):
    rule = field("quality_check", 'passed = { column = "x", map = { iO = true, niO = false } }')

    assert workshop.event(rule, x="niO")["passed"] is False
    assert workshop.refusal(field("quality_check", 'passed = "{x}"'), x="niO")[0].startswith("passed: neither true nor")


@pytest.mark.parametrize(
    ("fields", "text", "groups"),
    [
        ('fault_groups = "{x}"', "brakes", ["brakes"]),
        ('fault_groups = ["{x}", "{y}", "all"]', "brakes", ["brakes", "all"]),
        ('fault_groups = ["{x}"]', "", None),
        ('fault_groups = { column = "x", split = "[;,]" }', "brakes; ,tyres", ["brakes", "tyres"]),
        (
            'fault_groups = { column = "x", split = ";", map = { B = "brakes" }, default = "other" }',
            "B;T",
            ["brakes", "other"],
        ),
        ('fault_groups = { column = "x", split = ";", extract = "^\\\\w" }', "brakes;tyres", ["b", "t"]),
        ("fault_groups = []", "", []),
    ],
)
def test_a_list_is_made_of_several_columns_or_split(workshop, fields, text, groups):
    made = workshop.event(field("diagnosis", f'phase = "completed"\n{fields}'), x=text, y="")

    assert made.get("fault_groups") == groups


QUOTE = field(
    "diagnosis",
    'phase = "completed"\n'
    'quote = { labour_hours = "{hours}", labour_rate = 180, currency = "CNY", '
    'parts = [{ part_no = "{no}", quantity = "{n}", unit_price = "{price}" }] }',
)


def test_a_quote_is_left_out_with_its_parts_where_the_row_has_none(workshop):
    assert "quote" not in workshop.event(QUOTE, hours="", no="", n="", price="")
    assert workshop.event(QUOTE, hours="1.5", no="", n="", price="")["quote"] == {
        "labour_hours": 1.5,
        "labour_rate": 180,
        "currency": "CNY",
        "parts": [],
    }
    assert workshop.event(QUOTE, hours="1", no="P", n="2", price="3")["quote"]["parts"] == [
        {"part_no": "P", "quantity": 2, "unit_price": 3}
    ]
    assert workshop.refusal(QUOTE, hours="1", no="P", n="2", price="")[0] == (
        "quote.parts 1.unit_price: nothing in the row for it"
    )


def test_a_promise_may_have_a_format_and_zone_of_its_own(workshop):
    promise = '{ column = "promise", format = "%d.%m.%Y %H:%M", zone = "{zone}" }'
    rule = field("check_in", f'lane = "quick"\npromised_at = {promise}')

    made = workshop.event(rule, promise="01.03.2026 18:00", zone="Asia/Urumqi")
    assert made["promised_at"] == "2026-03-01T12:00:00.000Z"
    assert workshop.refusal(rule, promise="soon", zone="UTC")[0] == "promised_at: not a time in format %d.%m.%Y %H:%M"
    assert "promised_at" not in workshop.event(rule, promise="", zone="")


def test_a_time_may_be_put_together_from_two_columns(workshop):
    rule = HANDOFF + 'time = { template = "{day} {clock}", zone = "Asia/Shanghai" }'

    assert workshop.event(rule, day="2026-03-01", clock="17:30")["occurred_at"] == "2026-03-01T09:30:00.000Z"
    assert workshop.refusal(rule, day="2026-03-01", clock="")[0] == "time: nothing in the row for it"


@pytest.mark.parametrize(
    ("choice", "row", "is_chosen"),
    [
        ('match = { step = "in" }', {"step": "in"}, True),
        ('match = { step = "in" }', {"step": "out"}, False),
        ('match = { step = ["in", "out"], x = "" }', {"step": "out", "x": ""}, True),
        ('match = { step = ["in", "out"], x = "" }', {"step": "out", "x": "1"}, False),
        ("match = { x = 3 }", {"x": "3.0"}, True),
        ("match = { x = true }", {"x": "True"}, True),
        ('when = { column = "x", equals = "3" }', {"x": "3.0"}, False),
        ('when = { column = "x", in = ["a", "b"] }', {"x": "b"}, True),
        ('when = { column = "x", regex = "^Repair \\\\(" }', {"x": "Repair (Simple)"}, True),
        ('when = { column = "x", regex = "^Repair \\\\(" }', {"x": ""}, False),
        ('when = { column = "x", exists = true }', {"x": " "}, False),
        ('when = { column = "x", exists = false }', {"x": " "}, True),
        ('when = { column = "x", empty = true }', {"x": ""}, True),
        ('when = { column = "x", empty = false }', {"x": "1"}, True),
        ('when = { column = "x", ge = 3, lt = 5 }', {"x": "3"}, True),
        ('when = { column = "x", ge = 3, lt = 5 }', {"x": "5"}, False),
        ('when = { column = "x", gt = 3 }', {"x": "many"}, False),
        ('when = { column = "x", le = 3 }', {"x": ""}, False),
        ('when = { any = [{ column = "x", le = 3 }, { column = "step", equals = "in" }] }', {"x": "9"}, True),
        ('when = { all = [{ column = "x", le = 3 }, { column = "step", equals = "in" }] }', {"x": "9"}, False),
        ('when = { not = { column = "x", le = 3 } }', {"x": "9"}, True),
        ('when = [{ column = "x", le = 9 }, { column = "step", equals = "out" }]', {"x": "9"}, False),
        ('match = { step = "in" }\nwhen = { column = "x", gt = 8 }', {"x": "9"}, True),
        ('match = { "@first" = true }', {"x": "9"}, True),
        ('match = { "@nth" = 2 }', {"x": "9"}, False),
    ],
)
def test_conditions_choose_rows(workshop, choice, row, is_chosen):
    (outcome,) = workshop.outcomes(HANDOFF + choice, {"x": "", **row})

    assert isinstance(outcome, MappedEvent) is is_chosen
    assert isinstance(outcome, Unmapped) is not is_chosen


FIRST_ALSO_CHECKS_IN = """
[[event]]
type = "check_in"
also = true
match = { "@first" = true }
fields = { lane = "standard" }

[[event]]
type = "diagnosis"
match = { step = "look" }
fields = { phase = "started" }

[[event]]
type = "handoff"
match = { "@last" = true }

[[ignore]]
match = { step = "tea" }
reason = "a break"
"""


def test_one_row_can_make_several_events_in_the_order_of_the_rules(workshop):
    rows = [{"step": step} for step in ("look", "tea", "chat", "look")]

    outcomes = workshop.outcomes(FIRST_ALSO_CHECKS_IN, *rows)

    made = [outcome.event.event_id for outcome in outcomes if isinstance(outcome, MappedEvent)]
    assert made == ["tablet:R1:000001:01", "tablet:R1:000001:02", "tablet:R1:000004:02"]
    assert made == sorted(made)
    assert [outcome.reason for outcome in outcomes if isinstance(outcome, Unmapped)] == ["a break", "no rule matches"]


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
    assert [(each.activity, each.reason, each.rows, each.lines) for each in report.unmapped] == [
        ("tea", "a break", 2, (3, 5))
    ]
    assert {(each.type, each.rule, each.reason, each.events) for each in report.rejected} == {
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


WIDE = """
[[event]]
type = "check_in"
time = "came"
fields = { lane = "standard" }
[[event]]
type = "handoff"
time = "left"
[[event]]
type = "survey"
time = "asked"
fields = { score = "{score}" }
"""
WIDE_HEAD = HEAD.replace('format = "csv"', 'format = "csv"\nrows = "orders"')


def test_a_row_of_a_whole_order_makes_an_event_of_each_time_it_has(workshop):
    rows = [
        {"came": "2026-03-01T08:00Z", "left": "2026-03-01T09:00Z", "asked": "2026-03-02T09:00Z", "score": "9"},
        {"order": "R2", "came": "2026-03-01T08:00Z", "left": "", "asked": "", "score": ""},
        {"order": "R3", "came": "2026-03-01T08:00Z", "left": "late", "asked": "", "score": ""},
        {"order": "R4", "came": "", "left": "", "asked": "", "score": ""},
        {"order": "R1", "came": "2026-03-01T08:00Z", "left": "", "asked": "", "score": ""},
    ]

    report = workshop.report(WIDE, *rows, head=WIDE_HEAD)

    assert report.events_by_type == {"check_in": 3, "handoff": 1, "survey": 1}
    assert (report.mapped_rows, report.partly_mapped_rows) == (3, 1)
    assert [(each.reason, each.lines) for each in report.unmapped] == [("it has no time for any of its events", (5,))]
    assert {each.reason for each in report.rejected} == {
        "time: not a time in format iso",
        "a second row of the same order",
    }


def test_an_export_that_has_grown_keeps_the_ids_of_the_events_it_had(workshop):
    """The order was open yesterday; today's export has its handoff and adds the survey."""
    came = {"came": "2026-03-01T08:00Z", "left": "", "asked": "2026-03-02T09:00Z", "score": "9"}
    before = [each.event for each in workshop.outcomes(WIDE, came, head=WIDE_HEAD)]
    after = [each.event for each in workshop.outcomes(WIDE, came | {"left": "2026-03-01T09:00Z"}, head=WIDE_HEAD)]

    assert [event.event_id for event in after] == ["tablet:R1:000001:01", "tablet:R1:000001:02", "tablet:R1:000001:03"]
    assert [event for event in after if event in before] == before


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


LATE = "2026-03-01T12:00:00Z"


def test_the_latest_row_is_the_one_with_the_latest_time_wherever_it_stands(workshop):
    rules = '[[event]]\ntype = "handoff"\nmatch = { "@latest" = true }\n'

    outcomes = workshop.outcomes(rules, {"at": AT}, {"at": LATE, "step": "out"}, {"at": "2026-03-01T09:00:00Z"})

    assert [outcome.row.line for outcome in outcomes if isinstance(outcome, MappedEvent)] == [3]


@pytest.mark.parametrize(("where", "lines"), [("some_row", [2, 3, 4]), ("earlier_row", [4]), ("later_row", [2])])
def test_a_rule_may_look_at_the_other_rows_of_the_case(workshop, where, lines):
    rules = f'[[event]]\ntype = "handoff"\nwhen = {{ {where} = {{ column = "step", equals = "test" }} }}\n'

    outcomes = workshop.outcomes(
        rules,
        {"step": "in"},
        {"step": "test", "at": "2026-03-01T10:00:00Z"},
        {"step": "out", "at": LATE},
        {"order": "R2"},
    )

    assert [outcome.row.line for outcome in outcomes if isinstance(outcome, MappedEvent)] == lines


def test_an_optional_time_that_is_missing_is_no_rejection(workshop):
    rules = '[[event]]\ntype = "handoff"\noptional = true\ntime = "gone"\n'

    (outcome,) = workshop.outcomes(rules, {"gone": ""})

    assert isinstance(outcome, Unmapped)
    assert outcome.reason == "it has no time for any of its events"


def test_a_time_may_be_the_latest_of_several_columns(workshop):
    rules = '[[event]]\ntype = "handoff"\ntime = { column = ["a", "b"], choose = "latest" }\n'

    (outcome,) = workshop.outcomes(rules, {"a": LATE, "b": AT})

    assert isinstance(outcome, MappedEvent)
    assert outcome.event.occurred_at.hour == 12


def test_an_optional_field_that_the_contract_does_not_allow_is_left_out_and_noted(workshop):
    rules = '[[event]]\ntype = "check_in"\nfields = { lane = "standard", odometer_km = "{km}" }\n'

    (outcome,) = workshop.outcomes(rules, {"km": "-5"})

    assert isinstance(outcome, MappedEvent)
    assert b"odometer" not in outcome.value
    assert outcome.notes == ("left out: odometer_km: the contract does not allow this value",)
