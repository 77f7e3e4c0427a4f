"""What arrives late, twice or out of order is told, and never takes a center's figures away: none depends on it."""

from typing import Any

import pandas as pd
import pytest

from fixtrail.reports.data import day_hours
from fixtrail.reports.data.fields import COLUMNS
from fixtrail.reports.data.flaws import OF_EVENTS, Frames, flaws_of

NONE = pd.DataFrame()
FIELDS = pd.DataFrame(columns=list(COLUMNS))
HOURS = pd.DataFrame(columns=list(day_hours.COLUMNS))
DAYS = pd.DataFrame(columns=["center_id", "day", "events", "state"])
LETTERS = pd.DataFrame(columns=["source", "center_id", "code", "letters", "unread"])


def grade(flaw: str, **counts: int) -> tuple[str, float]:
    """Grade and share of a flaw of a center from which a thousand events came."""
    none: dict[str, Any] = dict.fromkeys((*OF_EVENTS, "live", "late_live"), 0)
    arrivals = {"source": "tablet", "center_id": "new-01", "arrivals": 1000, "skew_s": None, **none, **counts}
    frames = Frames(pd.DataFrame([arrivals]), FIELDS, NONE, NONE, DAYS, LETTERS, NONE, NONE, NONE, HOURS, NONE, {})
    (row,) = [row for row in flaws_of(frames) if row["flaw"] == flaw]
    return row["grade"], row["value"]


def test_history_that_is_sent_at_once_is_late_as_a_whole_and_that_is_no_flaw():
    history = {"late": 1000, "live": 0, "late_live": 0}

    assert grade("late", **history) == ("go", 1.0)
    assert grade("late_live", **history) == ("go", 0.0)


def test_a_source_that_sends_once_a_night_is_counted_with_a_note():
    """A hundred events were history; of the nine hundred since then nearly all came hours later."""
    nightly = {"late": 990, "live": 900, "late_live": 890}

    assert grade("late_live", **nightly) == ("note", 890 / 900)


@pytest.mark.parametrize("flaw", ["duplicates", "out_of_order"])
def test_what_changes_no_figure_is_a_note_at_most(flaw: str):
    assert grade(flaw, **{flaw: 999}) == ("note", 0.999)


def test_contradictions_take_the_figures_away():
    assert grade("conflicts", conflicts=11)[0] == "stop"
