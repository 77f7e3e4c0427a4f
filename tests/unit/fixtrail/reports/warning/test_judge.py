"""Who is named: false alarms where nothing has changed, how soon a threefold rate is seen, a new start."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from fixtrail.reports.warning.cells import CellWeeks, WarningCase, WarningCell, weeks_between
from fixtrail.reports.warning.judge import discoveries, judge
from fixtrail.reports.warning.limits import WINDOW_WEEKS, Class, class_numbers, limits_of, sights
from fixtrail.reports.warning.states import order_rows, states_of, week_rows

WEEKS = weeks_between(date(2024, 1, 1), date(2024, 1, 1) + timedelta(weeks=111))
WAVE_FROM = 96


def world(seed: int, factor: float = 1.0, centers: int = 0, cells: int = 60, mean: float = 1.0) -> CellWeeks:
    """Cells that are alike; of the first one `factor` times as many cases from WAVE_FROM on.

    The orders of the cases are only there where they have `centers`.
    """
    random = np.random.default_rng(seed)
    rates = np.full((cells, len(WEEKS)), mean)
    rates[0, WAVE_FROM:] *= factor
    cases = random.poisson(rates).astype(float)
    names = tuple(WarningCell("batch", f"B{number:03}", "battery") for number in range(cells))
    orders = tuple(tuple(_orders(row, number, centers)) if centers else () for number, row in enumerate(cases))
    exposure = np.full(cases.shape, 500.0)
    return CellWeeks(WEEKS, names, cases, exposure, np.zeros(cases.shape, dtype=bool), orders)


def _orders(row: np.ndarray, cell: int, centers: int):
    for week, count in enumerate(row):
        day = WEEKS[week]
        for number in range(int(count)):
            name = f"{cell}-{week}-{number}"
            at = datetime(day.year, day.month, day.day, tzinfo=UTC)
            score = 3 if week >= WAVE_FROM else 9
            yield week, WarningCase(name, f"C{number % centers}", f"V{name}", at, day, ("battery",), score=score)


def test_where_nothing_has_changed_a_report_in_ten_names_something_at_most():
    """Of 200 worlds the reports of each of the last four months, with 1.2 times what is stated."""
    ends = [len(WEEKS) - 1 - WINDOW_WEEKS * number for number in range(4)]

    reports = np.array([judge(world(seed)).is_named[:, ends].any(axis=0) for seed in range(200)])

    assert reports.mean() <= 1.2 * 0.10


def test_a_threefold_rate_at_one_case_a_week_is_seen_within_eight_weeks():
    soon = slice(WAVE_FROM, WAVE_FROM + 8)

    judgements = [judge(world(1000 + seed, factor=3.0)) for seed in range(200)]

    assert np.mean([(judged.is_above | judged.is_named)[0, soon].any() for judged in judgements]) >= 0.80
    assert np.mean([judged.is_named[0, soon].any() for judged in judgements]) >= 0.60


def test_a_cell_s_own_limit_is_reached_in_one_year_of_fifty():
    years = np.concatenate([judge(world(3000 + seed)).is_above.any(axis=1) for seed in range(40)])

    assert years.mean() == pytest.approx(0.02, abs=0.008)


def test_the_procedure_is_that_of_benjamini_and_hochberg():
    p = np.array([0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216])[:, None]

    # Their own example (1995, section 3): at 5 % two are named.
    assert np.flatnonzero(discoveries(p, np.ones_like(p, dtype=bool), 0.05)[:, 0]).tolist() == [0, 1]
    is_watched = np.ones_like(p, dtype=bool)
    is_watched[0] = False
    assert not discoveries(p, is_watched, 0.05)[0, 0]


def test_after_a_reset_the_sum_begins_from_nothing_and_a_fault_that_goes_on_comes_back():
    cells = world(5, factor=5.0, centers=3)
    before = judge(cells)
    assert before.is_named[0, WAVE_FROM + 6 :].all()
    cells.is_reset[0, WAVE_FROM + 8] = True

    after = judge(cells)

    assert after.sums[0, WAVE_FROM + 8] < 5 < before.sums[0, WAVE_FROM + 8]
    assert after.largest[0, WAVE_FROM + 8] == after.sums[0, WAVE_FROM + 8]
    assert after.is_named[0, -1]
    assert np.array_equal(after.is_named[0, : WAVE_FROM + 8], before.is_named[0, : WAVE_FROM + 8])


def test_a_state_tells_since_when_how_many_and_what_was_expected():
    cells = world(5, factor=5.0, centers=3)
    judgement = judge(cells)

    (state, *_) = states_of(cells, judgement, WINDOW_WEEKS)

    assert (state.cell, state.state) == (cells.cells[0], "alarm")
    assert WEEKS[WAVE_FROM - 6] <= state.since <= state.first <= WEEKS[WAVE_FROM + 5]
    rise = WEEKS.index(state.since)
    assert len(state.orders) == cells.cases[0, rise:].sum() == state.vehicles
    assert state.expected == pytest.approx(judgement.expected[0, rise:].sum())
    assert state.centers == 3
    rows = list(week_rows(cells, judgement, (state,)))
    assert [row["week"] for row in rows] == list(WEEKS[rise - 8 :])
    assert len(list(order_rows((state,)))) == len(state.orders)


def test_cases_of_one_center_alone_are_to_be_watched_and_no_alarm():
    cells = world(5, factor=5.0, centers=1)

    (state, *_) = states_of(cells, judge(cells), WINDOW_WEEKS)

    assert (state.state, state.centers, state.is_alarm) == ("watch", 1, False)


def test_what_somebody_takes_care_of_says_so_and_what_fell_again_is_over():
    cells = world(5, factor=5.0, centers=3)
    judgement = judge(cells)
    subject = cells.cells[0].subject

    (state, *_) = states_of(cells, judgement, WINDOW_WEEKS, {subject: [WEEKS[-1] + timedelta(weeks=1)]})
    assert (state.state, state.is_alarm) == ("acknowledged", True)

    cells.is_reset[0, -1] = True
    (state, *_) = states_of(cells, judge(cells), WINDOW_WEEKS, {subject: [WEEKS[-1]]})
    assert (state.state, state.last) == ("acknowledged", WEEKS[-2])
    (state, *_) = states_of(cells, judge(cells), WINDOW_WEEKS)
    assert state.state == "over"


def test_the_limits_are_those_of_the_design_and_the_same_each_time():
    """h for false alarms in 5 and 1 % of years, by expected cases a week, and the median weeks of a threefold rate."""
    table = {(sight.expected, sight.p): (sight.limit, sight.weeks) for sight in sights()}

    design = {
        (0.05, 0.05): (2.2, 30), (0.05, 0.01): (3.1, 46), (0.2, 0.05): (3.4, 13), (0.2, 0.01): (4.7, 19),
        (1.0, 0.05): (4.7, 4), (1.0, 0.01): (6.3, 6), (5.0, 0.05): (5.3, 1), (5.0, 0.01): (6.7, 2),
    }  # fmt: skip
    for key, (limit, weeks) in design.items():
        assert table[key][0] == pytest.approx(limit, abs=0.2)
        assert abs((table[key][1] or 99) - weeks) <= 0.2 * weeks + 1
    assert table[0.05, 0.001][1] is None
    assert sights() is sights()


def test_p_values_fall_with_the_sum_and_go_on_beyond_what_was_simulated():
    number = class_numbers(np.array([1.0]), np.array([1e4]), np.array([52.0]), np.array([1.0]))[0]
    limits = limits_of(Class(*map(int, number)))

    p = limits.p_value(np.linspace(0, 20, 80))

    assert p[0] == 1.0
    assert (np.diff(p) <= 1e-12).all() and 0 < p[-1] < 1e-6
    # A sum that only one year in a hundred reaches is reached in about one month of a thousand.
    assert 0.0003 < limits.p_value(np.array([limits.limit(0.01)]))[0] < 0.003


def test_a_young_past_asks_for_more_than_a_long_one():
    means, shapes, dispersions = np.full(2, 1.0), np.full(2, 5.0), np.ones(2)
    young, old = class_numbers(means, shapes, np.array([3.0, 52.0]), dispersions)

    assert limits_of(Class(*map(int, young))).limit(0.01) > 1.2 * limits_of(Class(*map(int, old))).limit(0.01)
