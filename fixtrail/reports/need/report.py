"""Report `need`: people required in each half hour, beside those rostered and those at work."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pandas as pd

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.eta.visits import centers_of
from fixtrail.reports.need.center_need import CenterNeed, NeedRules, center_need
from fixtrail.reports.need.figures import figures_of
from fixtrail.reports.need.holidays import read_holidays
from fixtrail.reports.need.sheets import charts_of, sheets_of
from fixtrail.reports.need.slots import open_slots
from fixtrail.reports.need.staffing import WaitLimit
from fixtrail.reports.need.stored import Stored
from fixtrail.reports.need.words import DEFINITIONS, METHODS, TITLE
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.periods import ask_last_day
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Report
from fixtrail.reports.target_tables import number_of, table_of
from runtime.failure import USAGE, ExitError
from schemas.times import to_ms

DAYS = 28
MOST_DAYS = 92
# Eight days of a weekday with two holidays among them, and what their visits brought over from the days before.
LEARNED_FROM_DAYS = 73
_SLOT_COLUMNS = (
    *("center_id", "role", "day", "weekday", "time", "expected", "came", "erlang", "required", "too_long", "rostered"),
    *("working", "waited_s", "starts"),
)


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse. Without days: the 28 up to the last check-in; days to come may be named."""
    refuse_cut("need", options)
    rules = read_rules(options)
    first, last = _days(ask, options)
    needs, left_out = center_needs(ask, options, rules, first, last)
    scope = options.scope() | {"from": first.isoformat(), "to": last.isoformat()}
    return report_of(needs, scope | {"no_check_in": left_out})


def center_needs(ask: Ask, options: Options, rules: NeedRules, first: date, last: date) -> tuple[list[CenterNeed], int]:
    """The need of each center, and how many orders had no check-in and count for none."""
    holidays, now = read_holidays(options.holidays), to_ms(options.now)
    since = first - timedelta(days=LEARNED_FROM_DAYS)
    centers, _ = centers_of(ask("centers"))
    stored, needs = Stored(ask, since, first, last, now), []
    chosen = (center_id for center_id in stored.centers() if options.center in ("", center_id))
    opened = {center_id: open_slots(center_id, centers.get(center_id), since, last, holidays) for center_id in chosen}
    slots = {center_id: of_center for center_id, of_center in opened.items() if of_center is not None}
    for center_id, records in stored.of(slots):
        needs.append(center_need(slots[center_id], records, rules, first, now))
    return needs, stored.without_check_in


def report_of(needs: Iterable[CenterNeed], scope: dict[str, Any]) -> Report:
    """The report from each center's rows."""
    parts = list(needs)
    slots = pd.DataFrame([row for need in parts for row in need.slots], columns=_SLOT_COLUMNS)
    days = pd.DataFrame([row for need in parts for row in need.days], columns=["center_id", "day", "expected", "came"])
    names = ["center_id", "lane", "group", "cars", "jobs", "jobs_per_car", "job_s", "car_s"]
    content = pd.DataFrame([row for need in parts for row in need.content], columns=names)
    numbers = ["expected", "came", "erlang", "required", "too_long", "rostered", "working", "waited_s"]
    slots[numbers] = slots[numbers].astype("float64")
    days[["expected", "came"]] = days[["expected", "came"]].astype("float64")
    sheets, charts = sheets_of(slots, days, content), charts_of(slots)
    return Report("need", TITLE, REPORTS["need"], scope, figures_of(slots, days), sheets, charts, METHODS, DEFINITIONS)


def read_rules(options: Options) -> NeedRules:
    """The rules of [need] in the targets file. Raises ExitError for what no need can be reckoned with."""
    table = table_of(options, "need", {"longest_wait_min", "share", "reception_min"})
    longest, share = number_of(table, "need", "longest_wait_min", 15.0), number_of(table, "need", "share", 0.2)
    if not 0 < share < 1:
        raise ExitError("targets: need.share lies between 0 and 1", USAGE)
    reception_s = 60 * number_of(table, "need", "reception_min", 0.0) or None
    return NeedRules(WaitLimit(60 * longest, share), reception_s)


def _days(ask: Ask, options: Options) -> tuple[date, date]:
    last = options.until or ask_last_day(ask, options)
    first = options.since or last - timedelta(days=DAYS - 1)
    if first > last:
        raise ExitError("--from lies after --to", USAGE)
    if (last - first).days >= MOST_DAYS:
        raise ExitError(f"report need is about at most {MOST_DAYS} days", USAGE)
    return first, last
