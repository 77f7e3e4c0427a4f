"""The Pareto of NPS loss: shares add up, overlaps are Shapley's and Owen's, what-ifs follow from the models."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtrail.reports.pareto import view
from fixtrail.reports.pareto.loss import Loss, SolvedLevels, loss
from fixtrail.reports.stats.segments import CUTS, segments
from fixtrail.reports.stats.shapley import owen, shapley

LONGEST_MIN = 240.0


def visits(n: int = 3_000, seed: int = 4) -> pd.DataFrame:
    """Scored visits in the shape of drivers.visits.visits; wait, rework and stock-outs pull scores down."""
    draw = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            **{f"wait_{cause}": draw.gamma(1.5, 8.0, n) for cause in ("reception", "approval", "parts", "bay")},
            "not_fixed": (draw.random(n) < 0.18).astype(float),
            "stockout": (draw.random(n) < 0.12).astype(float),
            "updates": draw.integers(0, 3, n).astype(float),
            "promise_broken": (draw.random(n) < 0.3).astype(float),
            "price_over_quote": np.where(draw.random(n) < 0.2, 0.05, 0.0),
            "center_id": draw.choice(["east-01", "north-01", "south-01"], n),
            "lane": draw.choice(["quick", "standard"], n),
            "fault_origin": draw.choice(["maintenance", "misuse"], n),
            "region": "China",
        }
    )
    rows["wait"] = rows[[f"wait_{cause}" for cause in ("reception", "approval", "parts", "bay")]].sum(axis=1)
    pull = 0.02 * rows["wait"] + 1.4 * rows["not_fixed"] + 0.9 * rows["stockout"] - 0.15 * rows["updates"]
    borders = [-7, -6.6, -6.2, -5.8, -5, -4.4, -3.8, -3.2, -2.6, -0.8]
    rows["score"] = np.searchsorted(borders, draw.logistic(size=n) - pull).astype(float)
    return rows


@pytest.fixture(scope="module")
def result() -> Loss:
    return loss(visits(), SolvedLevels(), LONGEST_MIN, replicates=40)


def test_shares_and_residual_are_all_detractors(result: Loss) -> None:
    assert sum(share.share for share in result.shares) + result.residual == pytest.approx(1.0)


def test_the_model_expects_what_was_observed(result: Loss) -> None:
    score = visits()["score"]

    assert result.nps == pytest.approx(100 * ((score >= 9).mean() - (score <= 6).mean()))
    assert result.detractors == (score <= 6).sum()


def test_causes_come_in_order_and_the_largest_are_those_that_were_planted(result: Loss) -> None:
    assert [share.share for share in result.shares] == sorted((share.share for share in result.shares), reverse=True)
    assert {share.driver for share in result.shares[:3]} == {"wait", "not_fixed", "stockout"}


def test_the_causes_of_the_wait_add_up_to_its_share(result: Loss) -> None:
    wait = next(share for share in result.shares if share.driver == "wait")

    assert sum(result.by_cause_of_wait.values()) == pytest.approx(wait.share)


def test_nps_points_of_all_causes_are_the_gain_of_solving_all(result: Loss) -> None:
    assert sum(share.nps_points for share in result.shares) == pytest.approx(result.what_if[-1].gain)


def test_the_top_three_solved_is_what_statsmodels_expects_of_the_changed_visits(result: Loss) -> None:
    """The whole way once more: GLM fits, visits changed, expectations averaged."""
    rows = visits()
    drivers = rows[["wait", "not_fixed", "stockout", "updates", "promise_broken", "price_over_quote"]].copy()
    controls = pd.get_dummies(rows[["center_id", "lane", "fault_origin"]], drop_first=True, dtype=float)
    x = sm.add_constant(pd.concat([drivers, controls], axis=1))
    changed = x.assign(wait=np.minimum(x["wait"], 15.0), not_fixed=0.0, stockout=0.0)
    shares = []
    for event in (rows["score"] >= 9, rows["score"] <= 6):
        fitted = sm.GLM(event.astype(float), x, family=sm.families.Binomial()).fit()
        shares.append(float(fitted.predict(changed).mean()))
    top = next(item for item in result.what_if if len(item.solved) == 3)

    assert set(top.solved) == {"wait", "not_fixed", "stockout"}
    assert top.nps == pytest.approx(100 * (shares[0] - shares[1]), abs=1e-4)
    assert top.low < top.nps < top.high


def test_what_cannot_be_modelled_has_a_reason_and_no_share() -> None:
    few = loss(visits(40), SolvedLevels(), LONGEST_MIN, replicates=5)
    happy = loss(visits(500).assign(score=10.0), SolvedLevels(), LONGEST_MIN, replicates=5)

    assert (few.shares, happy.shares) == ((), ())
    assert few.reason in ("few_data", "constant") and happy.reason == "constant"
    assert happy.nps == 100.0


def test_a_cause_that_never_occurred_is_named_and_the_others_are_shared() -> None:
    losses = loss(visits().assign(stockout=0.0), SolvedLevels(), LONGEST_MIN, replicates=5)

    assert losses.left_out == {"stockout": "constant"}
    assert sum(share.share for share in losses.shares) + losses.residual == pytest.approx(1.0)


def test_where_causes_together_tell_every_detractor_one_is_refused_and_the_others_are_shared() -> None:
    rows = visits(400)
    displeasure = rows["wait"] / 10 + 3 * rows["not_fixed"] + 3 * rows["stockout"]
    losses = loss(rows.assign(score=np.where(displeasure > 7, 3.0, 10.0)), SolvedLevels(), LONGEST_MIN, replicates=10)

    assert losses.reason is None and losses.left_out == {"wait": "separation"}
    assert {share.driver for share in losses.shares} > {"not_fixed", "stockout"}


def test_where_no_sample_of_the_orders_can_be_modelled_shares_have_no_range() -> None:
    losses = loss(visits(), SolvedLevels(), LONGEST_MIN, replicates=0)

    assert len(losses.shares) == 6 and np.isnan([losses.shares[0].low, losses.what_if[0].gain_high]).all()


def test_the_nps_of_the_model_has_an_interval_and_tells_what_it_leaves_out() -> None:
    """Of 300 visits thirty have no score, and of twenty with one nobody knows yet whether they were fixed."""
    rows = visits(300)
    rows.loc[:29, "score"] = np.nan
    rows.loc[30:49, "not_fixed"] = np.nan

    nps, *others = view.figures(loss(rows, SolvedLevels(), LONGEST_MIN, replicates=20), rows)

    scores = rows.loc[50:, "score"]
    assert nps.value == pytest.approx(100 * ((scores >= 9).mean() - (scores <= 6).mean()))
    assert nps.interval.low is not None and nps.interval.low < nps.value < (nps.interval.high or 0)
    assert (nps.n, nps.n_all, nps.centers, nps.left_out) == (250, 300, 3, {"no_score": 30, "no_driver": 20})
    for figure in others:
        assert figure.left_out == nps.left_out and (figure.interval.low is not None or figure.no_interval)


def test_no_visits_at_all_are_no_error() -> None:
    nothing = visits(10).iloc[:0]

    assert loss(nothing, SolvedLevels(), LONGEST_MIN).n == 0
    assert segments(nothing) == ([], [])


@given(st.lists(st.floats(-5, 5), min_size=16, max_size=16))
def test_shapley_is_the_mean_over_every_order(worths: list[float]) -> None:
    worth = {frozenset(p for p in range(4) if code >> p & 1): np.array([worths[code]]) for code in range(16)}
    mean = np.zeros(4)
    for order in permutations(range(4)):
        for index, player in enumerate(order):
            before = frozenset(order[:index])
            mean[player] += (worth[before | {player}] - worth[before])[0] / 24

    assert shapley(4, worth.__getitem__)[:, 0] == pytest.approx(mean, abs=1e-9)


@given(st.lists(st.floats(-5, 5), min_size=32, max_size=32))
def test_owen_is_the_mean_over_orders_that_keep_groups_together(worths: list[float]) -> None:
    worth = {frozenset(p for p in range(5) if code >> p & 1): np.array([worths[code]]) for code in range(32)}
    groups = [[0, 1, 2], [3], [4]]
    orders = [
        order
        for order in permutations(range(5))
        if max(order.index(p) for p in groups[0]) - min(order.index(p) for p in groups[0]) == 2
    ]
    mean = np.zeros(5)
    for order in orders:
        for index, player in enumerate(order):
            before = frozenset(order[:index])
            mean[player] += (worth[before | {player}] - worth[before])[0] / len(orders)
    values = owen(groups, worth.__getitem__)

    assert [values[p][0] for p in range(5)] == pytest.approx(mean, abs=1e-9)


@settings(max_examples=15)  # some 40 groupings each
@given(
    st.lists(
        st.tuples(
            st.integers(0, 10) | st.none(),
            st.floats(0, 300) | st.none(),
            st.sampled_from(["east-01", "north-01", None]),
            st.sampled_from([0.0, 1.0, None]),
        ),
        max_size=30,
    )
)
def test_segments_add_up_to_the_nps(answers) -> None:
    """Sum of share times segment NPS is the NPS, whatever is missing."""
    rows = visits(len(answers))
    scores, waits, centers, fixed = ([answer[index] for answer in answers] for index in range(4))
    rows = rows.assign(
        score=np.array(scores, dtype=float),
        wait=np.array(waits, dtype=float),
        center_id=pd.Series(centers, dtype=object, index=rows.index),
        not_fixed=np.array(fixed, dtype=float),
    )
    scores = rows["score"].dropna()
    parts, identities = segments(rows)

    assert len(identities) == (len(CUTS) if len(scores) else 0)
    for identity in identities:
        assert identity.total == pytest.approx(100 * ((scores >= 9).mean() - (scores <= 6).mean()), abs=1e-9)
        assert sum(part.n for part in parts if part.cut == identity.cut) == len(scores)


def test_a_long_wait_counts_as_the_longest() -> None:
    rows = visits()
    rows.loc[rows.index[:20], "wait_bay"] += 5_000
    rows.loc[rows.index[:20], "wait"] += 5_000
    cut = loss(rows, SolvedLevels(), LONGEST_MIN, replicates=2)
    capped = loss(rows.assign(wait=rows["wait"].clip(upper=LONGEST_MIN)), SolvedLevels(), LONGEST_MIN, replicates=2)

    assert [share.share for share in cut.shares] == pytest.approx([share.share for share in capped.shares])
