"""A pilot against control: differences by hand, tests and intervals by brute force, waves, placebo dates, the gate."""

from datetime import date, timedelta
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.reports.pilot.judge import (
    PilotPlan,
    PilotThreshold,
    day_number,
    judge,
    panel_of,
)
from fixtrail.reports.pilot.view import effect_sheet, wave_sheet, week_sheet
from fixtrail.reports.stats.panel import RATIOS, Panel, Rollout, by_wave, by_week, compare, placebo_starts
from fixtrail.reports.stats.randomization import ComparisonPart, combined, difference, holm, joint_p
from tests.unit.fixtrail.reports.pilot.panels import MONDAY, SUMS, days_of, pilots_of, plan, staggered


def test_the_effect_is_the_difference_in_differences_by_hand() -> None:
    days = days_of(1.0)
    days["after"] = days["day"] >= date(2026, 7, 6) + timedelta(days=42)
    sums = days.groupby(["center_id", "after"])[list(SUMS)].sum()
    figures = {
        "wait_mean_s": sums["wait_s"] / sums["waits"],
        "ftfr_confirmed": sums["fixed"] / sums["judged"],
        "nps": 100 * (sums["promoters"] - sums["detractors"]) / sums["scores"],
        "complaints_per_100": 100 * sums["complaints"] / sums["handed_off"],
    }
    judged = judge(panel_of(days), pilots_of(3), PilotPlan())

    for name, values in figures.items():
        table = values.unstack()
        change = table[True] - table[False]
        by_hand = change.iloc[:3].mean() - change.iloc[3:].mean()
        comparison = judged.effects[name].comparison
        assert comparison.each_once == pytest.approx(by_hand), name
        # The effect itself weighs centers by how well they are known: here almost alike.
        assert comparison.difference.value == pytest.approx(by_hand, rel=0.05), name
        gains = comparison.treated_after - comparison.treated_before, comparison.others_after - comparison.others_before
        assert comparison.difference.value == pytest.approx(gains[0] - gains[1]), name
        assert len(comparison.treated) == 3 and len(comparison.others) == 5
    assert judged.effects["nps"].comparison.n == days["scores"].sum()


def test_the_effect_is_the_coefficient_of_a_two_way_model() -> None:
    """The same as least squares with a constant for every center and period, each center and period counted once."""
    panel, rollout = panel_of(days_of(1.0)), pilots_of(3)
    spans = [(MONDAY, MONDAY + 41), (MONDAY + 42, MONDAY + 62)]
    y = np.concatenate([panel.mean("nps", panel.centers, [span]) for span in spans])
    center, after = np.tile(np.arange(8), 2), np.repeat([0, 1], 8)
    x = np.column_stack([np.eye(8)[center], after, after * (center < 3)])
    coefficient = np.linalg.lstsq(x, y, rcond=None)[0][-1]

    assert judge(panel, rollout, PilotPlan()).effects["nps"].comparison.each_once == pytest.approx(coefficient)


# Millionths at least: this computation compares with a tolerance of 1e-12, whatever the scale.
CHANGES = st.floats(-100, 100).map(lambda change: round(change, 6))


@given(st.lists(CHANGES, min_size=4, max_size=7), st.integers(1, 3))
def test_p_and_interval_are_those_of_trying_every_choice_of_pilots(change: list[float], k: int) -> None:
    values, treated = np.array(change), np.arange(len(change)) < k
    result = difference(values, treated, alpha=0.3)

    def p_of(effect: float) -> float:
        cleared = values - effect * treated
        gaps = [
            abs(cleared[list(chosen)].mean() - np.delete(cleared, list(chosen)).mean())
            for chosen in combinations(range(len(values)), k)
        ]
        observed = abs(cleared[treated].mean() - cleared[~treated].mean())
        return float(np.mean(np.array(gaps) >= observed - 1e-9 * max(np.ptp(values), 1e-300) - 1e-12))

    assert result.p_value == pytest.approx(p_of(0.0))
    span = max(float(np.ptp(values)), 1.0)
    for effect in np.linspace(-3 * span, 3 * span, 25):
        inside = result.low < effect < result.high
        near = min(abs(effect - result.low), abs(effect - result.high)) < 1e-6 * span
        assert near or inside == (p_of(float(effect)) > 0.3)


