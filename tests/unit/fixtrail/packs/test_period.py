"""A week are seven days; a month is the calendar's where its last day is named, and else the days up to its day."""

from datetime import date

import pytest

from fixtrail.packs.period import kind_of, period_of
from runtime.failure import USAGE, ExitError


@pytest.mark.parametrize(
    ("kind", "until", "since", "before"),
    [
        ("week", "2026-07-12", "2026-07-06", "2026-06-29"),
        ("month", "2026-07-31", "2026-07-01", "2026-06-01"),
        ("month", "2024-02-29", "2024-02-01", "2024-01-01"),
        ("month", "2026-03-15", "2026-02-16", "2026-01-16"),
        ("month", "2026-03-30", "2026-02-28", "2026-01-28"),
    ],
)
def test_a_period_ends_on_its_day_and_the_one_before_ends_where_it_begins(
    kind: str, until: str, since: str, before: str
):
    period = period_of(kind_of(kind), date.fromisoformat(until))

    assert (period.since.isoformat(), period.until.isoformat()) == (since, until)
    assert period.previous.since.isoformat() == before
    assert (period.since - period.previous.until).days == 1


def test_another_kind_is_refused():
    with pytest.raises(ExitError, match="week or month") as failure:
        kind_of("quarter")
    assert failure.value.exit_code == USAGE
