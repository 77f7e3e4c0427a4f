"""Benchmarks beside the figures: gap, its interval, and the status by the rule of targets."""

import math
from datetime import date
from typing import Any

import pytest

from fixtrail.reports.benchmarks import Benchmark, benchmark_sheet, benchmarks_of, gap_interval
from fixtrail.reports.report import NO_INTERVAL, Figure, Interval
from fixtrail.reports.stats import intervals
from fixtrail.reports.targets import targets_of

DAY = date(2026, 3, 1)
TABLE = {"figure": "ftfr", "value": 0.9, "source": "the association", "date": DAY}


def row_of(figures: list[Figure], benchmark: Benchmark) -> dict[str, Any]:
    (sheet,) = benchmark_sheet(figures, [benchmark])
    (row,) = sheet.rows
    return dict(row)


def test_a_file_says_what_others_have_reached():
    targets = targets_of({"benchmark": [TABLE, TABLE | {"n": 500}]})

    assert targets.benchmarks == (
        Benchmark("ftfr", 0.9, "the association", DAY),
        Benchmark("ftfr", 0.9, "the association", DAY, 500),
    )
    assert "benchmark" not in targets.more


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"figure": "fftr"}, "there is no figure fftr"),
        ({"value": 90}, "value is 0 to 1, in the figure's own unit"),
        ({"value": "0.9"}, "value is a number"),
        ({"value": math.nan}, "value is a number"),
        ({"n": 0}, "n is a whole number"),
        ({"n": 12.5}, "n is a whole number"),
        ({"source": " "}, "source says who told it"),
        ({"date": "2026-03-01"}, "date is a day"),
        ({"from": DAY}, "there is no key from"),
    ],
)
def test_a_benchmark_that_cannot_be_one_is_named(change: dict[str, Any], words: str):
    with pytest.raises(ValueError, match=words):
        benchmarks_of([TABLE | change])


@pytest.mark.parametrize("key", ["value", "source", "date"])
def test_a_benchmark_without_a_source_or_a_date_is_none(key: str):
    with pytest.raises(ValueError, match=f"{key} is missing"):
        benchmarks_of([{name: value for name, value in TABLE.items() if name != key}])


def test_one_table_is_no_list_of_benchmarks():
    with pytest.raises(ValueError, match=r"\[\[benchmark\]\]"):
        benchmarks_of(TABLE)


@pytest.mark.parametrize(
    ("interval", "status"),
    [
        (Interval(0.91, 0.97), "met"),
        (Interval(0.70, 0.89), "missed"),
        (Interval(0.85, 0.95), "not_distinguishable"),
    ],
)
def test_a_benchmark_at_its_word_is_judged_as_a_target_is(interval: Interval, status: str):
    assert interval.low is not None and interval.high is not None
    value = (interval.low + interval.high) / 2
    row = row_of([Figure("ftfr", value, 200, 200, interval)], Benchmark("ftfr", 0.9, "x", DAY))

    assert (row["status"], row["gap"]) == (status, pytest.approx(value - 0.9))
    assert (row["gap_low"], row["gap_high"]) == pytest.approx((interval.low - 0.9, interval.high - 0.9))


def test_with_n_its_own_uncertainty_counts_too():
    """Newcombe's worked example: 56 of 70 beside 48 of 80 is a gap of 0.20, 0.0524 to 0.3339."""
    ours = Figure("ftfr", 56 / 70, 70, 70, intervals.share(56, 70))
    bounds = gap_interval(ours, Benchmark("ftfr", 48 / 80, "x", DAY, 80))

    assert (bounds.low, bounds.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_of_times_lower_is_better_and_a_bare_number_is_taken_at_its_word():
    row = row_of([Figure("wait_mean_s", 960, None, None)], Benchmark("wait_mean_s", 1800, "x", DAY, 50))

    assert (row["gap"], row["status"], row["gap_low"]) == (-840, "met", None)


def test_an_nps_with_n_is_judged_at_the_least_favourable_split():
    ours = Figure("nps", 60, 900, 900, Interval(55, 65))
    certain = row_of([ours], Benchmark("nps", 50, "x", DAY))
    doubtful = row_of([ours], Benchmark("nps", 50, "x", DAY, 40))

    assert (certain["status"], doubtful["status"]) == ("met", "not_distinguishable")


def test_first_time_fix_is_judged_on_confirmed_orders_as_its_target_is():
    young = Figure("ftfr", 0.97, 300, 300, Interval(0.95, 0.99))
    confirmed = Figure("ftfr_confirmed", 0.85, 200, 300, Interval(0.80, 0.89))
    row = row_of([young, confirmed], Benchmark("ftfr", 0.9, "x", DAY))

    assert (row["judged_on"], row["value"], row["status"]) == ("ftfr_confirmed", 0.85, "missed")


def test_without_data_there_is_no_gap_and_without_benchmarks_no_table():
    row = row_of([Figure("ftfr", None, 0, 0, NO_INTERVAL)], Benchmark("ftfr", 0.9, "x", DAY))

    assert (row["gap"], row["status"]) == (None, None)
    assert benchmark_sheet([Figure("ftfr", 0.9, 1, 1)], ()) == ()
