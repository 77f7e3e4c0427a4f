"""A change taken apart: the pieces add up to it, a planted cause comes first, and chance alone names nothing."""

from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from fixtrail.reports.change.decompose import CELL, DIMENSIONS, FigureChange, change_of, pieces_of
from fixtrail.reports.report import Interval

CELLS = list(product([f"C{number}" for number in range(8)], ["quick", "standard"], ["brakes", "tyres", "brakes+tyres"]))
NAMES = pd.DataFrame(CELLS, columns=list(CELL))
LIKELY = np.array([0.3 if lane == "quick" else 0.7 for _, lane, _ in CELLS]) / 24
MIN = 60.0
USUAL = np.array([20 * MIN + 3 * MIN * int(name[1:]) + 15 * MIN * (lane != "quick") for name, lane, _ in CELLS])


class Orders(NamedTuple):
    """Each order's cell, its wait, and how often it counts."""

    cell: np.ndarray
    x: np.ndarray
    d: np.ndarray


def orders(rng: np.random.Generator, n: int, slow: str | None = None) -> Orders:
    """Orders with their wait: centers, lanes and groups differ; at center `slow` all wait 25 minutes longer."""
    cell = np.searchsorted(np.cumsum(LIKELY), rng.random(n))
    delay = 25 * MIN * (NAMES["center_id"] == slow).to_numpy()
    return Orders(cell, (USUAL[cell] * rng.gamma(2, 0.5, n)) + delay[cell], np.ones(n))


def summed(drawn: Orders) -> pd.DataFrame:
    """The same as change.sql answers it."""
    cell, x, d = drawn
    sums = {"orders": np.ones(len(x)), "x": x, "d": d, "xx": x * x, "xd": x * d, "dd": d * d}
    cells = NAMES.assign(**{name: np.bincount(cell, values, len(CELLS)) for name, values in sums.items()})
    return cells[cells["orders"] > 0]


@pytest.mark.parametrize("seed", range(20))
def test_the_pieces_of_each_dimension_add_up_to_the_change(seed: int):
    rng = np.random.default_rng(seed)
    before, after = orders(rng, 80), orders(rng, 120, "C1")
    # Some orders have several parts of a request, and some none; centers come and go.
    stays = (NAMES["center_id"] != "C2").to_numpy()[after.cell]
    after = Orders(after.cell[stays], after.x[stays], rng.integers(0, 4, stays.sum()).astype(float))
    change = change_of(summed(before), summed(after))

    pieces = pieces_of(summed(before), summed(after))

    assert change.value == pytest.approx(after.x.sum() / after.d.sum() - before.x.mean(), abs=1e-9)
    for dimension in DIMENSIONS:
        total = sum(piece.total for piece in pieces if piece.dimension == dimension)
        assert total == pytest.approx(change.value, abs=1e-9)


def test_a_change_of_mix_alone_is_no_change_of_any_rate():
    before = Orders(np.repeat([0, 6], 4), np.repeat([10.0, 50.0], 4), np.ones(8))
    after = Orders(*(column[2:] for column in before))

    pieces = pieces_of(summed(before), summed(after))

    assert all(piece.rate == pytest.approx(0, abs=1e-12) for piece in pieces)
    assert sum(piece.mix for piece in pieces if piece.dimension == "center") == pytest.approx(220 / 6 - 30)


def test_a_planted_change_at_one_center_is_ranked_first():
    first = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        pieces = pieces_of(summed(orders(rng, 1_500)), summed(orders(rng, 1_500, "C5")))
        piece = next(piece for piece in pieces if piece.dimension == "center")
        first += piece.key == "C5" and piece.is_named and piece.rate > 0

    assert first >= 180


def test_shuffled_periods_name_nothing():
    silent = 0
    for seed in range(200):
        rng = np.random.default_rng(10_000 + seed)
        pieces = pieces_of(summed(orders(rng, 700)), summed(orders(rng, 700)))
        silent += not any(piece.is_named for piece in pieces)

    assert silent >= 190


def test_intervals_of_pieces_hold_what_they_are_about():
    """Drawn 200 times from the same two worlds, the intervals hold the long-run piece in about 95 % of cases."""
    rng = np.random.default_rng(3)
    large = pieces_of(summed(orders(rng, 100_000)), summed(orders(rng, 100_000, "C5")))
    truth = next(piece.total for piece in large if piece.key == "C5")
    covered = 0
    for _ in range(200):
        pieces = pieces_of(summed(orders(rng, 800)), summed(orders(rng, 800, "C5")))
        interval = next(piece.interval for piece in pieces if piece.key == "C5")
        covered += interval.low <= truth <= interval.high

    assert 0.90 <= covered / 200 <= 0.99


@pytest.mark.parametrize(
    ("interval", "better", "verdict"),
    [
        (Interval(1.0, 3.0), "higher", "better"), (Interval(1.0, 3.0), "lower", "worse"),
        (Interval(-1.0, 3.0), "higher", "not_distinguishable"), (Interval(-3.0, -1.0), "lower", "better"),
        (Interval(0.0, 3.0), "higher", "not_distinguishable"), (Interval(None, None), "higher", "not_distinguishable"),
    ],
)  # fmt: skip
def test_a_change_is_never_better_where_its_interval_holds_0(interval, better, verdict):
    assert FigureChange(10.0, 12.0, 2.0, interval, 5, 5).verdict(better) == verdict


def test_a_period_without_orders_has_no_pieces():
    before = summed(orders(np.random.default_rng(1), 50))

    assert pieces_of(before, before.iloc[:0]) == []
    assert change_of(before, before.iloc[:0]).value is None
