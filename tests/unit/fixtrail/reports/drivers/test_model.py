"""The models of the score find what made it, agree with a likelihood maximised anew, and say when they cannot."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.special import expit
from statsmodels.miscmodels.ordinal_model import OrderedModel

from fixtrail.reports.drivers.view import methods
from fixtrail.reports.stats.models import controls_of, fit_logistic, logistic, ordinal, usable_columns


def none(rows: pd.DataFrame) -> pd.DataFrame:
    """No controls."""
    return pd.DataFrame(index=rows.index)


def scored(n: int, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """Visits whose scores follow proportional odds: 0.2 for ten minutes, 1.4 for a fault not fixed."""
    draw = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "wait": draw.gamma(2.0, 2.0, n),
            "not_fixed": (draw.random(n) < 0.2).astype(float),
            "center_id": draw.choice(["east", "north", "south"], n),
        }
    )
    pull = 0.2 * rows["wait"] + 1.4 * rows["not_fixed"] + 0.5 * (rows["center_id"] == "south")
    return rows, np.searchsorted([-4.0, -3.0, -2.0, -0.7], draw.logistic(size=n) - pull).astype(float)


@pytest.fixture(scope="module")
def visits() -> tuple[pd.DataFrame, np.ndarray]:
    return scored(1_500)


def test_the_ordinal_model_finds_what_made_the_scores(visits) -> None:
    rows, score = visits
    fit = ordinal(score, rows[["wait", "not_fixed"]], controls_of(rows, ("center_id",), score))

    for name, planted in {"wait": 0.2, "not_fixed": 1.4}.items():
        assert fit.drivers[name].low < planted < fit.drivers[name].high
    assert fit.adjusted_for == ("center_id",)


def test_the_ordinal_model_is_the_maximum_of_its_likelihood(visits) -> None:
    """Proportional odds written down once more and maximised by another method."""
    rows, score = visits
    x = rows[["wait", "not_fixed"]].to_numpy()
    y = score.astype(int)

    def minus_log_likelihood(parameters: np.ndarray) -> float:
        pull = x @ parameters[:2]
        cuts = np.concatenate([[-np.inf], np.cumsum([parameters[2], *np.exp(parameters[3:])]), [np.inf]])
        return -float(np.log(expit(cuts[y + 1] + pull) - expit(cuts[y] + pull)).sum())

    best = minimize(minus_log_likelihood, [0, 0, -3, 0, 0, 0], method="BFGS", options={"gtol": 1e-3})
    fit = ordinal(score, rows[["wait", "not_fixed"]], none(rows))

    estimates = [fit.drivers["wait"], fit.drivers["not_fixed"]]
    assert [estimate.value for estimate in estimates] == pytest.approx(best.x[:2], abs=1e-4)
    assert [(estimate.high - estimate.low) / 3.92 for estimate in estimates] == pytest.approx(
        np.sqrt(np.diag(best.hess_inv))[:2], rel=0.1
    )


def test_the_closed_derivative_changes_nothing_in_statsmodels_answer(visits) -> None:
    rows, score = visits
    x = rows[["wait", "not_fixed"]]
    plain = OrderedModel(score, x, distr="logit").fit(method="bfgs", disp=0, gtol=1e-6)
    fit = ordinal(score, x, none(rows))

    for name in x:
        driver = fit.drivers[name]
        assert driver.value == pytest.approx(-plain.params[name], abs=1e-4)
        assert (driver.high - driver.low) / 2 / 1.959964 == pytest.approx(plain.bse[name], rel=1e-3)


def test_the_logistic_model_is_that_of_statsmodels(visits) -> None:
    rows, score = visits
    event = (score <= 2).astype(float)
    x = pd.concat([rows[["wait", "not_fixed"]], controls_of(rows, ("center_id",), event)], axis=1)
    plain = sm.GLM(event, sm.add_constant(x), family=sm.families.Binomial()).fit()
    beta, covariance = fit_logistic(event, x.to_numpy())

    assert beta == pytest.approx(plain.params.to_numpy(), abs=1e-6)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(plain.bse.to_numpy(), rel=1e-4)


def test_weights_count_as_so_many_orders(visits) -> None:
    rows, score = visits
    event, x = (score <= 2).astype(float), rows[["wait", "not_fixed"]].to_numpy()
    weight = np.arange(len(event)) % 3
    repeated = np.repeat(np.arange(len(event)), weight)

    assert fit_logistic(event, x, weight.astype(float))[0] == pytest.approx(
        fit_logistic(event[repeated], x[repeated])[0]
    )


def test_a_driver_that_never_differs_has_a_reason_and_the_others_a_figure(visits) -> None:
    rows, score = visits
    fit = ordinal(score, rows[["wait"]].assign(stockout=0.0), none(rows))

    assert fit.drivers["stockout"].reason == "constant"
    assert fit.drivers["wait"].value is not None


def test_a_driver_that_another_one_determines_has_a_reason(visits) -> None:
    rows, score = visits
    fit = ordinal(score, rows[["wait"]].assign(hours=rows["wait"] / 6), none(rows))

    assert (fit.drivers["hours"].reason, fit.drivers["wait"].reason) == ("collinear", None)


def test_complete_separation_has_a_reason_and_no_huge_figure() -> None:
    rows, score = scored(400)
    rows["not_fixed"] = (score <= 1).astype(float)
    event = (score <= 1).astype(float)

    assert (
        ordinal(score, rows[["wait", "not_fixed"]].assign(all_top=(score == 4).astype(float)), none(rows))
        .drivers["all_top"]
        .reason
        == "separation"
    )
    assert logistic(event, rows[["wait", "not_fixed"]], none(rows)).drivers["not_fixed"].reason == "separation"


def test_few_answers_make_no_model() -> None:
    rows, score = scored(30)

    assert ordinal(score, rows[["wait", "not_fixed"]], none(rows)).reason == "few_data"
    assert logistic((score <= 2).astype(float), rows[["wait"]], none(rows)).reason == "few_data"


def test_one_score_only_makes_no_model() -> None:
    rows, _ = scored(200)

    assert ordinal(np.full(200, 10.0), rows[["wait"]], none(rows)).drivers["wait"].reason == "constant"
    assert logistic(np.zeros(200), rows[["wait"]], none(rows)).drivers["wait"].reason == "constant"


def test_small_centers_count_as_one() -> None:
    rows, score = scored(300)
    rows.loc[:9, "center_id"] = "tiny-1"
    rows.loc[10:14, "center_id"] = "tiny-2"
    columns = controls_of(rows, ("center_id",), score)

    assert not any("tiny" in column for column in columns)
    assert set(columns) < {"center_id=east", "center_id=north", "center_id=south", "center_id=other"}


def test_controls_give_way_where_answers_are_few() -> None:
    rows, score = scored(100)
    controls = controls_of(rows, ("center_id",), score)

    assert usable_columns(rows[["wait"]], controls, 2)[2].empty
    assert len(usable_columns(rows[["wait"]], controls, 10)[2].columns) == 2


def test_the_page_says_how_many_of_its_intervals_stick_out_by_chance() -> None:
    """A price over the quote, planted as nothing, once was one of them: 0.008 to 0.394."""
    first = methods(240, 45)[0]

    assert "45 intervals on this page" in first.en and "one in twenty, here about 2" in first.en
    assert "45 个区间" in first.zh and "约 2 个" in first.zh
