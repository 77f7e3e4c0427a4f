"""A first mapping for a log that nobody has described: it loads, and it makes the events that the names speak of."""

import asyncio
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
    assert [(each.activity, each.reason) for each in report.unmapped] == [("Send reminder", "not understood yet")]
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
