"""Classes, demand types, distributions, shelf levels and the choice of methods, beside scipy and figures by hand."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fixtrail.parts.classes import classes
from fixtrail.parts.counts import cdf, dispersion, pinball, quantile, shortage
from fixtrail.parts.demand import demand_of
from fixtrail.parts.forecast import Forecast, Supply, forecast, shelf
from fixtrail.parts.plan import ForecastPlan
from fixtrail.parts.rates import METHODS
from fixtrail.parts.types import TYPES, demand_types, interval_and_variation

ORIGIN = date(2026, 7, 1)
MEANS, KS = (values.ravel() for values in np.meshgrid([0.0, 0.02, 0.7, 3.0, 40.0, 900.0], [1.0, 1.3, 4.0]))


def theirs(mean: float, k: float) -> "stats.rv_frozen":
    return stats.poisson(mean) if k == 1 else stats.nbinom(mean / (k - 1), 1 / k)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.95, 0.98])
def test_quantiles_are_scipys(share: float):
    expected = [max(theirs(mean, k).ppf(share), 0) if mean else 0 for mean, k in zip(MEANS, KS, strict=True)]

    assert quantile(share, MEANS, KS).tolist() == expected


def test_the_distribution_and_what_is_missing_are_scipys():
    for level in (-1, 0, 2, 45):
        shares = [theirs(m, k).cdf(level) if m else float(level >= 0) for m, k in zip(MEANS, KS, strict=True)]
        assert cdf(np.full(MEANS.size, level), MEANS, KS) == pytest.approx(shares, abs=1e-9)
    pieces = np.arange(4000)
    missing = [
        (np.maximum(pieces - 5, 0) * theirs(m, k).pmf(pieces)).sum() if m else 0 for m, k in zip(MEANS, KS, strict=True)
    ]
    assert shortage(np.full(MEANS.size, 5.0), MEANS, KS) == pytest.approx(missing, abs=1e-6)


def test_near_poisson_the_negative_binomial_is_poisson():
    k = np.array([1.0, 1 + 1e-9, 1 + 1e-5])

    assert quantile(0.95, np.full(3, 7.0), k).tolist() == [12, 12, 12]
    assert cdf(np.full(3, 9.0), np.full(3, 7.0), k) == pytest.approx([stats.poisson(7).cdf(9)] * 3, abs=1e-5)


def test_too_little_costs_more_than_too_much_at_the_95th_percentile():
    actual = np.array([10.0, 10.0])

    assert pinball(actual, np.array([6.0, 14.0]), 0.95) == pytest.approx([0.95 * 4, 0.05 * 4])


def test_a_part_without_sums_enough_has_the_spread_of_its_type_and_never_less_than_poisson():
    assert dispersion(np.array([3.0, np.nan, 0.2]), np.array([2.0, 1.5, 1.0])).tolist() == [2.5, 1.5, 1.0]


def test_the_largest_parts_up_to_80_percent_are_a_and_a_tie_goes_by_name():
    amounts, names = np.array([50.0, 30, 10, 6, 4, 0]), np.array(list("abcdef"))

    assert classes(amounts, names).tolist() == [0, 0, 1, 1, 2, 2]
    assert classes(np.ones(5), np.array(list("edcba"))).tolist() == [1, 0, 0, 0, 0]
    assert classes(np.zeros(2), np.array(list("ab"))).tolist() == [2, 2]


@pytest.mark.parametrize(
    ("days", "kind"),
    [
        ([1, 1, 2, 1, 1, 1, 2, 1], "smooth"),
        ([1, 0, 0, 1, 0, 2, 0, 1], "intermittent"),
        ([1, 1, 9, 1, 1, 1, 9, 1], "erratic"),
        ([1, 0, 0, 9, 0, 1, 0, 1], "lumpy"),
    ],
)
def test_the_demand_type_is_by_how_often_and_how_evenly(days: list[int], kind: str):
    interval, variation = interval_and_variation(np.array([days], dtype=np.float64), np.array([8.0]))

    sizes = [day for day in days if day]
    assert interval[0] == 8 / len(sizes) and variation[0] == pytest.approx((np.std(sizes) / np.mean(sizes)) ** 2)
    assert TYPES[demand_types(interval, variation)[0]] == kind


def test_the_shelf_covers_the_review_and_the_delivery_and_says_what_will_be_missing():
    suggestion = shelf(
        np.array([0.5, 0.5]),
        np.array([1.0, 1.0]),
        np.array([2.4, 2.4]),
        np.array([0.95, 0.95]),
        np.array([False, True]),
    )

    assert suggestion.cover.tolist() == [10, 10] and suggestion.mean.tolist() == [5, 5]
    assert suggestion.level.tolist() == [stats.poisson(5).ppf(0.95), 0]
    pieces = np.arange(200)
    over = [(np.maximum(pieces - 9, 0) * stats.poisson(mean).pmf(pieces)).sum() for mean in (5, 1.5)]
    assert suggestion.short[0] == pytest.approx((over[0] - over[1]) * 30 / 7)
    # Ordered on demand, all of it is missing at first.
    assert suggestion.short[1] == pytest.approx(0.5 * 30)


def requests(draw: np.random.Generator, parts: int, days: int, rate: float) -> pd.DataFrame:
    number = draw.poisson(rate * days, parts)
    rows = np.repeat(np.arange(parts), number)
    day = pd.Timestamp(ORIGIN) - pd.to_timedelta(draw.integers(1, days + 1, len(rows)), "D")
    frame = pd.DataFrame(
        {"center_id": "C1", "part_no": [f"P{row:03}" for row in rows], "day": day, "pieces": 1.0, "hits": 1}
    )
    return frame.groupby(["center_id", "part_no", "day"], as_index=False).sum()


def forecast_from(frame: pd.DataFrame, lead: float = 2.0) -> Forecast:
    plan = ForecastPlan()
    demand = demand_of(frame, ORIGIN, plan.reach)
    supply = Supply(np.full(demand.size, 10.0), np.full(demand.size, lead), np.full(demand.size, "part"))
    return forecast(demand, plan, {"C1": "north"}, supply)


def test_even_demand_is_forecast_by_a_mean_with_little_spread_and_holds_95_in_100():
    answer = forecast_from(requests(np.random.default_rng(3), 200, 500, 0.2))

    now = answer.now
    methods = {METHODS[loss.method] for loss in answer.judged if loss.is_chosen and loss.n > 100}
    assert methods <= {"mean_365", "adida"} and now.mean.mean() == pytest.approx(6, rel=0.05) and now.k.mean() < 1.1
    past = answer.outlooks[:-1]
    assert len(past) == 6
    within = np.concatenate([(o.origin.actual <= o.high)[o.origin.is_usable] for o in past]).mean()
    assert 0.93 < within < 0.99


def test_a_center_or_part_of_less_than_90_days_has_no_forecast():
    draw = np.random.default_rng(4)
    old, new = requests(draw, 5, 400, 0.2), requests(draw, 2, 80, 0.3).replace({"P000": "N000", "P001": "N001"})

    now = forecast_from(pd.concat([old, new])).now

    assert now.origin.is_usable.tolist() == [False] * 2 + [True] * 5


def test_what_comes_after_the_origin_changes_nothing():
    frame = requests(np.random.default_rng(5), 20, 400, 0.2)
    later = frame.assign(day=pd.Timestamp(ORIGIN) + pd.Timedelta(days=3), pieces=50.0)

    assert forecast_from(pd.concat([frame, later])).now.mean == pytest.approx(forecast_from(frame).now.mean)


def test_without_any_request_there_is_a_forecast_of_nothing():
    answer = forecast_from(requests(np.random.default_rng(6), 0, 10, 0.1))

    assert answer.demand.size == 0 and answer.now.mean.size == 0 and not answer.judged
