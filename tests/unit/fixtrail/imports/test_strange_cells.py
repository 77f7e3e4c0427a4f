"""Cells that look right and are not: half days, missing digits, dates either way round, numbers of another country."""

import csv
import io
from datetime import UTC, datetime

import pytest

from fixtrail.imports.csv_log import CsvReader
from fixtrail.imports.errors import BadValueError, LogError, MappingError
from fixtrail.imports.log import CsvLayout, peek_log, read_log, scan_log
from fixtrail.imports.mapping import load_mapping
from fixtrail.imports.mapping_file import LogSettings
from fixtrail.imports.numbers import NumberStyle, number_reader
from fixtrail.imports.report import Tally
from fixtrail.imports.report_lines import report_lines
from fixtrail.imports.rules import map_row
from fixtrail.imports.spreadsheet import ROUNDED, damage_of
from fixtrail.imports.suggest import suggest_mapping
from fixtrail.imports.times import check_format, time_reader, wire_time

CHINA = "Asia/Shanghai"


@pytest.mark.parametrize(
    ("text", "format_", "hour"),
    [
        ("2026/3/5 下午 3:05", "%Y/%m/%d %p %H:%M", "15:05"),
        ("2026/3/5 下午 15:05", "%Y/%m/%d %p %I:%M", "15:05"),
        ("2026/3/5 下午 0:05", "%Y/%m/%d %p %I:%M", "12:05"),
        ("2026/3/5 上午 12:05", "%Y/%m/%d %p %H:%M", "00:05"),
        ("2026/3/5 中午 11:30", "%Y/%m/%d %p %I:%M", "11:30"),
        ("2026/3/5 中午 12:30", "%Y/%m/%d %p %I:%M", "12:30"),
        ("2026/3/5 中午 1:30", "%Y/%m/%d %p %I:%M", "13:30"),
        ("2026年3月5日 晚上8点05分", "%Y年%m月%d日 %p%I点%M分", "20:05"),
        ("3/5/26 3:05 pm", "%m/%d/%y %I:%M %p", "15:05"),
        ("20260305150500", "%Y%m%d%H%M%S", "15:05"),
        ("20260305 1505", "%Y%m%d %H%M", "15:05"),
        ("1772694300000000", "epoch_us", "15:05"),
    ],
)
def test_the_hour_is_the_one_that_was_meant(text, format_, hour):
    check_format(format_)

    at = time_reader((format_,), "shift", "earlier")(text, CHINA, [])

    assert f"{wire_time(at)[:16]}" == wire_time(datetime.fromisoformat(f"2026-03-05T{hour}+08:00"))[:16]


@pytest.mark.parametrize(
    ("text", "formats", "reason"),
    [
        ("2026/3/5 晚上 12:30", ("%Y/%m/%d %p %I:%M",), "晚上 with this hour does not tell the half of the day"),
        ("2026/3/5 上午 15:05", ("%Y/%m/%d %p %H:%M",), "not a time in format %Y/%m/%d %p %H:%M"),
        # strptime reads it as three minutes past three.
        ("202603051530", ("%Y%m%d%H%M%S",), "not a time in format %Y%m%d%H%M%S"),
        (
            "03/05/2026",
            ("%d/%m/%Y", "%m/%d/%Y"),
            "day and month may be either way round: the mapping has formats for both",
        ),
        (
            "1772694300",
            ("epoch_ms",),
            "an epoch far from today: of another unit (epoch_s, epoch_ms, epoch_us)?",
        ),
    ],
)
def test_a_time_that_may_be_another_is_refused(text, formats, reason):
    with pytest.raises(BadValueError) as refusal:
        time_reader(formats, "shift", "earlier")(text, CHINA, [])

    assert refusal.value.reason == reason


@pytest.mark.parametrize(("text", "notes"), [("46086.33", [ROUNDED]), ("46086.333", [ROUNDED]), ("46086.65", [])])
def test_a_spreadsheets_date_of_few_digits_is_read_and_noted(text, notes):
    noted = []

    time_reader(("excel",), "shift", "earlier")(text, CHINA, noted)

    assert noted == notes


def test_a_later_format_reads_what_an_earlier_one_would_read_wrongly():
    def read(text, *formats):
        return wire_time(time_reader(formats, "shift", "earlier")(text, CHINA, []))

    assert read("202603051530", "%Y%m%d%H%M%S", "%Y%m%d%H%M") == "2026-03-05T07:30:00.000Z"
    assert read("1772694300", "epoch_ms", "epoch_s") == "2026-03-05T07:05:00.000Z"
    assert read("46086.5", "epoch_s", "excel") == "2026-03-05T04:00:00.000Z"
    assert read("25/12/2026", "%d/%m/%Y", "%m/%d/%Y") == read("12/25/2026", "%d/%m/%Y", "%m/%d/%Y")


@pytest.mark.parametrize(
    ("format_", "reason"), [("%Y/%m/%d %I:%M", "without %p"), ("%m/%d %H:%M", "has no year"), ("%H:%M", "has no year")]
)
def test_a_format_that_cannot_tell_the_time_is_refused_with_the_mapping(format_, reason):
    with pytest.raises(MappingError, match=reason):
        check_format(format_)


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("1,5", NumberStyle(thousands=",")),
        ("1234,5", NumberStyle(thousands=",")),
        ("1,2345", NumberStyle(thousands=",")),
        ("1.234", NumberStyle(decimal=",")),
        ("1,234.50", NumberStyle(decimal=",", thousands=".")),
        ("1.23", NumberStyle(decimal=",", thousands=".")),
        ("(1.234)", NumberStyle(decimal=",")),
    ],
)
def test_a_number_of_another_country_is_not_read_as_a_tenfold_or_a_thousandth(text, style):
    with pytest.raises(BadValueError, match="not a number"):
        number_reader(style)(text)


