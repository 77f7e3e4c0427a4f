"""Logs of people who know nothing of this project, against the figures that others' tools and papers give."""

import asyncio
import os
from collections import Counter
from pathlib import Path

import orjson
import pytest

from fixtrail.imports.journeys import JourneyFigures
from fixtrail.imports.mapping import load_mapping
from fixtrail.imports.report import ImportReport
from fixtrail.imports.run import import_log
from tests.paths import ROOT

SHARED = Path(os.environ.get("FIXTRAIL_SHARED_DATA", ROOT.parent / "shared" / "data"))
DAY_S = 86_400


def dry_run(log: str, mapping: str) -> tuple[ImportReport, JourneyFigures]:
    path = SHARED / log
    if not path.exists():
        pytest.skip(f"{log} is not in {SHARED}; FIXTRAIL_SHARED_DATA names another folder")
    report = asyncio.run(import_log(path, load_mapping(ROOT / "examples" / "mappings" / mapping)))
    assert report.journeys is not None
    return report, report.journeys


@pytest.mark.long
def test_incidents_that_are_taken_up_again_after_their_end_are_rework():
    report, figures = dry_run("07_bpic2013_incidents.xes.gz", "bpic2013-incidents.toml")

    assert (report.cases, report.rows, report.rejected_rows) == (7_554, 65_533, 0)
    assert (figures.handed_off, figures.judged, figures.not_fixed) == (7_546, 7_546, {"rework": 512})
    assert round((figures.lead_mean_s or 0) / DAY_S, 4) == 12.0859
    assert figures.anomalies == {}


def test_patients_stay_come_back_and_wait_for_antibiotics():
    report, figures = dry_run("Sepsis.xes.gz", "sepsis.toml")

    assert (report.cases, report.rows) == (1_050, 15_214)
    assert (figures.handed_off, figures.cancelled) == (782, 294)
    assert round((figures.lead_mean_s or 0) / DAY_S, 4) == 7.7172
    # Later than 1 h after the sepsis triage: 481 of 823.
    assert (figures.emergencies, figures.emergencies - figures.emergencies_in_time) == (823, 481)


def test_tickets_are_closed_with_their_last_close():
    report, figures = dry_run("helpdesk.xes.gz", "helpdesk.toml")

    assert (report.cases, report.rows, figures.handed_off) == (4_580, 21_348, 4_559)
    assert round((figures.lead_mean_s or 0) / DAY_S, 4) == 40.8409


def test_permits_without_an_end_stay_open_and_are_no_rejection():
    report, figures = dry_run("receipt.csv.gz", "receipt.toml")

    assert (report.cases, report.rejected_rows, figures.open) == (1_434, 0, 105)
    assert (figures.promises_kept, figures.promises) == (940, 1_329)


def test_complaints_that_belong_to_no_visit_are_no_open_orders():
    report, figures = dry_run("car_complain.csv", "car-complaints.toml")

    assert (report.rows, report.encoding, report.orders_without_check_in) == (600, "gb18030", 0)
    assert (figures.no_visit, figures.open, figures.complaints, figures.anomalies) == (600, 0, 600, {})


def test_the_complaints_end_in_the_states_of_the_list():
    path = SHARED / "car_complain.csv"
    if not path.exists():
        pytest.skip(f"car_complain.csv is not in {SHARED}")
    last: dict[str, str] = {}

    async def send(value: bytes, _: bytes) -> None:
        event = orjson.loads(value)
        last[event["complaint_id"]] = event["phase"]

    asyncio.run(import_log(path, load_mapping(ROOT / "examples" / "mappings" / "car-complaints.toml"), send))

    assert Counter(last.values()) == {"contacted": 286, "opened": 231, "closed": 57, "assigned": 26}
