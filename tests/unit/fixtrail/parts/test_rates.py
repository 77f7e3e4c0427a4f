"""The four methods on random series: each is what a loop over one series gives, and what statsforecast gives."""

import json
import math
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from fixtrail.parts.rates import mean, tsb
from fixtrail.parts.smoothing import SeriesBlock, series_of, smooth
from fixtrail.parts.walk import adida, sums_of
from tests.paths import ROOT

# An interpreter that has statsforecast: `make test-forecast` makes one.
STATSFORECAST = os.environ.get("FIXTRAIL_TEST_STATSFORECAST")
DAYS, NUMBER = 120, 200


def random_series() -> np.ndarray:
    """Series asked for from daily to twice in all, the first day among them or not."""
    draw = np.random.default_rng(7)
    share = draw.uniform(0.01, 0.9, size=(NUMBER, 1))
    demand = np.where(draw.random((NUMBER, DAYS)) < share, draw.integers(1, 9, (NUMBER, DAYS)), 0).astype(np.float64)
    demand[np.arange(NUMBER), draw.integers(0, DAYS, NUMBER)] = 3
    return demand


DEMAND = random_series()
FROM_THE_START = np.zeros(NUMBER, dtype=np.int64)


def adida_of(demand: np.ndarray, first: np.ndarray, bucket: np.ndarray) -> np.ndarray:
    rates = np.zeros(len(demand))
    adida(list(sums_of(demand, first, bucket, np.arange(len(demand)))), rates)
    return rates


def ses_by_hand(values: list[float], constant: float) -> tuple[float, float]:
    """The next value, and the sum of squared errors."""
    level, errors = values[0], 0.0
    for value in values[1:]:
        errors += (value - level) ** 2
        level = constant * value + (1 - constant) * level
    return level, errors


def adida_by_hand(series: list[float], width: int) -> float:
    """With the constant that scipy's search by parabolas comes to."""
    number = len(series) // width
    cut = series[len(series) - number * width :]
    sums = [sum(cut[start : start + width]) for start in range(0, len(cut), width)]
    best = minimize_scalar(lambda constant: ses_by_hand(sums, constant)[1], bounds=(0.1, 0.3), method="bounded")
    return ses_by_hand(sums, best.x)[0] / width


def test_the_mean_is_over_the_window_or_over_the_history_where_that_is_shorter():
    first = np.full(NUMBER, 70)
    demand = np.where(np.arange(DAYS) < 70, 0, DEMAND)

    assert mean(demand, first, 90) == pytest.approx([sum(row[70:]) / 50 for row in demand.tolist()], abs=1e-12)
    assert mean(demand, first, 30) == pytest.approx([sum(row[90:]) / 30 for row in demand.tolist()], abs=1e-12)


def test_tsb_is_what_a_loop_over_one_series_gives():
    for row, (rate, earlier) in zip(
        DEMAND.tolist(), zip(*tsb(DEMAND, FROM_THE_START, [DAYS, 60]), strict=True), strict=True
    ):
        by_end = {}
        for end in (DAYS, 60):
            sizes = [value for value in row[:end] if value]
            chance, _ = ses_by_hand([float(value > 0) for value in row[:end]], 0.1)
            by_end[end] = chance * ses_by_hand(sizes, 0.1)[0] if sizes else 0.0
        assert (rate, earlier) == pytest.approx((by_end[DAYS], by_end[60]), abs=1e-9)


def test_tsb_begins_with_the_history_of_the_part():
    """Days before a center or part was there say nothing of how often it is asked for."""
    late = np.hstack([np.zeros((NUMBER, 30)), DEMAND])

    (rate,) = tsb(late, np.full(NUMBER, 30), [DAYS + 30])

    assert rate == pytest.approx(tsb(DEMAND, FROM_THE_START, [DAYS])[0], abs=1e-12)


def test_adida_is_what_a_loop_over_one_series_gives():
    bucket = np.array([math.ceil(DAYS / np.count_nonzero(row)) for row in DEMAND])

    expected = [adida_by_hand(row, int(width)) for row, width in zip(DEMAND.tolist(), bucket, strict=True)]

    assert adida_of(DEMAND, FROM_THE_START, bucket) == pytest.approx(expected, abs=1e-3)


def test_adida_of_histories_of_unequal_length_is_that_of_each_alone():
    first, bucket = np.arange(NUMBER) % 50, 1 + np.arange(NUMBER) % 7
    together = adida_of(np.where(np.arange(DAYS) < first[:, None], 0, DEMAND), first, bucket)

    alone = [adida_of(DEMAND[n : n + 1, first[n] :], np.array([0]), bucket[n : n + 1])[0] for n in range(NUMBER)]

    assert together == pytest.approx(alone, abs=1e-9)


@pytest.mark.skipif(STATSFORECAST is None, reason="no FIXTRAIL_TEST_STATSFORECAST; `make test-forecast` sets it")
def test_statsforecast_gives_the_same_to_nine_places(tmp_path: Path):
    file = tmp_path / "series.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in DEMAND.tolist()))
    command = [str(STATSFORECAST), str(ROOT / "tools" / "statsforecast_rates.py"), str(file)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    theirs = [json.loads(line) for line in answer.stdout.splitlines()]
    # Their bucket is the mean time between requests, the days before the first one included, rounded.
    bucket = np.array([round((np.flatnonzero(row)[-1] + 1) / np.count_nonzero(row)) for row in DEMAND])
    series = series_of([SeriesBlock(np.arange(NUMBER), DEMAND, np.full(NUMBER, DAYS))])
    ours = np.empty(NUMBER)
    ours[series.rows] = smooth(series, np.full(NUMBER, 0.2))

    assert ours == pytest.approx([row["ses"] for row in theirs], abs=1e-9)
    assert tsb(DEMAND, FROM_THE_START, [DAYS])[0] == pytest.approx([row["tsb"] for row in theirs], abs=1e-9)
    apart = np.abs(adida_of(DEMAND, FROM_THE_START, bucket) - [row["adida"] for row in theirs])
    # Where the least squares lie is determined to half of a number's digits only: the sum is flat there.
    assert np.count_nonzero(apart > 1e-9) <= 0.03 * NUMBER and apart.max() < 2e-8