def test_as_many_draws_as_said_where_there_are_too_many_choices() -> None:
    draw = np.random.default_rng(2)
    change = draw.normal(size=40) + 3.0 * (np.arange(40) < 10)
    result = difference(change, np.arange(40) < 10)

    assert (result.method, result.ways) == ("randomization_sampled", 10_000)
    assert result.p_value == pytest.approx(0.0001)
    assert result.low < 3.0 < result.high


def test_few_centers_are_too_few_to_test() -> None:
    judged = judge(panel_of(days_of(1.0, centers=4, pilots=1)), pilots_of(1), PilotPlan())

    assert judged.effects["wait_mean_s"].comparison.difference.smallest_p == 0.25
    assert {effect.verdict for effect in judged.effects.values()} == {"not_testable"}
    assert not judged.effect


def test_as_many_pilots_as_others_cannot_be_surer_than_two_in_all_choices() -> None:
    result = difference(np.array([5.0, 6.0, 7.0, 0.0, 1.0, 2.0]), np.arange(6) < 3)

    assert result.p_value == result.smallest_p == pytest.approx(2 / 20)


def test_holm_multiplies_the_smallest_by_all_and_never_falls() -> None:
    assert holm([0.01, 0.04, None, 0.03]) == pytest.approx([0.03, 0.06, None, 0.06], nan_ok=True)
    assert holm([]) == []


def test_several_dates_are_one_test_of_the_largest_difference() -> None:
    draw = np.random.default_rng(8)
    changes, treated = [draw.normal(size=7), draw.normal(size=7)], np.arange(7) < 2
    largest = [
        max(
            abs(change[list(chosen)].mean() - np.delete(change, list(chosen)).mean()) / change.std()
            for change in changes
        )
        for chosen in combinations(range(7), 2)
    ]

    assert joint_p(changes, treated) == pytest.approx(np.mean(np.array(largest) >= largest[0] - 1e-12))
    assert joint_p([changes[0]], treated) == pytest.approx(difference(changes[0], treated).p_value)
    assert joint_p([np.zeros(7)], treated) is None


def test_a_planted_effect_is_found_and_none_where_none_was() -> None:
    assert judge(panel_of(days_of(1.0, centers=12)), pilots_of(3), PilotPlan()).effect
    assert not judge(panel_of(days_of(0.0, centers=12, seed=7)), pilots_of(3), PilotPlan()).effect


def test_a_change_that_all_centers_see_is_no_effect() -> None:
    days = days_of(1.0)
    later = days["day"] >= date(2026, 7, 6) + timedelta(days=42)
    slower = days.assign(wait_s=days["wait_s"] + 900.0 * days["waits"] * later)

    first, second = (judge(panel_of(rows), pilots_of(3), PilotPlan()).effects["wait_mean_s"] for rows in (days, slower))
    assert first.comparison.difference.value == pytest.approx(second.comparison.difference.value)


def test_a_center_without_answers_is_left_out_and_named() -> None:
    days = days_of(1.0)
    days.loc[days["center_id"] == "c07", ["scores", "promoters", "detractors"]] = 0
    effects = judge(panel_of(days), pilots_of(3), PilotPlan()).effects

    assert effects["nps"].comparison.left_out == ("c07",)
    assert effects["wait_mean_s"].comparison.left_out == ()


def test_waves_are_compared_with_centers_not_yet_changed_over_only() -> None:
    panel = panel_of(days_of(0.5, centers=7))
    effects, together = by_wave(panel, "wait_mean_s", staggered())

    assert effects[1].others == ("c02", "c03", "c04", "c05", "c06")
    assert effects[2].others == ("c04", "c05", "c06")
    assert effects[3].others == ("c05", "c06")
    assert effects[1].after == (MONDAY + 21, MONDAY + 41)
    weights = {1: 2, 2: 2, 3: 1}
    assert together.value == pytest.approx(sum(w * effects[n].difference.value for n, w in weights.items()) / 5)


def test_the_last_wave_has_no_controls_where_every_center_takes_part() -> None:
    panel = panel_of(days_of(0.5, centers=5))
    effects, _ = by_wave(panel, "nps", staggered())

    assert set(effects) == {1, 2}


