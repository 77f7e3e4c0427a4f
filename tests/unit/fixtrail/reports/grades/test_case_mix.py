"""Technicians with their cases: the mixed model finds planted effects, and beside statsmodels' own."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

from fixtrail.reports.grades.case_mix import below_grade, case_mix_of
from fixtrail.reports.grades.staff_file import Graded, Staff, read_staff
from fixtrail.reports.stats.case_mix import mixed_model
from runtime.failure import ExitError


def planted(seed: int, persons: int = 30, orders: int = 60, spread: float = 0.7):
    """Orders of persons with effects; the share of hard cases differs from person to person."""
    draw = np.random.default_rng(seed)
    effects = draw.normal(0, spread, persons)
    person = np.repeat(np.arange(persons), orders)
    hard = (draw.random(len(person)) < draw.random(persons)[person]).astype(float)
    fixed = (draw.random(len(person)) < expit(1.2 - 1.5 * hard + effects[person])).astype(float)
    return person, hard, fixed, effects


def test_planted_effects_lie_in_their_intervals_nineteen_times_in_twenty():
    inside = total = 0
    for seed in range(6):
        person, hard, fixed, effects = planted(seed)
        _, fit = mixed_model(fixed, hard[:, None], person)
        inside += int((abs(fit.effects - effects) <= 1.96 * fit.errors + 0.1).sum())
        total += len(effects)
        assert fit.spread == pytest.approx(0.7, abs=0.3)

    assert inside / total > 0.9


def test_the_effects_are_those_of_statsmodels():
    """BinomialBayesMixedGLM approximates the same model by variational Bayes."""
    person, hard, held, _ = planted(3)
    _, ours = mixed_model(held, hard[:, None], person)
    fixed = np.column_stack([np.ones(len(held)), hard])
    random = (person[:, None] == np.arange(30)).astype(float)
    theirs = BinomialBayesMixedGLM(held, fixed, random, np.zeros(30, int)).fit_vb()

    assert np.corrcoef(ours.effects, theirs.vc_mean)[0, 1] > 0.995
    assert np.abs(ours.effects - (theirs.vc_mean - theirs.vc_mean.mean())).max() < 0.25


def test_where_persons_do_not_differ_nobody_stands_out():
    person, hard, fixed, _ = planted(5, spread=0.0)
    _, fit = mixed_model(fixed, hard[:, None], person)

    assert fit.spread < 0.25
    assert (abs(fit.effects) < 1.96 * fit.errors).all() or fit.spread < 0.05


def work(seed: int = 1) -> pd.DataFrame:
    """T1 does hard cases well, T2 easy ones badly; their counted rates are alike. T9 has done five orders."""
    draw, rows = np.random.default_rng(seed), []
    for technician, hard_share, effect, orders in (
        ("T1", 0.9, 1.0, 150),
        ("T2", 0.1, -1.0, 150),
        ("T9", 0.5, 0, 5),
        ("T3", 0.5, 0, 300),
    ):
        for number in range(orders):
            hard = draw.random() < hard_share
            rows.append(
                {
                    "center_id": "A",
                    "order_id": f"{technician}-{number}",
                    "technician": technician,
                    "fault_groups": ["battery" if hard else "wiper"],
                    "fault_origin": "product" if hard else "maintenance",
                    "lane": "standard",
                    "ftf": bool(draw.random() < expit((0.0 if hard else 2.0) + effect)),
                    "worked_ms": 1_770_000_000_000,
                    "is_comeback": False,
                }
            )
    return pd.DataFrame(rows)  # fmt: skip


def test_who_gets_the_hard_cases_is_not_held_to_the_easy_ones():
    table = case_mix_of(work()).technicians.set_index("technician")

    assert table.loc["T1", "expected"] < table.loc["T2", "expected"] - 0.2
    assert table.loc["T1", "apart"] and table.loc["T1", "low"] > table.loc["T1", "expected"]
    assert table.loc["T2", "adjusted"] < table.loc["T2", "expected"] - 0.05
    assert abs(table.loc["T3", "adjusted"] - table.loc["T3", "expected"]) < 0.05


def test_five_orders_are_listed_and_not_compared():
    row = case_mix_of(work()).technicians.set_index("technician").loc["T9"]

    assert not row["enough"] and not row["apart"]
    assert abs(row["adjusted"] - row["expected"]) < abs(row["ftfr"] - row["expected"]) + 1e-9


def test_too_few_orders_tell_nothing():
    assert case_mix_of(work().head(20)).reason == "few_data"


STAFF = Staff(
    grades=("C", "B", "A"),
    required={"battery": "B"},
    person=(
        Graded(center="A", id="T1", grade="A"),
        Graded(center="A", id="T2", grade="C"),
        Graded(center="A", id="T3", grade="C"),
        Graded(center="A", id="T3", grade="B", since=date(2030, 1, 1)),
    ),
)
NOBODY = pd.DataFrame({"center_id": [], "staff_key": [], "grade": [], "from_ms": []})


def test_jobs_below_grade_are_counted_of_those_whose_grade_is_known():
    frame = work()
    hard = frame[[groups == ["battery"] for groups in frame["fault_groups"]]]
    result = below_grade(frame, STAFF, NOBODY)

    assert result.n_all == len(hard) and len(result.jobs) == (hard["technician"] != "T9").sum()
    assert result.jobs["is_below"].sum() == hard["technician"].isin(["T2", "T3"]).sum()
    first, second = (hard[hard["technician"].isin(names)]["ftf"].mean() for names in (["T2", "T3"], ["T1"]))
    assert result.difference.difference == pytest.approx(first - second)


def test_a_grade_that_was_told_by_events_holds_from_its_day_on():
    grades = pd.DataFrame({"center_id": ["A"], "staff_key": ["T9"], "grade": ["A"], "from_ms": [1_760_000_000_000]})
    later = grades.assign(from_ms=1_780_000_000_000)

    assert len(below_grade(work(), STAFF, grades).jobs) > len(below_grade(work(), STAFF, later).jobs)


def test_days_without_any_job_have_none_below_grade():
    result = below_grade(work().head(0), STAFF, NOBODY)

    assert (len(result.jobs), result.n_all, result.difference.n) == (0, 0, 0)


def test_of_one_day_the_grade_of_the_events_holds_and_not_that_of_the_file():
    since = pd.Timestamp(STAFF.person[1].since, tz="UTC").timestamp() * 1000
    grades = pd.DataFrame({"center_id": ["A"], "staff_key": ["T2"], "grade": ["A"], "from_ms": [since]})

    jobs = below_grade(work(), STAFF, grades).jobs

    assert not jobs[jobs["technician"] == "T2"]["is_below"].any()


def test_a_grade_without_a_center_holds_at_each_that_tells_none():
    grades = pd.DataFrame({"center_id": ["", ""], "staff_key": ["T9", "T1"], "grade": ["C", "C"], "from_ms": [0, 0]})

    jobs = below_grade(work(), STAFF, grades).jobs

    assert jobs[jobs["technician"] == "T9"]["is_below"].all()
    assert not jobs[jobs["technician"] == "T1"]["is_below"].any()


def test_a_grade_that_is_none_is_refused(tmp_path):
    file = tmp_path / "staff.toml"
    file.write_text('grades = ["C", "B"]\n[required]\nbattery = "A"\n')

    with pytest.raises(ExitError, match="there is no grade A; grades are C, B"):
        read_staff(file)
