"""When a schedule is due, in its zone and on working days, and which days it then tells of."""

from datetime import UTC, datetime
from typing import Any

import pytest

from fixtrail.schedules.config import ReportsConfig
from fixtrail.schedules.due import Occurrence, last_due


def config(when: str, **changed: Any) -> ReportsConfig:
    """One schedule of a chat at this time."""
    schedule = {"name": "s", "when": when, "period": "week", "form": 3, "to": ["chat"]}
    schedule |= {name: changed.pop(name) for name in ("period",) if name in changed}
    return ReportsConfig.model_validate(
        {"schedule": [schedule], "time_zone": "Asia/Shanghai", **changed},
        context=None,
    )


def due(now: str, when: str, **changed: Any) -> Occurrence | None:
    reports = config(when, channels={"chat": {"url": "env:CHAT"}}, **changed)
    return last_due(reports.schedule[0], reports, datetime.fromisoformat(now).replace(tzinfo=UTC))


@pytest.fixture(autouse=True)
def chat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT", "json://127.0.0.1/")


@pytest.mark.parametrize(
    ("now", "when", "at", "until"),
    [
        # Friday 2026-07-10, 17:00 in Shanghai is 09:00 UTC.
        ("2026-07-10T09:00:00", "fri 17:00", "2026-07-10T17:00", "2026-07-09"),
        ("2026-07-10T08:59:59", "fri 17:00", "2026-07-03T17:00", "2026-07-02"),
        ("2026-07-09T23:30:00", "daily 07:00", "2026-07-10T07:00", "2026-07-09"),
        # No Saturday, no Sunday.
        ("2026-07-12T12:00:00", "daily 07:00", "2026-07-10T07:00", "2026-07-09"),
    ],
)
def test_a_week_is_told_at_its_time_of_the_zone(now: str, when: str, at: str, until: str):
    occurrence = due(now, when)

    assert occurrence is not None
    assert occurrence.due.isoformat(timespec="minutes") == f"{at}+08:00"
    assert occurrence.period.until.isoformat() == until


@pytest.mark.parametrize(
    ("now", "when", "at"),
    [
        # 2026-08-01 is a Saturday: told on Monday.
        ("2026-08-03T00:59:00", "day 1 09:00", "2026-07-01T09:00"),
        ("2026-08-03T01:00:00", "day 1 09:00", "2026-08-03T09:00"),
        # The last day of a month that has no 31st.
        ("2026-06-30T01:00:00", "day 31 09:00", "2026-06-30T09:00"),
    ],
)
def test_a_month_is_told_on_the_next_working_day(now: str, when: str, at: str):
    occurrence = due(now, when, period="month")

    assert occurrence is not None
    assert occurrence.due.isoformat(timespec="minutes") == f"{at}+08:00"
    assert occurrence.period.since.day == 1


def test_a_month_is_the_last_one_that_is_over():
    occurrence = due("2026-08-03T01:00:00", "day 1 09:00", period="month")

    assert occurrence is not None
    assert (occurrence.period.since.isoformat(), occurrence.period.until.isoformat()) == ("2026-07-01", "2026-07-31")


def test_holidays_move_and_workdays_count():
    moved = due("2026-10-12T12:00:00", "fri 17:00", holidays=["2026-10-09"])
    worked = due("2026-10-10T12:00:00", "daily 08:00", workdays=["2026-10-10"])

    assert moved is not None
    assert moved.due.date().isoformat() == "2026-10-12"
    assert moved.period.until.isoformat() == "2026-10-08"
    assert worked is not None
    assert worked.due.date().isoformat() == "2026-10-10"


@pytest.mark.parametrize("when", ["friday 17:00", "fri 24:00", "day 0 09:00", "day 32 09:00", "fri", "", "daily 9:00"])
def test_a_time_that_is_none_is_refused(when: str):
    with pytest.raises(ValueError, match="is written"):
        config(when, channels={"chat": {"url": "env:CHAT"}})


def test_a_page_does_not_go_to_a_chat():
    with pytest.raises(ValueError, match="by mail"):
        ReportsConfig.model_validate(
            {
                "channels": {"chat": {"url": "env:CHAT"}},
                "schedule": [{"name": "s", "when": "fri 17:00", "period": "week", "form": 15, "to": ["chat"]}],
            }
        )