def test_all_waves_together_is_as_one_wave_where_there_is_one() -> None:
    change, treated = np.array([3.0, 2.5, 0.1, -0.2, 0.3, 0.0, 0.2, -0.1]), np.arange(8) < 2
    alone, together = difference(change, treated), combined([ComparisonPart(change, treated, np.arange(8), 2.0)])

    assert together.value == pytest.approx(alone.value)
    assert together.low < alone.value < together.high
    assert together.p_value < 0.05


def test_a_control_that_changes_over_later_is_no_second_witness() -> None:
    """The same comparison told twice is no surer than told once."""
    draw = np.random.default_rng(4)
    change, treated = draw.normal(size=9), np.arange(9) < 3
    part = ComparisonPart(change, treated, np.arange(9), 1.0)
    once, twice = combined([part]), combined([part, part])

    assert twice.value == pytest.approx(once.value)
    assert twice.low <= once.low < once.high <= twice.high and twice.p_value >= once.p_value


def test_weeks_are_whole_and_lose_controls_as_waves_start() -> None:
    panel, rollout = panel_of(days_of(0.5, centers=7, days=65)), staggered()
    weeks = dict(by_week(panel, "wait_mean_s", rollout, ["c00", "c01"], MONDAY + 21))

    assert sorted(weeks) == [-3, -2, -1, 0, 1, 2, 3, 4, 5]
    assert [len(weeks[week].others) for week in (0, 2, 3, 5)] == [5, 5, 3, 2]
    assert weeks[0].before == ((MONDAY, MONDAY + 20),)
    assert weeks[-2].before == ((MONDAY, MONDAY + 6), (MONDAY + 14, MONDAY + 20))


def test_a_week_is_the_difference_in_differences_of_its_days() -> None:
    panel, rollout = panel_of(days_of(0.5)), pilots_of(3)
    week = dict(by_week(panel, "nps", rollout, ["c00", "c01", "c02"], MONDAY + 42))[1]
    centers = panel.centers
    change = panel.mean("nps", centers, [(MONDAY + 49, MONDAY + 55)]) - panel.mean(
        "nps", centers, [(MONDAY, MONDAY + 41)]
    )

    assert week.each_once == pytest.approx(change[:3].mean() - change[3:].mean())


def test_placebo_dates_lie_well_before_the_start() -> None:
    panel = panel_of(days_of(0.0))

    assert placebo_starts(panel, MONDAY + 42) == [MONDAY + 14, MONDAY + 21, MONDAY + 28]
    assert placebo_starts(panel, MONDAY + 10) == []


def test_the_pilot_ends_when_the_next_wave_starts_or_when_it_was_declared_to() -> None:
    panel = panel_of(days_of(0.5, centers=7))

    assert judge(panel, staggered(), PilotPlan()).until == MONDAY + 41
    longer = judge(panel, staggered(), PilotPlan(until=MONDAY + 50))
    assert longer.until == MONDAY + 50
    assert longer.effects["nps"].comparison.others == ("c04", "c05", "c06")


@pytest.mark.parametrize(
    ("rollout", "reason"),
    [
        (Rollout({}, {}), "no_pilot_wave"),
        (pilots_of(8), "no_controls"),
        (Rollout({"elsewhere": MONDAY + 42}, {"elsewhere": 1}), "no_pilots"),
        (pilots_of(3, start=0), "nothing_before"),
        (pilots_of(3, start=200), "nothing_after"),
    ],
)
def test_what_cannot_be_compared_has_a_reason(rollout: Rollout, reason: str) -> None:
    judged = judge(panel_of(days_of(1.0)), rollout, PilotPlan())

    assert (judged.reason, judged.decision, judged.effects) == (reason, "not_decided", {})


def test_no_orders_are_no_error() -> None:
    assert judge(panel_of(days_of(1.0).iloc[:0]), pilots_of(3), PilotPlan()).reason == "no_pilots"


def test_every_figure_is_a_ratio_of_sums_over_any_days() -> None:
    days = days_of(0.5)
    panel = Panel(days.assign(day=[day_number(day) for day in days["day"]]))
    subset = days[
        (days["center_id"] == "c03") & (days["day"] >= date(2026, 7, 10)) & (days["day"] <= date(2026, 7, 20))
    ]
    span = (MONDAY + 4, MONDAY + 14)

    assert panel.mean("nps", ["c03"], [span])[0] == pytest.approx(
        100 * (subset["promoters"].sum() - subset["detractors"].sum()) / subset["scores"].sum()
    )
    assert np.isnan(panel.mean("nps", ["c03"], [(MONDAY + 900, MONDAY + 907)])[0])
    assert compare(panel, "nps", ["c00"], [], [span], (MONDAY + 42, MONDAY + 62)).difference.reason == "no_controls"
    assert set(RATIOS) == {"wait_mean_s", "ftfr_confirmed", "nps", "complaints_per_100"}


