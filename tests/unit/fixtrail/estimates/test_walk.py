"""The walk over past days: nothing of the future reaches an estimate, and another computation comes to the same."""

from datetime import UTC, datetime
from statistics import quantiles

import numpy as np
import pytest

from fixtrail.estimates.cells import bucket_of
from fixtrail.estimates.clock import OpeningClocks
from fixtrail.estimates.estimate import OrderToEstimate, estimate
from fixtrail.estimates.learn import WalkForward, points_of, walk_forward
from fixtrail.estimates.visits import EstimatedVisit, visit_of
from fixtrail.simulator.run import simulate
from fixtrail.simulator.scenario import load_scenario
from schemas.decode import decode_event
from schemas.events import Event
from schemas.times import DAY_MS, HOUR_MS, from_ms, to_ms
from streams.journey.batch import journey_facts

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 16
CLOCKS = OpeningClocks({})
UNTIL = to_ms(START) + DAYS * DAY_MS


def decoded(days: int) -> list[Event]:
    import orjson

    scenario = load_scenario("owners-story")
    events = []
    for _, event in simulate(scenario, 5, days, 3, START):
        try:
            events.append(decode_event(orjson.dumps(event)))
        except ValueError:
            continue  # the scenario sends some junk on purpose
    return events


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return decoded(DAYS)


def visits_of(events: list[Event]) -> list[EstimatedVisit]:
    return [visit for fact in journey_facts(events) if (visit := visit_of(fact)) is not None]


@pytest.fixture(scope="module")
def walk(events: list[Event]) -> WalkForward:
    return walk_forward(points_of(visits_of(events), CLOCKS), UNTIL, CLOCKS)


def estimated(walk: WalkForward, until: int) -> list[tuple[int, str, str, float, float, float, float]]:
    """Every estimate of a point before an instant, by what it is of."""
    points = walk.points
    rows = [
        (int(at), points.center_ids[center], str(key), *map(float, numbers))
        for at, center, key, *numbers in zip(
            points.at, points.center, points.keys, walk.low, walk.middle, walk.high, walk.correction, strict=True
        )
        if at < until
    ]
    return sorted(rows, key=str)


@pytest.mark.parametrize("hours_before_the_end", [2, 77])
def test_an_estimate_is_the_same_when_all_that_came_later_is_taken_away(
    events: list[Event], walk: WalkForward, hours_before_the_end: int
):
    until = UNTIL - hours_before_the_end * HOUR_MS

    earlier = visits_of([event for event in events if event.occurred_at <= from_ms(until)])
    midnight = until // DAY_MS * DAY_MS + DAY_MS
    early_walk = walk_forward(points_of(earlier, CLOCKS), midnight, CLOCKS)

    assert str(estimated(early_walk, until)) == str(estimated(walk, until))
    assert np.count_nonzero(~np.isnan(early_walk.correction)) > 500


def test_of_an_open_order_the_same_is_shown_as_the_past_knew_it(events: list[Event], walk: WalkForward):
    """An order's estimate in the middle of its visit is that of the fact at the time, whatever happened afterwards."""
    table, visits = walk.table, {(visit.center_id, visit.order_id): visit for visit in visits_of(events)}
    n_shown = 0
    for hours in (15, 20, 38):
        now = UNTIL - hours * HOUR_MS
        for visit in visits_of([event for event in events if event.occurred_at <= from_ms(now)]):
            if visit.ready_at is None and visit.ended_at is None and visit.points:
                later = visits[visit.center_id, visit.order_id].as_of(now)
                clock = CLOCKS.of(visit.center_id)
                answers = [
                    estimate(OrderToEstimate(past_visit, now), table, clock, now) for past_visit in (visit, later)
                ]
                assert answers[0] == answers[1]
                n_shown += not isinstance(answers[0], str)
    assert n_shown >= 3


def test_another_computation_comes_to_the_same_quantiles(events: list[Event], walk: WalkForward):
    """By hand, from plain lists: the errors of all that began within the window in one situation."""
    day, errors = UNTIL - 2 * DAY_MS, []
    for visit in visits_of(events):
        for point in visit.points:
            is_of_cell = (point.activity, visit.lane) == ("repair", "standard") and point.promised_at is not None
            if is_of_cell and point.at < day and bucket_of(point.promised_at - point.at) == 4:
                assert visit.ready_at is not None and visit.ready_at < day
                errors.append(visit.ready_at - point.promised_at)
    rows = [
        row
        for row, key in enumerate(walk.points.keys)
        if (key.activity, key.lane, key.bucket) == ("repair", "standard", 4)
        and day <= walk.points.at[row] < day + DAY_MS
    ]

    assert len(errors) >= 30 and rows
    expected = sorted(errors)[-(-len(errors) // 2) - 1]
    for row in rows:
        assert walk.middle[row] - walk.points.left[row] == pytest.approx(expected)
        assert walk.low[row] <= walk.middle[row] <= walk.high[row]
    assert min(errors) <= quantiles(errors, n=10)[0] <= expected


def test_eight_in_ten_become_ready_within_what_was_said(walk: WalkForward):
    rows = walk.is_estimated(0, UNTIL)

    assert rows.sum() > 1000
    assert 0.74 <= walk.inside[rows].mean() <= 0.86


def test_the_record_says_how_good_it_was(walk: WalkForward):
    record = walk.table.records[""]

    assert record.is_good
    assert record.promise_mae is not None and record.estimate_mae < record.promise_mae
    assert record.orders > 200


def test_of_few_visits_there_is_no_record():
    empty = walk_forward(points_of([], CLOCKS), UNTIL, CLOCKS)

    assert not empty.table.cells
    assert empty.table.record("east-01") is None
