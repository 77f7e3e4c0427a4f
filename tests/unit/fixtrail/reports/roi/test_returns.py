"""What a rollout returns: closed forms with point values, ranges, payback, and assumptions that cannot be read."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from fixtrail.reports.options import Options
from fixtrail.reports.roi.assumptions import Assumptions, Cost, Value, assumptions_of
from fixtrail.reports.roi.returns import PerOrder, costs_by_month, payback_month, returns_of
from fixtrail.reports.targets import targets_of
from runtime.failure import ExitError

START = date(2026, 1, 1)
EQUIPMENT = Cost("screens", date(2025, 12, 1), 12_000.0, False, "offer")
MESSAGES = Cost("messages", date(2026, 1, 15), 100.0, True, "contract")


def plan_of(*values: Value, costs: tuple[Cost, ...] = (EQUIPMENT, MESSAGES)) -> Assumptions:
    return Assumptions("CNY", 24, None, costs, values)


def sure(value: float) -> PerOrder:
    return PerOrder(value, value, value)


def test_with_point_values_the_return_is_what_one_works_out_on_paper():
    minute = Value("wait_minute", 0.5, 0.5, 0.5, "survey")
    complaint = Value("complaint", 100.0, 100.0, 100.0, "books")
    returns = returns_of(plan_of(minute, complaint), {"wait_minute": sure(10), "complaint": sure(0.01)}, 200, START)

    # 200 orders, ten minutes at 0.5 and a hundredth of a complaint at 100 each: 1,200 a month.
    assert returns.monthly.value == 1200
    assert (returns.benefits["wait_minute"].value, returns.benefits["complaint"].value) == (1000, 200)
    assert returns.cost == 12_000 + 24 * 100
    assert returns.roi.value == pytest.approx((24 * 1200 - 14_400) / 14_400)
    assert (returns.roi.low, returns.roi.high) == (pytest.approx(returns.roi.value), pytest.approx(returns.roi.value))
    # 12,000 at 1,100 a month.
    assert returns.payback.value == 11
    assert returns.share_paid_back == 1


def test_what_is_not_paid_back_in_its_months_has_no_month():
    minute = Value("wait_minute", 0.5, 0.5, 0.5, "survey")
    returns = returns_of(plan_of(minute), {"wait_minute": sure(1)}, 200, START)
    assert (returns.payback.value, returns.payback.low, returns.payback.high) == (None, None, None)
    assert returns.roi.value is not None and returns.roi.value < 0
    assert returns.share_paid_back == 0


def test_ranges_are_those_of_the_effect_and_of_the_value():
    minute = Value("wait_minute", 0.5, 0.5, 0.5, "survey")
    returns = returns_of(plan_of(minute), {"wait_minute": PerOrder(10, 5, 15)}, 200, START)
    # The draws' 95 % are the interval's.
    assert returns.monthly.low == pytest.approx(500, abs=15)
    assert returns.monthly.high == pytest.approx(1500, abs=15)

    uncertain = Value("wait_minute", 0.5, 0.1, 0.9, "survey")
    returns = returns_of(plan_of(uncertain), {"wait_minute": sure(10)}, 200, START)
    # Of a symmetric triangle the 2.5 % lie within sqrt(0.025 / 2) of its width.
    edge = np.sqrt(0.025 / 2) * 0.8
    assert returns.monthly.low == pytest.approx(2000 * (0.1 + edge), abs=10)
    assert returns.monthly.high == pytest.approx(2000 * (0.9 - edge), abs=10)


def test_the_assumption_that_matters_most_stands_first():
    values = Value("wait_minute", 0.5, 0.4, 0.6, "survey"), Value("complaint", 100.0, 0.0, 900.0, "guess")
    returns = returns_of(
        plan_of(*values), {"wait_minute": PerOrder(10, 9, 11), "complaint": PerOrder(0.02, 0.01, 0.03)}, 200, START
    )
    assert (returns.swings[0].of, returns.swings[0].assumption) == ("complaint", "value")
    assert [swing.width for swing in returns.swings] == sorted((swing.width for swing in returns.swings), reverse=True)
    assert returns.swings[0].at_low < returns.roi.value < returns.swings[0].at_high


def test_the_same_assumptions_give_the_same_numbers():
    minute = Value("wait_minute", 0.5, 0.1, 0.9, "survey")
    first, second = (returns_of(plan_of(minute), {"wait_minute": PerOrder(10, 5, 15)}, 200, START) for _ in range(2))
    assert first == second


def test_costs_stand_in_the_month_in_which_they_are_spent():
    later = Cost("training", date(2026, 3, 15), 500.0, False, "")
    costs = costs_by_month(plan_of(costs=(EQUIPMENT, MESSAGES, later)), START)
    assert list(costs[:4]) == [12_100, 100, 600, 100]
    assert payback_month(700.0, np.array([1000.0, 0.0, 0.0])) == 2
    assert payback_month(0.0, np.array([1000.0, 0.0])) == float("inf")
    # Paid back, spent again: only the last time counts.
    assert payback_month(500.0, np.array([500.0, 0.0, 1500.0, 0.0])) == 4


GOOD: dict[str, Any] = {
    "cost": [{"name": "screens", "date": date(2026, 1, 1), "amount": 10}],
    "value": [{"of": "comeback", "value": 600, "source": "books"}],
}


def read(roi: object) -> Assumptions:
    document = {} if roi is None else {"roi": roi}
    return assumptions_of(Options(datetime(2026, 1, 1, tzinfo=UTC), targets=targets_of(document)))


def test_what_is_not_told_has_a_default():
    plan = read(GOOD)
    assert (plan.currency, plan.months, plan.orders_a_month) == ("CNY", 24, None)
    assert plan.values == (Value("comeback", 600.0, 600.0, 600.0, "books"),)


@pytest.mark.parametrize(
    ("roi", "error_text"),
    [
        (None, "roi is missing"),
        ({"cost": GOOD["cost"]}, "needs at least one"),
        ({**GOOD, "month": 3}, "there is no key month"),
        ({**GOOD, "months": 0}, "from 1 to 120"),
        ({**GOOD, "value": [{"of": "comeback", "value": 600}]}, "source is missing"),
        ({**GOOD, "value": [{"of": "smiles", "value": 1, "source": "x"}]}, "of is one of"),
        ({**GOOD, "value": [{"of": "comeback", "value": 6, "low": 7, "source": "x"}]}, "low <= value <= high"),
        ({**GOOD, "value": GOOD["value"] * 2}, "the same thing has two values"),
        ({**GOOD, "cost": [{"name": "s", "date": "soon", "amount": 1}]}, "date is a day"),
        ({**GOOD, "cost": [{"name": "s", "date": date(2026, 1, 1), "amount": -1}]}, "at least 0"),
    ],
)
def test_assumptions_that_cannot_be_read_are_refused_with_the_reason(roi: object, error_text: str):
    with pytest.raises(ExitError, match=error_text):
        read(roi)
