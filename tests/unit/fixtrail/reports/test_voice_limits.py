"""The limits of report `voices` in the targets file: usual ones, own ones, and what is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from fixtrail.reports.options import Options
from fixtrail.reports.target_tables import voice_limits
from fixtrail.reports.targets import Targets
from fixtrail.voices.limits import VoiceLimits
from runtime.failure import USAGE, ExitError


def limits(**table: Any) -> VoiceLimits:
    more = {"voices": table} if table else {}
    return voice_limits(Options(datetime.now(UTC), targets=Targets(more=more)))


def test_without_a_table_they_are_the_usual_ones():
    assert limits() == VoiceLimits(48, (1, 4, 24), (4, 24, 72), 90, 180)


def test_some_may_be_set():
    assert limits(contact_hours=24, high_hours=[2]) == VoiceLimits(24, (2,), (4, 24, 72), 90, 180)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"contact_hours": -1}, "voices.contact_hours is a number of at least 0, not -1"),
        ({"high_hours": [4, 1]}, r"voices.high_hours is a list of ascending hours, not \[4, 1\]"),
        ({"low_hours": 4}, "voices.low_hours is a list of ascending hours, not 4"),
        ({"contact_days": 2}, "there is no key contact_days; keys are contact_hours, high_hours"),
    ],
)
def test_what_is_wrong_is_refused_by_name(table: dict[str, Any], text: str):
    with pytest.raises(ExitError, match=text) as refusal:
        limits(**table)
    assert refusal.value.exit_code == USAGE