# What misled before: unequal centers, pilots chosen because they were bad, words that contradict each other


def test_small_pilots_beside_large_controls_are_no_more_often_called_an_effect() -> None:
    """3 centers of 40 orders beside 12 of 600: without precision one run in four would show an effect."""
    draw = np.random.default_rng(6)
    orders = np.array([40.0] * 3 + [600.0] * 12)
    sampling, treated = 3.0 / orders, np.arange(15) < 3
    reported = plain = 0
    for _ in range(300):
        change = draw.normal(0, np.sqrt(sampling + 0.002))
        reported += difference(change, treated, sampling=sampling).p_value <= 0.05
        plain += difference(change, treated).p_value <= 0.05

    assert reported <= 0.07 * 300 < 0.15 * 300 < plain


def test_equal_centers_are_tested_as_ever() -> None:
    change, treated = np.random.default_rng(3).normal(size=12), np.arange(12) < 3
    first, second = difference(change, treated), difference(change, treated, sampling=np.full(12, 0.2))

    assert (first.value, first.low, first.high, first.p_value) == pytest.approx(
        (second.value, second.low, second.high, second.p_value)
    )


def bad_before(lasting: float) -> pd.DataFrame:
    """12 centers; the first three wait 25 min longer before the start, and `lasting` of that after it, too."""
    draw = np.random.default_rng(12)
    rows = []
    for center in range(12):
        for day in range(63):
            before = day < 42
            # In the first half of the time before, they are like all others.
            bad = 25.0 * ((21 <= day < 42) if before else lasting) if center < 3 else 0.0
            n = 10
            waits = np.maximum(0, draw.normal(60 + bad, 20, n)) * 60
            rows.append(
                dict.fromkeys(SUMS, 0)
                | {"center_id": f"c{center:02}", "day": date(2026, 7, 6) + timedelta(days=day), "handed_off": n}
                | {"waits": n, "wait_s": waits.sum(), "wait_squares": (waits**2).sum(), "still_open": int(center < 3)}
            )
    return pd.DataFrame(rows)


def test_pilots_that_were_the_worst_before_are_named_and_what_comes_back_by_itself_is_no_effect() -> None:
    aim = PilotThreshold("wait_mean_s", -300.0, "at_most")
    judged = judge(panel_of(bad_before(lasting=0.0)), pilots_of(3), plan(aim))
    effect = judged.effects["wait_mean_s"]

    assert effect.comparison.difference.high < -300, "on its face, the pilots gained"
    assert effect.regression.worst == ("c00", "c01", "c02") and effect.regression.chosen_for_it
    assert effect.regression.explained < -300
    assert effect.verdict != "effect"
    assert next(row for row in judged.gate if row.aim).reason == "regression_to_the_mean"
    note = effect_sheet(judged).note.en
    assert "c00, c01, c02" in note and "regression to the mean" in note


def test_orders_still_open_at_the_end_of_the_window_are_counted() -> None:
    judged = judge(panel_of(bad_before(lasting=1.0)), pilots_of(3), PilotPlan())
    comparison = judged.effects["wait_mean_s"].comparison

    assert (comparison.treated_open, comparison.others_open) == (3 * 21, 0)
    assert "Still open" in effect_sheet(judged).note.en


def test_weeks_and_waves_tell_what_the_number_of_tests_leaves_of_each() -> None:
    judged = judge(panel_of(days_of(0.5, centers=8)), pilots_of(3), PilotPlan())

    for sheet in (week_sheet(judged), wave_sheet(judged)):
        rows = [row for row in sheet.rows if row["p"] is not None]
        assert [row["p_holm"] for row in rows] == pytest.approx(holm([row["p"] for row in rows]))


def test_the_sizes_of_centers_are_shown() -> None:
    panel = panel_of(days_of(0.5))
    row = effect_sheet(judge(panel, pilots_of(3), PilotPlan())).rows[0]

    assert sum(row["sizes"].values()) == row["n"]
    assert (len(row["pilot_sizes"]), len(row["control_sizes"])) == (3, 5)
