"""Exports that have been through a spreadsheet, as people have them."""

import asyncio
from pathlib import Path
from textwrap import dedent

import orjson
import pytest

from fixtrail.imports.errors import BadValueError, LogError, MappingError
from fixtrail.imports.mapping import load_mapping
from fixtrail.imports.numbers import NumberStyle, number_reader
from fixtrail.imports.report import ImportReport
from fixtrail.imports.report_lines import report_lines
from fixtrail.imports.run import import_log
from fixtrail.imports.times import time_reader, wire_time
from tests.paths import ROOT

CUT = "a spreadsheet has cut this number, its last digits are lost; format the column as text and export again"
EXAMPLES = ROOT / "examples"


def dealer_import(folder: Path, encoding: str = "gb18030") -> tuple[ImportReport, dict[str, dict[str, object]]]:
    """The report and, by order and type, the last event of the dealer's export."""
    text = (EXAMPLES / "mappings" / "dealer-export.toml").read_text(encoding="utf-8")
    (folder / "mapping.toml").write_text(text.replace('"gb18030"', f'"{encoding}"'), encoding="utf-8")
    events: dict[str, dict[str, object]] = {}

    async def send(value: bytes, _: bytes) -> None:
        event = orjson.loads(value)
        events[f"{event['order_id'][-1]} {event['type']}"] = event

    report = asyncio.run(import_log(EXAMPLES / "dealer-export.csv", load_mapping(folder / "mapping.toml"), send))
    return report, events


def test_a_dealers_export_comes_in_but_for_what_nobody_can_read(tmp_path):
    report, events = dealer_import(tmp_path)

    assert (report.cases_in, report.cases_partly_in, report.cases_not_in) == (4, 0, 2)
    assert [(order.case, order.line) for order in report.orders_not_in] == [("RO2603010003", 5), ("RO2603010004", 6)]
    assert events["6 check_in"]["vehicle_id"] == "LSVAA49J132047375"
    assert events["2 check_in"]["vehicle_id"] == "沪B8888X"
    assert events["6 check_in"]["odometer_km"] == 52_000
    assert events["1 handoff"]["amount"] == 1_869
    assert "amount" not in events["6 handoff"]
    assert report.notes["left out: amount: " + CUT] == 1


def test_dates_are_read_in_every_form_that_the_spreadsheet_wrote(tmp_path):
    _, events = dealer_import(tmp_path)

    assert events["5 check_in"]["occurred_at"] == "2026-03-01T05:30:00.000Z"
    assert events["6 check_in"]["occurred_at"] == "2026-03-01T06:00:00.000Z"
    assert events["6 handoff"]["occurred_at"] == "2026-03-01T16:00:00.000Z"


def test_an_order_that_did_not_come_in_has_one_line_with_each_reason_once(tmp_path):
    report, _ = dealer_import(tmp_path)

    (line,) = [line for line in report_lines(report) if "RO2603010004" in line]

    assert line == "  line 6, RO2603010004: not in: check_in, repair: center_id: text is not in `map`"


def test_a_wrong_encoding_names_the_one_that_fits(tmp_path):
    with pytest.raises(LogError, match='the bytes are no utf-8; they look like gb18030: say encoding = "gb18030"'):
        dealer_import(tmp_path, "utf-8")


