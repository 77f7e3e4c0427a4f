"""The independent computation: figures over many orders."""

from typing import Any

import pytest

from tests.oracle import orders_of
from tests.oracle_figures import center_hours_of, figures_of
from tests.unit.tests.oracle_visits import EVENING, at, check_in, event, handoff, part, repair, repaired_visit


def quick_order(number: int, ready: str, score: int | None = None, **fields: Any) -> list[dict[str, Any]]:
    names = {"order_id": f"S{number}", "vehicle_id": f"W{number}"}
    voice = [] if score is None else [event("survey", "18:00", score=score, **names)]
    return [
        check_in("08:00", lane="quick", promised_at="2026-03-02T08:20:00Z", **names),
        repair("started", "08:05", **names),
        repair("completed", ready, **names),
        handoff("09:30", **names),
        *voice,
    ]


def test_figures_over_a_few_orders():
    orders = orders_of(
        [
            *repaired_visit(amount=777.59),
            *quick_order(1, "08:15", score=10),
            *quick_order(2, "08:15:00.001", score=9),
            *quick_order(3, "08:20", score=8),
            *quick_order(4, "08:30", score=6),
            part("requested", "08:10", order_id="S1", vehicle_id="W1", urgency="emergency"),
            part("fulfilled", "10:10", order_id="S1", vehicle_id="W1", urgency="emergency"),
            event("complaint", "19:00", order_id="S4", vehicle_id="W4", category="wait"),
        ],
        EVENING,
    )
    figures = figures_of(orders)

    # S1 was handed off with its part still open: a wait for parts from 08:15 on, ready when it was handed off.
    assert orders["S1"]["ready_at"] == at("09:30")
    assert figures["quick_in_time"] == 0
    assert figures["promise_kept"] == 3 / 5
    assert figures["ftfr"] == 4 / 5
    assert (figures["nps"], figures["nps_n"]) == (25, 4)
    assert figures["nps_high"] - 25 == pytest.approx(195.9964 * ((0.5 + 0.25 - 0.0625) / 4) ** 0.5, rel=1e-5)
    assert (figures["stockout_rate"], figures["emergency_parts_in_time"]) == (0, 0)
    assert figures["quote_kept"] == 1, "777.59 is 0.99 % above 769.90"
    assert figures["complaints_per_100"] == 20
    assert figures["wait_mean_s"] == (55 + 80 + 3 * 5) * 60 / 5
    assert figures["wait_median_s"] == 5 * 60
    assert figures["wait_p90_s"] == pytest.approx((55 + 0.6 * 25) * 60)


def test_a_center_hour_holds_the_check_ins_and_the_orders_closed_in_it():
    orders = orders_of(
        [
            *quick_order(1, "08:15", score=10),
            *quick_order(2, "08:30", score=3),
            check_in("08:40", order_id="S3", vehicle_id="W3"),
            event("cancellation", "09:00", order_id="S3", vehicle_id="W3"),
            repair("started", "09:00", order_id="S4", vehicle_id="W4"),
        ],
        EVENING,
    )
    hours = center_hours_of(orders)

    assert set(hours) == {("C1", at("08:00")), ("C1", at("09:00"))}
    assert {name: value for name, value in hours["C1", at("08:00")].items() if value} == {"check_ins": 3}
    assert {name: value for name, value in hours["C1", at("09:00")].items() if value} == {
        **{"handed_off": 2, "cancelled": 1, "judged": 2, "fixed_first_time": 2},
        **{"lead_s": 10_800, "wait_s": 600, "wait_reception_s": 600, "touch_s": 2100, "pickup_s": 8100},
        **{"surveys": 2, "promoters": 1, "detractors": 1},
        **{"quick_ready": 2, "quick_in_time": 1, "promise_both": 2, "promise_kept": 1},
    }


def test_nothing_to_divide_by_gives_no_figure():
    figures = figures_of({})

    assert figures.pop("nps_n") == 0
    assert set(figures.values()) == {None}
