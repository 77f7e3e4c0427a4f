"""Forecasts and shelves on 51 months of 2,674 car parts (Monash archive), beside published figures.

Published for the last 12 months held out (Godahewa et al., NeurIPS 2021, table 2): MASE of exponential smoothing 0.897,
and of the best method 0.746, which forecasting nothing at all reaches too.
"""

import csv
import gzip
import os
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fixtrail.parts.counts import quantile
from fixtrail.parts.demand import Demand
from fixtrail.parts.forecast import Forecast, Supply, forecast, service_of
from fixtrail.parts.plan import SERVICE_LEVELS, ForecastPlan
from fixtrail.parts.rates import METHODS
from tests.paths import ROOT

SHARED = Path(os.environ.get("FIXTRAIL_SHARED_DATA", ROOT.parent / "shared" / "data"))
FILE = SHARED / "carparts.csv.gz"
HELD_OUT = 12
# A month is the day of these forecasts: a year, a quarter, and one month ahead.
PLAN = ForecastPlan(horizon=1, window=12, short=3, least=12)

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="no carparts.csv.gz: see FIXTRAIL_SHARED_DATA")


@pytest.fixture(scope="module")
def sales() -> np.ndarray:
    """Pieces by part and month; a month without a figure has no sale."""
    with gzip.open(FILE, "rt") as file:
        _, *rows = csv.reader(file)
    return np.array([[float(value or 0) for value in row[1:]] for row in rows])


def mase(sales: np.ndarray, predicted: np.ndarray) -> float:
    """Mean absolute error of 12 months by that of last year's month (Hyndman and Koehler 2006), mean of the parts."""
    past, held_out = sales[:, :-HELD_OUT], sales[:, -HELD_OUT:]
    scale = np.abs(past[:, 12:] - past[:, :-12]).mean(axis=1)
    errors = np.abs(held_out - predicted[:, None]).mean(axis=1)
    return float((errors[scale > 0] / scale[scale > 0]).mean())


def smoothed(past: np.ndarray) -> np.ndarray:
    """Exponential smoothing whose constant and first level have the least squares, as the archive's forecasts."""
    best, answer = np.full(len(past), np.inf), np.zeros(len(past))
    for constant in np.linspace(1e-4, 0.9999, 400):
        share, level = (1 - constant) ** np.arange(past.shape[1] + 1), np.zeros((len(past), past.shape[1] + 1))
        for month, values in enumerate(past.T):
            level[:, month + 1] = constant * values + (1 - constant) * level[:, month]
        # What is forecast is linear in the first level.
        rest = past - level[:, :-1]
        first = rest @ share[:-1] / (share[:-1] @ share[:-1])
        errors = ((rest - first[:, None] * share[:-1]) ** 2).sum(axis=1)
        better = errors < best
        best[better], answer[better] = errors[better], (level[:, -1] + first * share[-1])[better]
    return answer


def test_the_harness_agrees_with_the_publication(sales: np.ndarray):
    assert mase(sales, np.round(smoothed(sales[:, :-HELD_OUT]))) == pytest.approx(0.897, abs=0.01)


def test_forecasting_nothing_has_the_best_published_score(sales: np.ndarray):
    """So no method is chosen by it."""
    assert mase(sales, np.zeros(len(sales))) == pytest.approx(0.746, abs=0.001)


def forecast_before(sales: np.ndarray, month: int) -> Forecast:
    row, column = np.nonzero(sales[:, :month])
    at = pd.DataFrame({"row": row, "column": column, "pieces": sales[row, column], "hits": 1.0})
    number = len(sales)
    names = tuple(f"{part:05}" for part in range(number))
    same = np.zeros(number, dtype=np.int64)
    demand = Demand(date(2002, 4, 1), month, ("all",), names, same, np.arange(number), same, at)
    # Nothing has a price here, and a delivery is not waited for.
    return forecast(demand, PLAN, {}, Supply(np.full(number, np.nan), np.zeros(number), np.full(number, "all")))


@pytest.fixture(scope="module")
def forecasts(sales: np.ndarray) -> dict[int, Forecast]:
    """The forecast of every other month held out, of what was before it."""
    return {month: forecast_before(sales, month) for month in range(sales.shape[1] - HELD_OUT, sales.shape[1], 2)}


@pytest.fixture(scope="module")
def outcome(sales: np.ndarray, forecasts: dict[int, Forecast]) -> pd.DataFrame:
    """For each month and part: what was sold, our level and the textbook's, both of what was before it."""
    frames = []
    for month, answer in forecasts.items():
        now = answer.now
        service = service_of(now.by_hits)
        year = sales[:, month - 12 : month]
        normal = np.ceil(year.mean(axis=1) + stats.norm.ppf(service) * year.std(axis=1, ddof=1))
        level = quantile(service, now.mean, now.k)
        frame = {"aim": service, "sold": sales[:, month], "level": level, "normal": normal, "high": now.high}
        frames.append(pd.DataFrame(frame)[now.origin.is_usable])
    return pd.concat(frames)


def test_shelf_levels_reach_their_service_with_less_stock_than_the_textbook_formula(outcome: pd.DataFrame):
    reached, textbook = (outcome["sold"] <= outcome[name] for name in ("level", "normal"))

    assert reached.mean() == pytest.approx(outcome["aim"].mean(), abs=0.03)
    by_class = reached.groupby(outcome["aim"]).mean()
    assert (by_class - by_class.index).abs().max() < 0.03
    assert textbook.mean() - outcome["aim"].mean() > reached.mean() - outcome["aim"].mean() > 0
    assert outcome["level"].sum() < 0.97 * outcome["normal"].sum()


def test_the_normal_formula_is_off_for_parts_that_are_seldom_sold(outcome: pd.DataFrame):
    seldom = outcome[outcome["aim"] == SERVICE_LEVELS["C"]]

    assert seldom["level"].sum() < 0.5 * seldom["normal"].sum()


def test_the_95th_percentile_of_the_next_month_holds_95_in_100(outcome: pd.DataFrame):
    # A whole number reaches a little more than its share.
    assert 0.945 < (outcome["sold"] <= outcome["high"]).mean() < 0.98


def test_the_parts_of_a_type_choose_their_method_together(forecasts: dict[int, Forecast]):
    for judged in (answer.judged for answer in forecasts.values()):
        for loss_of_best in (loss for loss in judged if loss.is_chosen):
            rivals = [loss for loss in judged if loss.kind == loss_of_best.kind]
            assert len(rivals) == len(METHODS) and {loss.n for loss in rivals} == {loss_of_best.n}
            assert loss_of_best.loss == min(loss.loss for loss in rivals)