@pytest.mark.parametrize(
    ("text", "formats", "at"),
    [
        ("2026/3/1 下午 3:05:00", ("%Y/%m/%d %p %I:%M:%S",), "2026-03-01T07:05:00.000Z"),
        ("2026/3/1 上午 8:05:00", ("%Y/%m/%d %p %I:%M:%S",), "2026-03-01T00:05:00.000Z"),
        ("46082.5", ("iso", "excel"), "2026-03-01T04:00:00.000Z"),
        ("46082.3333333333", ("excel",), "2026-03-01T00:00:00.000Z"),
        ("44620.5", ("excel_1904",), "2026-03-01T04:00:00.000Z"),
        ("2026-03-01 24:00:00", ("iso",), "2026-03-01T16:00:00.000Z"),
        ("2026/02/28 24:00", ("%Y/%m/%d %H:%M",), "2026-02-28T16:00:00.000Z"),
        ("２０２６/３/１ ８：０５", ("%Y/%m/%d %H:%M",), "2026-03-01T00:05:00.000Z"),
        ("2026-03-01 08:00:00 UTC", ("iso",), "2026-03-01T08:00:00.000Z"),
        ("2026-03-01T08:00:00[Europe/Berlin]", ("iso",), "2026-03-01T07:00:00.000Z"),
        ("2026-03-01 08:00 Europe/Berlin", ("%Y-%m-%d %H:%M %Z",), "2026-03-01T07:00:00.000Z"),
        ("Sun Mar 01 08:00:00 CST 2026", ("%a %b %d %H:%M:%S %Z %Y",), "2026-03-01T14:00:00.000Z"),
        ("2026-03-01T08:00:00Z", ("%Y-%m-%dT%H:%M:%SZ",), "2026-03-01T08:00:00.000Z"),
    ],
)
def test_times_as_spreadsheets_and_programs_write_them(text, formats, at):
    read = time_reader(formats, "shift", "earlier", {"CST": "America/Chicago"})

    assert wire_time(read(text, "Asia/Shanghai", [])) == at


@pytest.mark.parametrize(
    ("text", "formats", "reason"),
    [
        ("1.77232E+12", ("epoch_ms",), CUT),
        ("46082.5", ("iso",), "not a time in format iso; a spreadsheet's date as a number is format excel"),
        ("60.5", ("excel",), "not a time in format excel"),
        ("########", ("iso",), "a spreadsheet wrote ### because the column was too narrow; widen it and export again"),
        (
            "2026-03-01 08:00:00 CST",
            ("%Y-%m-%d %H:%M:%S %Z",),
            "the text names a time zone that is not known for sure; say it in `zones`",
        ),
        ("2026-03-01 24:30:00", ("iso",), "not a time in format iso"),
    ],
)
def test_times_that_nobody_can_be_sure_of_say_why(text, formats, reason):
    with pytest.raises(BadValueError) as refusal:
        time_reader(formats, "shift", "earlier")(text, "Asia/Shanghai", [])

    assert refusal.value.reason == reason


def test_a_format_that_names_an_ambiguous_zone_is_refused():
    with pytest.raises(MappingError, match="names the time zone CST"):
        time_reader(("%Y-%m-%d %H:%M CST",), "shift", "earlier")


@pytest.mark.parametrize(
    ("text", "number"),
    [("5.2万", 52_000), ("1.5亿", 150_000_000), ("(120.00)", -120), ("￥1,869.50", 1_869.5), ("48,211", 48_211)],
)
def test_numbers_as_people_write_them(text, number):
    assert number_reader(NumberStyle(thousands=","))(text) == number


@pytest.mark.parametrize("text", ["1.2E+3", "1.23E+15", "2.0260301E+13"])
def test_a_number_that_a_spreadsheet_has_cut_is_refused(text):
    with pytest.raises(BadValueError) as refusal:
        number_reader(NumberStyle())(text)

    assert refusal.value.reason == CUT


def test_order_numbers_that_a_spreadsheet_has_cut_make_no_order(tmp_path):
    (tmp_path / "log.csv").write_text("order,at\n2.0260301E+13,2026-03-01T08:00Z\n2.0260301E+13,2026-03-01T09:00Z\n")
    (tmp_path / "mapping.toml").write_text(
        dedent("""\
            namespace = "t"
            [log]
            case = "order"
            [time]
            column = "at"
            [fields]
            vehicle_id = "v-{order}"
            center_id = "c"
            [[event]]
            type = "handoff"
            """)
    )

    report = asyncio.run(import_log(tmp_path / "log.csv", load_mapping(tmp_path / "mapping.toml")))

    assert (report.mapped_rows, report.rejected_rows) == (0, 2)
    assert [row.reason for row in report.rejected] == [f"case: {CUT}"]
