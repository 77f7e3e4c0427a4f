"""A first mapping for a log that nobody has described: it loads, and it makes the events that the names speak of."""

import asyncio
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from fixtrail.imports.errors import LogError
from fixtrail.imports.mapping import load_mapping
from fixtrail.imports.report import ImportReport
from fixtrail.imports.run import import_log
from fixtrail.imports.suggest import suggest_mapping
from tests.paths import ROOT

LONG = """\
order no;vin;step;when
R1;V1;Check-in;01.03.2026 08:00
R1;V1;Repair started;01.03.2026 08:30
R1;V1;Repair completed;01.03.2026 09:30
R1;V1;Send reminder;01.03.2026 09:40
R1;V1;Handover;01.03.2026 10:00
"""


def suggested(log: Path, folder: Path) -> ImportReport:
    """What the suggested mapping makes of the log."""
    mapping = folder / "mapping.toml"
    mapping.write_text(suggest_mapping(log), encoding="utf-8")
    return asyncio.run(import_log(log, load_mapping(mapping)))


def test_a_log_with_a_row_an_event_gets_a_rule_for_each_step_it_understands(tmp_path):
    (tmp_path / "log.csv").write_text(LONG)

    report = suggested(tmp_path / "log.csv", tmp_path)

    assert report.events_by_type == {"repair": 2, "check_in": 1, "handoff": 1}
    assert [(row.activity, row.reason) for row in report.unmapped] == [("Send reminder", "not understood yet")]
    assert report.journeys is not None
    assert (report.journeys.lead_mean_s, report.journeys.touch_mean_s) == (7200, 3600)


def test_a_dealers_export_gets_an_event_for_each_column_of_times(tmp_path):
    report = suggested(ROOT / "examples" / "dealer-export.csv", tmp_path)

    assert report.encoding == "gb18030"
    assert report.events_by_type == {"repair": 9, "check_in": 5, "handoff": 4, "survey": 2}
    assert (report.cases_in, report.cases_partly_in) == (5, 0)
    assert [order.case for order in report.orders_not_in] == ["RO2603010003", "合计"]


def test_a_log_without_an_order_number_is_refused_with_its_columns(tmp_path):
    (tmp_path / "log.csv").write_text("a,b\n1,2\n")

    with pytest.raises(LogError, match=r"no column looks like the number of an order\. It has: a, b"):
        suggest_mapping(tmp_path / "log.csv")


SLASHED = "RO #,VIN,Check In,Delivered\n" + "".join(
    f"{day},V{day},10/{day:02d}/2026 08:00,10/{day:02d}/2026 09:30\n" for day in range(1, 29)
)


@pytest.mark.parametrize("swapped", [False, True], ids=["month first", "day first"])
def test_dates_with_slashes_are_read_one_way_so_that_no_month_becomes_a_day(tmp_path, swapped):
    text = re.sub(r"(\d+)/(\d+)/2026", r"\2/\1/2026", SLASHED) if swapped else SLASHED
    (tmp_path / "log.csv").write_text(text)

    report = suggested(tmp_path / "log.csv", tmp_path)

    assert report.events_by_type == {"check_in": 28, "handoff": 28}
    assert report.first_at and report.last_at and report.journeys
    assert (report.first_at.date(), report.last_at.date()) == (date(2026, 10, 1), date(2026, 10, 28))
    assert (report.journeys.lead_mean_s, report.journeys.lead_median_s) == (5400, 5400)


@pytest.mark.parametrize(
    "header",
    ["订单,车架号,到店时间", "case,vin,arrival", "id,vehicle,registered", "RO #,VIN,Check In", "回访编号,车牌,接车"],
)
def test_the_plainest_names_of_an_order_number_are_understood(tmp_path, header):
    (tmp_path / "log.csv").write_text(f"{header}\nA1,V1,2026-10-01 08:00\nA2,V2,2026-10-01 09:00\n")

    assert suggested(tmp_path / "log.csv", tmp_path).events_by_type == {"check_in": 2}


def test_a_province_is_no_vin(tmp_path):
    (tmp_path / "log.csv").write_text("order,province,arrival\nA1,Anhui,2026-10-01 08:00\n")

    assert "no column looks like a vehicle" in suggest_mapping(tmp_path / "log.csv")


def test_a_western_spreadsheet_is_read_by_a_guessed_encoding_that_is_said_to_be_one(tmp_path):
    text = "order;Kürzel;arrival\nA1;Ä;01.10.2026 08:00\nA2;Ö;01.10.2026 09:00\n"
    (tmp_path / "log.csv").write_bytes(text.encode("windows-1252"))

    assert 'encoding = "windows-1252"   # a guess' in suggest_mapping(tmp_path / "log.csv")
    assert suggested(tmp_path / "log.csv", tmp_path).events_by_type == {"check_in": 2}


def test_a_row_longer_than_the_header_is_not_taken_for_the_header(tmp_path):
    (tmp_path / "log.csv").write_text("order,vin,arrival\n1,2\n1,2,2026-10-01 08:00,extra,extra,extra\n")

    assert 'case = "order"' in suggest_mapping(tmp_path / "log.csv")


def test_a_zone_that_means_several_is_told_as_a_guess(tmp_path):
    (tmp_path / "log.csv").write_text("case,vin,activity,timestamp\n1,V1,check-in,2026-10-01 24:00 CST\n")

    assert 'zones = { CST = "Asia/Shanghai" }   # a guess' in suggest_mapping(tmp_path / "log.csv")
    assert suggested(tmp_path / "log.csv", tmp_path).first_at == datetime(2026, 10, 1, 16, tzinfo=UTC)


def test_a_list_of_scores_becomes_surveys(tmp_path):
    (tmp_path / "log.csv").write_text("单号,车架号,评分,评价时间\n1,V1,9,2026/10/01 下午 3:05\n")

    assert suggested(tmp_path / "log.csv", tmp_path).events_by_type == {"survey": 1}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("order,vin,step,time\n", "there are no rows below the header"),
        ("order,vin,step\n1,V1,check in\n", r"no column looks like a time\. It has: order, vin, step"),
        ('"a\nb",when\n1,2026-10-01 08:00\n', r"no column looks like the number of an order\. It has: a b, when"),
    ],
    ids=["no rows", "no time", "a heading of two lines"],
)
def test_what_gives_no_mapping_is_said_in_one_line(tmp_path, text, problem):
    (tmp_path / "log.csv").write_text(text)

    with pytest.raises(LogError, match=problem) as refusal:
        suggest_mapping(tmp_path / "log.csv")

    assert "\n" not in str(refusal.value)
