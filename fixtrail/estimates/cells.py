"""The table of past errors: how far ready times lay from the promise, by what was going on. Pure.

A cell holds the visits that were once in the same situation. An error is the opening time from a point to ready, less
that from the point to the promise; where there is no promise, the time to ready itself. All in milliseconds.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.times import MINUTE_MS

LEAST = 30
# Limits of the time left to the promise.
BUCKETS_MS = tuple(minutes * MINUTE_MS for minutes in (-30, 0, 15, 30, 60, 90, 150))
NO_PROMISE = len(BUCKETS_MS) + 1
# Of a visit that has lasted longer than almost all others nothing can be said.
_LEAST_BEYOND = 5
_ROUNDING = 1e-9


class CellKey(NamedTuple):
    """A situation: before or after the center's change-over, activity, lane, and bucket of the time left.

    None is any; -1 as bucket is any promise.
    """

    wave: int | None
    activity: str
    lane: str | None
    bucket: int


def bucket_of(left: int | None) -> int:
    """The bucket of the time left to the promise (ms of opening time)."""
    return NO_PROMISE if left is None else bisect_right(BUCKETS_MS, left)


def backed_off(key: CellKey) -> Iterator[CellKey]:
    """The cells to try in order, from narrow to wide, until one has enough visits."""
    wave, activity, lane, bucket = key
    wider = bucket if bucket == NO_PROMISE else -1
    yield key
    yield CellKey(wave, activity, lane, wider)
    yield CellKey(None, activity, lane, wider)
    yield CellKey(None, activity, None, wider)


@dataclass(frozen=True, slots=True)
class Cell:
    """Errors of visits that became ready, ascending, and the share of all visits that came no later than each.

    The shares are Kaplan and Meier's (1958): a visit that is not ready counts for as long as it has lasted.
    `n` counts all visits of the cell.
    """

    n: int
    errors: Sequence[float]
    shares: Sequence[float]

    def share_until(self, error: float) -> float:
        """The share of visits with this error or a smaller one."""
        index = bisect_right(self.errors, error)
        return self.shares[index - 1] if index else 0.0

    def quantiles(self, after: float | None = None) -> tuple[float, float, float] | None:
        """The errors below which 10, 50 and 90 % lie, of those visits whose error is above `after`.

        None where too few are left, or too few of them ever became ready.
        """
        passed = 0.0
        if after is not None:
            index = bisect_right(self.errors, after)
            if len(self.errors) - index < _LEAST_BEYOND:
                return None
            passed = self.shares[index - 1] if index else 0.0
        indices = [bisect_left(self.shares, passed + p * (1.0 - passed) - _ROUNDING) for p in (0.1, 0.5, 0.9)]
        if indices[-1] >= len(self.errors):
            return None
        low, middle, high = (self.errors[index] for index in indices)
        return low, middle, high


@dataclass(frozen=True, slots=True)
class CenterRecord:
    """How good the estimates of the last 28 days were: of one center, or of all (`center_id` is empty).

    `n` points of `orders`. Errors are means of absolute ones in ms of opening time; `constant` is that of the best
    constant in hindsight, `promise_mae` is None without promises. `correction` moves both limits outward.
    """

    center_id: str
    n: int
    orders: int
    inside: float
    mae: float
    estimate_mae: float
    promise_mae: float | None
    constant_mae: float
    correction: float

    @property
    def is_good(self) -> bool:
        """Whether an estimate may be shown: 70 to 90 % inside, and nearer than promise and constant."""
        beats_promise = self.promise_mae is None or self.estimate_mae < self.promise_mae
        return 0.7 <= self.inside <= 0.9 and beats_promise and self.mae < self.constant_mae


@dataclass(frozen=True, slots=True)
class EstimateTable:
    """All cells as of an instant, and the record that says at which centers they may be used.

    `arrivals` holds times from check-in to ready by lane and fault group, None being any.
    """

    as_of: int
    cells: Mapping[CellKey, Cell] = field(default_factory=dict)
    records: Mapping[str, CenterRecord] = field(default_factory=dict)
    arrivals: Mapping[tuple[str, str | None], Cell] = field(default_factory=dict)

    def cell(self, key: CellKey) -> Cell | None:
        """The narrowest cell with enough visits."""
        for candidate in backed_off(key):
            cell = self.cells.get(candidate)
            if cell is not None and cell.n >= LEAST:
                return cell
        return None

    def record(self, center_id: str) -> CenterRecord | None:
        """The center's own record, else that of all centers."""
        return self.records.get(center_id) or self.records.get("")
