"""What benchmarks/recovery.py rests on: its short way to simulated visits sees what the rules see."""

import pandas as pd
import pytest

from benchmarks.recovery_figures import planted_nps, planted_shares
from benchmarks.simulated_orders import START, center_days, orders_by_rules, orders_from_visits
from fixtrail.reports.drivers.visits import visits
from fixtrail.simulator.scenario import Scenario, load_scenario
from fixtrail.simulator.truth import truth

DAYS, SEED = 6, 3


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """The owner's story without the feed's flaws."""
    story = load_scenario("owners-story")
    flaws = dict.fromkeys(
        (
            "duplicate",
            "late",
            "lost_phase",
            "missing_check_in",
            "activity_after_close",
            "negative_gap",
            "center_changed",
        ),
        0.0,
    )
    return story.model_copy(update={"anomalies": story.anomalies.model_copy(update=flaws)})


@pytest.fixture(scope="module")
def by_rules(scenario: Scenario) -> pd.DataFrame:
    return orders_by_rules(scenario, SEED, DAYS)


def test_the_short_way_sees_the_same_visits_as_the_rules(scenario: Scenario, by_rules: pd.DataFrame) -> None:
    both = by_rules.merge(orders_from_visits(scenario, SEED, DAYS), on="order_id", suffixes=("", "_seen"))

    assert len(both) == by_rules["ftf"].notna().sum() > 500
    # The events are stamped in whole milliseconds.
    assert (both["wait_s"] - both["wait_s_seen"]).abs().max() < 0.1
    assert ((both["stockouts"] > 0) == (both["stockouts_seen"] > 0)).all()
    assert (both["center_id"] == both["center_id_seen"]).all()
    scored = both[both["score"].notna()]
    assert (scored["score"] == scored["score_seen"]).mean() > 0.98  # some answer a second time after the run


def test_a_center_is_the_same_whichever_others_are_simulated(scenario: Scenario) -> None:
    every, two = (orders_from_visits(scenario, SEED, DAYS, only) for only in (None, {"east-02", "west-03"}))
    same = every[every["center_of_visit"].isin({"east-02", "west-03"})]

    pd.testing.assert_frame_equal(same.reset_index(drop=True), two.reset_index(drop=True))


def test_days_of_centers_add_up_to_the_orders(by_rules: pd.DataFrame) -> None:
    days = center_days(by_rules, None)

    assert days["handed_off"].sum() == len(by_rules)
    assert days["wait_s"].sum() == pytest.approx(by_rules["wait_s"].sum())
    assert days["scores"].sum() == by_rules["score"].notna().sum()


def test_the_planted_shares_add_up_and_solving_helps(scenario: Scenario, by_rules: pd.DataFrame) -> None:
    planted = truth(scenario, SEED, DAYS, None, START)
    rows = visits(by_rules, by_rules["closed_at"].max() + pd.Timedelta(days=40))
    values, now = planted_shares(planted, rows)

    assert (now > 0).all() and (values[:, 0] <= 1e-12).all()
    assert planted_nps(planted, rows, [0, 1, 2]) > planted_nps(planted, rows, [])
