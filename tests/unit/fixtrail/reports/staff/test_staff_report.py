"""Report `staff`: means with Student's t, few answers hidden, suggestions by phase, customers' scores by subject."""

import math
from datetime import UTC, datetime, timedelta
from statistics import fmean, stdev
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from fixtrail.reports.options import Options
from fixtrail.reports.staff.report import phase_frame, report_of, score_frame, survey_frame

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
STEPS = ("submitted_at", "answered_at", "accepted_at", "adopted_at", "rewarded_at", "declined_at")


def answers_of(*groups: tuple[str, str | None, list[float]]) -> pd.DataFrame:
    """Query staff_surveys of these answers, each round with its whole; later rounds began later."""
    rows = [_row(name, role, scores) for name, role, scores in groups]
    for name in dict.fromkeys(name for name, _, _ in groups):
        rows.append(
            _row(name, None, [score for group_name, _, scores in groups if group_name == name for score in scores])
        )
    return pd.DataFrame(rows, columns=["round", "role", "n", "mean", "deviation", "first_answer_at"])


def _row(name: str, role: str | None, scores: list[float]) -> dict[str, Any]:
    deviation = stdev(scores) if len(scores) > 1 else None
    began = MONDAY + timedelta(days=28 * int(name))
    return {"round": name, "role": role, "n": len(scores), "mean": fmean(scores), "deviation": deviation} | {
        "first_answer_at": began
    }


def suggestions_of(*steps: dict[str, int]) -> pd.DataFrame:
    """Query staff_suggestions: by suggestion the day of each phase."""
    rows = []
    for days in steps:
        at: dict[str, Any] = {f"{phase}_at": MONDAY + timedelta(days=day) for phase, day in days.items()}
        later = [time for name, time in at.items() if name != "submitted_at"]
        at |= {"answered_at": min(later) if later else None, "phase": list(days)[-1], "center_id": "C1"}
        rows.append(dict.fromkeys(STEPS) | at)
    return pd.DataFrame(rows, columns=["center_id", "phase", *STEPS])


NONE = pd.DataFrame(columns=["subject", "center_id", "n", "total", "squares"])


def test_a_mean_has_the_interval_of_student_s_t_within_0_and_100():
    scores = [70.0, 80, 90, 60, 75, 85]
    row = survey_frame(answers_of(("1", "technician", scores))).iloc[0]

    low, high = stats.t.interval(0.95, 5, fmean(scores), stdev(scores) / math.sqrt(6))
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((fmean(scores), low, high))
    narrow = survey_frame(answers_of(("1", "technician", [100.0, 100, 100, 100, 60]))).iloc[0]
    assert narrow["high"] == 100


def test_fewer_than_five_answers_are_counted_and_not_shown():
    rows = survey_frame(answers_of(("1", "technician", [70.0] * 6), ("1", "advisor", [10.0] * 5), ("1", "x", [0.0])))
    is_shown = dict(zip(rows["role"].fillna("all"), rows["mean"].notna(), strict=True))

    # The one could be worked out from the whole: so the smallest role beside it is hidden, too.
    assert is_shown == {"all": True, "technician": True, "advisor": False, "x": False}
    assert list(rows["n"]) == [12, 5, 6, 1]


def test_a_round_with_enough_hidden_together_hides_no_more():
    rows = survey_frame(answers_of(("1", "technician", [70.0] * 6), ("1", "a", [9.0] * 3), ("1", "b", [8.0] * 2)))

    assert list(rows["hidden"]) == [False, True, True, False]


def test_the_newest_round_comes_first_and_is_the_figure():
    answers = answers_of(("1", "technician", [50.0] * 5), ("2", "technician", [60.0, 70, 80, 90, 75]))
    report = report_of(answers, suggestions_of(), NONE, Options(MONDAY))
    (score,) = report.figures

    assert [row["round"] for row in report.sheet("surveys").rows] == ["2", "2", "1", "1"]
    assert (score.value, score.n, report.scope["round"]) == (75, 5, "2")


def test_suggestions_are_counted_by_phase_with_the_days_since_they_were_submitted():
    suggestions = suggestions_of(
        {"submitted": 0, "accepted": 4, "adopted": 10},
        {"submitted": 0, "accepted": 8},
        {"submitted": 0, "declined": 2},
        {"submitted": 0},
    )
    rows = phase_frame(suggestions).set_index("phase")

    assert rows["reached"].to_dict() == {"submitted": 4, "accepted": 2, "adopted": 1, "rewarded": 0, "declined": 1}
    assert rows["now"].to_dict() == {"submitted": 1, "accepted": 1, "adopted": 1, "rewarded": 0, "declined": 1}
    assert rows["median_days"]["accepted"] == 6
    answers, days = report_of(answers_of(), suggestions, NONE, Options(MONDAY)).figures
    assert (answers.value, answers.n) == (0.75, 4)
    assert (days.value, days.n) == (4, 3)


def test_customers_scores_have_centers_as_clusters():
    apart = pd.DataFrame(
        [
            {"subject": "price", "center_id": "a", "n": 10, "total": 90.0, "squares": 815.0},
            {"subject": "price", "center_id": "b", "n": 10, "total": 50.0, "squares": 255.0},
        ]
    )
    alike = apart.assign(total=[70.0, 70.0], squares=[495.0, 495.0])

    assert score_frame(apart)["mean"][0] == score_frame(alike)["mean"][0] == 7
    assert score_frame(apart)["low"][0] == 0
    assert score_frame(apart)["high"][0] == 10
    assert score_frame(alike)["low"][0] > 6


def test_nobody_has_told_anything():
    report = report_of(answers_of(), suggestions_of(), NONE, Options(MONDAY))

    assert report.figures == ()
    assert [len(sheet.rows) for sheet in report.sheets] == [0, 5, 0]
