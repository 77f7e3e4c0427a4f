"""One open order's estimate at an instant: an interval for its ready time, or why there is none. Pure."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from fixtrail.estimates.cells import Cell, CellKey, EstimateTable, bucket_of
from fixtrail.estimates.clock import OpeningClock
from fixtrail.estimates.visits import DecisionPoint, EstimatedVisit
from schemas.times import HOUR_MS, MINUTE_MS

STEP_MS = 5 * MINUTE_MS
WIDEST_MS = 4 * HOUR_MS
QUICK_LANE_MS = 15 * MINUTE_MS
SILENT_MS = 2 * HOUR_MS

# ready: it is, or is closed. record: estimates were not good enough lately. few: too few visits to compare with.
# quick: its 15 minutes are over. long: it has lasted longer than almost all others. wide: more than 4 h of opening
# time. silent: no news for 2 h of opening time. part: a part comes after the interval.
NoEstimateReason = Literal["ready", "record", "few", "quick", "long", "wide", "silent", "part"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Ready between `low` and `high`, right 8 times in 10; half of the visits by `middle` (ms).

    `late_probability`: that the promise will be broken, None without one. `point_at`: the decision point it goes by.
    """

    low: int
    middle: int
    high: int
    late_probability: float | None
    point_at: int
    as_of: int


class OrderToEstimate(NamedTuple):
    """What an estimate goes by: the visit, when it was last heard of, and when its last open part is expected."""

    visit: EstimatedVisit
    last_event_at: int
    part_expected_at: int | None = None


class _Limits(NamedTuple):
    """Limits and middle in opening time."""

    low: float
    middle: float
    high: float


class _Situation(NamedTuple):
    """A point in opening time: where it lies, how much was left to its promise, how much has passed since (ms)."""

    begins: int
    left: int | None
    passed: int

    @property
    def target(self) -> int:
        """The instant that errors are measured from."""
        return self.begins + (self.left or 0)

    @property
    def after(self) -> int | None:
        """The error that the visit has come to since its point."""
        return self.passed - (self.left or 0) if self.passed > 0 else None


def estimate(
    order: OrderToEstimate, table: EstimateTable, clock: OpeningClock, now: int, changed_at: int | None = None
) -> Estimate | NoEstimateReason:
    """The estimate of an order at `now` (ms), or why none is shown. `changed_at`: its center's change-over."""
    visit = order.visit
    point = next((point for point in reversed(visit.points) if point.at <= now), None)
    if point is None or visit.ready_at is not None or visit.ended_at is not None:
        return "ready"
    record, position = table.record(visit.center_id), clock.position(now)
    if record is None or not record.is_good:
        return "record"
    if visit.lane == "quick" and now - visit.points[0].at > QUICK_LANE_MS:
        return "quick"
    if position - clock.position(order.last_event_at) > SILENT_MS:
        return "silent"
    situation = _situation(point, clock, position)
    wave = None if changed_at is None else int(point.at >= changed_at)
    cell = table.cell(CellKey(wave, point.activity, visit.lane, bucket_of(situation.left)))
    if cell is None:
        return "few"
    limits = _limits(cell, situation, record.correction)
    if isinstance(limits, str):
        return limits
    low, high = _rounded(limits, clock, now)
    if order.part_expected_at is not None and order.part_expected_at > high:
        return "part"
    middle = min(max(clock.instant(round(limits.middle)), low), high)
    return Estimate(low, middle, high, _late_probability(cell, situation), point.at, table.as_of)


def _situation(point: DecisionPoint, clock: OpeningClock, position: int) -> _Situation:
    begins = clock.position(point.at)
    left = None if point.promised_at is None else clock.position(point.promised_at) - begins
    return _Situation(begins, left, position - begins)


def _limits(cell: Cell, situation: _Situation, correction: float) -> _Limits | Literal["long", "wide"]:
    errors = cell.quantiles(situation.after)
    if errors is None:
        return "long"
    low, middle, high = (situation.target + error for error in errors)
    # A correction inward never passes the middle, and nothing is ready in the past.
    limits = _Limits(
        max(min(low - correction, middle), situation.begins + situation.passed), middle, max(high + correction, middle)
    )
    return "wide" if limits.high - limits.low > WIDEST_MS else limits


def _rounded(limits: _Limits, clock: OpeningClock, now: int) -> tuple[int, int]:
    """The limits as instants, outward to 5 minutes and not before the next such mark."""
    next_mark = -(-now // STEP_MS) * STEP_MS
    low = max(clock.instant(round(limits.low)) // STEP_MS * STEP_MS, next_mark)
    high = -(-clock.instant(round(limits.high)) // STEP_MS) * STEP_MS
    return low, max(high, low + STEP_MS)


def _late_probability(cell: Cell, situation: _Situation) -> float | None:
    """The probability that the promise will be broken; None without one."""
    if situation.left is None:
        return None
    after = situation.after
    if after is None:
        return 1.0 - cell.share_until(0.0)
    return 1.0 if after >= 0 else (1.0 - cell.share_until(0.0)) / (1.0 - cell.share_until(after))


class ArrivalEstimate(NamedTuple):
    """For a car that has just arrived: opening time until it is ready (ms), by the `n` visits like it."""

    low: float
    middle: float
    high: float
    n: int


def at_arrival(table: EstimateTable, lane: str, fault_group: str | None = None) -> ArrivalEstimate | None:
    """What visits like this one took from their check-in on; None where there are too few.

    Where few had this fault, all of the lane are compared with.
    """
    cell = table.arrivals.get((lane, fault_group)) or table.arrivals.get((lane, None))
    errors = None if cell is None else cell.quantiles()
    return None if cell is None or errors is None else ArrivalEstimate(*errors, cell.n)
