"""Recovery after a bad score: those called beside those not called, within center and score."""

import numpy as np
import pandas as pd
import pytest

from fixtrail.reports.report import NO_INTERVAL
from fixtrail.reports.voices.recovery import Stratum, matched_difference, nps_class, with_recovery
from schemas.times import DAY_MS


def a_case(customer: str | None, score: int, contacted_at: int | None = None) -> dict[str, object]:
    return {
        **{"kind": "detractor", "center_id": "C1", "customer_key": customer, "score": score},
        **{"opened_at": 100 * DAY_MS, "contacted_at": contacted_at},
    }


def test_classes_are_those_of_nps():
    assert [nps_class(score) for score in (0, 6, 7, 8, 9, 10)] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("answer", "is_recovered"),
    [
        ((150, 7), True),
        ((150, 6), False),
        ((281, 10), False),  # 181 days later
        ((280, 10), True),
        ((102, 10), False),  # before the call
        ((99, 10), False),
    ],
)
def test_a_later_answer_in_a_better_class_within_180_days_of_the_score_is_a_recovery(
    answer: tuple[int, int], is_recovered: bool
):
    cases = pd.DataFrame([a_case("K", 3, contacted_at=103 * DAY_MS)])
    answers = {"K": [(answer[0] * DAY_MS, answer[1])]}

    assert list(with_recovery(cases, answers, 180)["is_recovered"]) == [is_recovered]


def test_a_middling_score_is_bettered_by_a_promoter_only_and_unknown_customers_are_left_out():
    cases = pd.DataFrame([a_case("K", 8), a_case("L", 8), a_case(None, 8)])
    rows = with_recovery(cases, {"K": [(110 * DAY_MS, 8)], "L": [(110 * DAY_MS, 9)]}, 180)

    assert list(rows["is_recovered"]) == [False, True]
    assert list(rows["answered_again"]) == [True, True]


def test_without_a_partner_there_is_no_difference():
    value, interval, n = matched_difference([Stratum(5, 3, 0, 0), Stratum(0, 0, 7, 2)])

    assert (value, interval.low, interval.high, n) == (None, None, None, 0)


def test_where_nobody_came_back_more_content_nothing_bounds_the_difference():
    assert matched_difference([Stratum(5, 0, 3, 0)]) == (0, NO_INTERVAL, 8)


def test_one_stratum_has_the_plain_difference():
    value, interval, n = matched_difference([Stratum(40, 20, 50, 15)])

    assert (value, n) == (pytest.approx(0.5 - 0.3), 90)
    assert interval.low is not None and interval.high is not None and interval.low < 0.2 < interval.high


def test_a_difference_that_lies_in_the_mix_alone_is_none():
    """Those called are of a score that recovers often, others of one that does not: within scores nothing differs."""
    value, _, _ = matched_difference([Stratum(80, 40, 10, 5), Stratum(10, 1, 80, 8)])

    assert value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("effect", [0.0, 0.15])
def test_the_interval_holds_the_truth_in_95_of_100_samples_of_small_strata(effect: float):
    draw, samples, covered = np.random.default_rng(11), 600, 0
    for _ in range(samples):
        strata = []
        for base in np.linspace(0.1, 0.6, 24):
            n_called, others = (int(size) for size in draw.poisson((4, 3)))
            strata.append(
                Stratum(n_called, int(draw.binomial(n_called, base + effect)), others, int(draw.binomial(others, base)))
            )
        _, interval, _ = matched_difference(strata)
        assert interval.low is not None and interval.high is not None
        covered += interval.low <= effect <= interval.high
    assert 0.93 <= covered / samples <= 0.97
