"""What a mapping makes of single rows, and how each of them is accounted for."""

import pytest

from fixtrail.imports.rules import MappedEvent, Unmapped
from tests.unit.fixtrail.imports.workshop import AT, FIRST_ALSO_CHECKS_IN, HANDOFF, HEAD, field, workshop

__all__ = ["workshop"]


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
    refusal_text, value = workshop.refusal(field("handoff", fields), x=text)

    assert refusal_text == reason
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
    event = workshop.event(field("diagnosis", f'phase = "completed"\n{fields}'), x=text, y="")

    assert event.get("fault_groups") == groups


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

    event = workshop.event(rule, promise="01.03.2026 18:00", zone="Asia/Urumqi")
    assert event["promised_at"] == "2026-03-01T12:00:00.000Z"
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


def test_one_row_can_make_several_events_in_the_order_of_the_rules(workshop):
    rows = [{"step": step} for step in ("look", "tea", "chat", "look")]

    outcomes = workshop.outcomes(FIRST_ALSO_CHECKS_IN, *rows)

    event_ids = [outcome.event.event_id for outcome in outcomes if isinstance(outcome, MappedEvent)]
    assert event_ids == ["tablet:R1:000001:01", "tablet:R1:000001:02", "tablet:R1:000004:02"]
    assert event_ids == sorted(event_ids)
    assert [outcome.reason for outcome in outcomes if isinstance(outcome, Unmapped)] == ["a break", "no rule matches"]


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
    assert [(row.reason, row.lines) for row in report.unmapped] == [("it has no time for any of its events", (5,))]
    assert {row.reason for row in report.rejected} == {
        "time: not a time in format iso",
        "a second row of the same order",
    }


def test_an_export_that_has_grown_keeps_the_ids_of_the_events_it_had(workshop):
    """The order was open yesterday; today's export has its handoff and adds the survey."""
    row = {"came": "2026-03-01T08:00Z", "left": "", "asked": "2026-03-02T09:00Z", "score": "9"}
    before = [outcome.event for outcome in workshop.outcomes(WIDE, row, head=WIDE_HEAD)]
    after = [outcome.event for outcome in workshop.outcomes(WIDE, row | {"left": "2026-03-01T09:00Z"}, head=WIDE_HEAD)]

    assert [event.event_id for event in after] == ["tablet:R1:000001:01", "tablet:R1:000001:02", "tablet:R1:000001:03"]
    assert [event for event in after if event in before] == before


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