@pytest.mark.parametrize(
    ("text", "style", "number"),
    [
        ("1,234,567.5", NumberStyle(thousands=","), 1_234_567.5),
        ("12,34,567", NumberStyle(thousands=","), 1_234_567),
        ("-1.234,50", NumberStyle(decimal=",", thousands="."), -1234.5),
        ("1,5万", NumberStyle(decimal=","), 15_000),
        ("1\u00a0234,5", NumberStyle(decimal=",", thousands=" "), 1234.5),
    ],
)
def test_numbers_in_the_style_that_the_mapping_names(text, style, number):
    assert number_reader(style)(text) == number


def test_a_number_that_a_program_has_cut_is_cut_in_small_letters_too():
    assert damage_of("1.77232e+12") == damage_of("1.77232E+12") is not None


MAPPING = """
namespace = "t"
[log]
case = {case}
activity = "step"
[time]
column = "at"
format = "%Y-%m-%d %H:%M"
zone = "Asia/Shanghai"
[fields]
order_id = "{{order}}"
vehicle_id = "{{vin}}"
center_id = "{{center}}"
[[event]]
type = "check_in"
match = {{ step = "in" }}
fields = {{ customer_id = "{{vin}}", lane = "standard" }}
"""
HEAD = ["order", "center", "vin", "step", "at"]
AT = "2026-03-05 08:00"


def write(folder, rows, case='"order"', prefix=""):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    (folder / "log.csv").write_text(prefix + text.getvalue(), encoding="utf-8")
    (folder / "mapping.toml").write_text(MAPPING.format(case=case), encoding="utf-8")
    return folder / "log.csv", load_mapping(folder / "mapping.toml")


def test_cells_that_a_program_kept_as_text_are_their_content(tmp_path):
    log, mapping = write(tmp_path, [HEAD, ['="0012"', "e1", "'0034", "in", AT], ["'t Hof", "e1", "V", "in", AT]])

    first, second = read_log(log, mapping)

    assert (first.case, first.columns["vin"]) == ("0012", "0034")
    assert second.case == "'t Hof"


def test_a_line_that_tells_excel_the_delimiter_is_no_header(tmp_path):
    log, mapping = write(tmp_path, [HEAD, ["R1", "e1", "V", "in", AT]], prefix="sep=,\r\n")

    (row,) = read_log(log, mapping)

    assert (row.line, row.case) == (3, "R1")


def test_the_delimiter_of_that_line_is_taken():
    reader = CsvReader(io.BytesIO(b"sep=;\na;b\n1;2\n"), CsvLayout("utf-8", ";"), LogSettings())

    assert [columns for _, columns, _ in reader] == [{"a": "1", "b": "2"}]


def test_orders_that_centers_number_for_themselves_are_cases_of_two_columns(tmp_path):
    rows = [HEAD, ["1", "e1", "V1", "in", AT], ["1", "e2", "V2", "in", AT], ["1", "", "V3", "in", AT]]
    log, mapping = write(tmp_path, rows, case='["center", "order"]')
    tally = Tally(datetime(2026, 4, 1, tzinfo=UTC))

    outcomes = [(row, map_row(row, mapping)) for row in read_log(log, mapping)]
    for row, built in outcomes:
        tally.add(row, built)

    assert [row.case for row, _ in outcomes] == ["e1 / 1", "e2 / 1", ""]
    assert (tally.mapped, tally.rejected) == (2, 1)
    assert outcomes[2][1][0].reason == "no case: column center or order is empty"


def test_events_that_have_not_happened_yet_are_counted(tmp_path):
    log, mapping = write(tmp_path, [HEAD, ["1", "e1", "V1", "in", AT], ["2", "e1", "V2", "in", "2030-03-06 08:00"]])
    tally = Tally(datetime(2026, 4, 1, tzinfo=UTC))
    scan = scan_log(log, mapping)
    for row in read_log(log, mapping, scan):
        tally.add(row, map_row(row, mapping))
    report = tally.report("log.csv", scan)

    assert report.future_events == 1
    assert any("have not happened yet" in line for line in report_lines(report))


@pytest.mark.parametrize(
    ("start", "reason"),
    [(b"SQLite format 3\0", "an SQLite file"), (b'{"events": []}', "JSON"), (b'[ {"a": 1}]', "JSON")],
)
def test_files_of_other_kinds_say_what_they_are(tmp_path, start, reason):
    log, mapping = write(tmp_path, [HEAD])
    log.write_bytes(start * 20)

    with pytest.raises(LogError, match=reason):
        list(read_log(log, mapping))


def test_the_header_is_found_below_a_title_of_as_many_cells(tmp_path):
    log, _ = write(
        tmp_path, [["Report", "", "", "", ""], ["Order", "", "", "Step", ""], HEAD, ["1", "e", "V", "in", AT]]
    )

    assert peek_log(log, 10).skip_lines == 2


def test_a_suggestion_says_that_day_and_month_are_a_guess(tmp_path):
    log, _ = write(tmp_path, [["order_id", "vin", "arrived at"], ["1", "V", "03/05/26 08:00"]])
    assert "the day before the month; a guess: no date of this log tells" in suggest_mapping(log)

    log, _ = write(tmp_path, [["order_id", "vin", "arrived at"], ["1", "V", "3/15/26 8:05 AM"]])
    assert '["%m/%d/%y %I:%M %p"]   # the month before the day\n' in suggest_mapping(log)
