"""Learns the table of errors from past visits, day by day, and keeps the record of what it would have shown. Pure.

Every figure of a day is made of what was known when that day (UTC) began: the points of the `window_days` before it,
which visits were ready by then, and for how long the others had lasted.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fixtrail.estimates.cells import LEAST, Cell, CellKey, CenterRecord, EstimateTable, backed_off, bucket_of
from fixtrail.estimates.clock import OpeningClocks
from fixtrail.estimates.visits import EstimatedVisit
from schemas.times import DAY_MS, MINUTE_MS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WINDOW_DAYS, LONG_WINDOW_DAYS = 28, 90
SHARE_INSIDE = 0.8
STEP_MS = 5 * MINUTE_MS
LEAST_OF_CENTER = 50
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Points:
    """The decision points of many visits, by time. `position`, `left` and `ready_position` are opening time (ms).

    `left` is NaN without a promise; `ready_at` and `ended_at` are far ahead while they are unknown.
    """

    at: Ints
    position: Floats
    left: Floats
    ready_at: Ints
    ready_position: Floats
    ended_at: Ints
    ended_position: Floats
    center: Ints
    visit: Ints
    keys: tuple[CellKey, ...]
    center_ids: tuple[str, ...]

    @property
    def time_to_ready(self) -> Floats:
        return self.ready_position - self.position

    @property
    def promised(self) -> Floats:
        """The time left to the promise, 0 without one."""
        return np.nan_to_num(self.left, nan=0.0)


def points_of(
    visits: Iterable[EstimatedVisit], clocks: OpeningClocks, changed_at: Mapping[str, int] | None = None
) -> Points:
    """The points of the visits. `changed_at`: when a center changed over to the new way of working (ms)."""
    rows, keys, centers = [], [], dict[str, int]()
    for number, visit in enumerate(visits):
        center = centers.setdefault(visit.center_id, len(centers))
        for row, key in _rows(visit, clocks, (changed_at or {}).get(visit.center_id)):
            rows.append((*row, center, number))
            keys.append(key)
    columns = np.array(rows, dtype=np.float64).reshape(-1, 9)
    order = np.argsort(columns[:, 0], kind="stable")
    at, position, left, ready_at, ready, ended_at, ended, center_numbers, numbers = columns[order].T
    return Points(
        *(at.astype(np.int64), position, left, _instants(ready_at), ready, _instants(ended_at), ended),
        *(center_numbers.astype(np.int64), numbers.astype(np.int64)),
        tuple(keys[index] for index in order),
        tuple(centers),
    )


def _rows(
    visit: EstimatedVisit, clocks: OpeningClocks, changed_at: int | None
) -> Iterator[tuple[tuple[float, ...], CellKey]]:
    clock = clocks.of(visit.center_id)
    ends = [np.nan if at is None else at for at in (visit.ready_at, visit.ended_at)]
    end_positions = [np.nan if at is None else clock.position(at) for at in (visit.ready_at, visit.ended_at)]
    for point in visit.points:
        position = clock.position(point.at)
        left = None if point.promised_at is None else clock.position(point.promised_at) - position
        wave = None if changed_at is None else int(point.at >= changed_at)
        key = CellKey(wave, point.activity, visit.lane, bucket_of(left))
        first, last = zip(ends, end_positions, strict=True)
        yield (point.at, position, np.nan if left is None else left, *first, *last), key


def _instants(at: Floats) -> Ints:
    return np.array([_NEVER if np.isnan(value) else int(value) for value in at], dtype=np.int64)


def cells_at(points: Points, as_of: int, clocks: OpeningClocks, window_days: int = WINDOW_DAYS) -> dict[CellKey, Cell]:
    """The cells as of an instant, of the points in the window before it."""
    chosen = np.flatnonzero((points.at >= as_of - window_days * DAY_MS) & (points.at < as_of))
    now = np.array([clocks.of(center_id).position(as_of) for center_id in points.center_ids], dtype=np.float64)
    is_ready = points.ready_at[chosen] <= as_of
    ended = np.where(points.ended_at[chosen] <= as_of, points.ended_position[chosen], now[points.center[chosen]])
    until = np.where(is_ready, points.ready_position[chosen], ended)
    errors = until - points.position[chosen] - points.promised[chosen]
    return _cells([points.keys[index] for index in chosen], errors, is_ready)


def _cells(keys: list[CellKey], errors: Floats, is_ready: npt.NDArray[np.bool_]) -> dict[CellKey, Cell]:
    cells: dict[CellKey, Cell] = {}
    order = np.lexsort((~is_ready, errors))
    groups: dict[CellKey, list[int]] = {}
    candidates = {key: dict.fromkeys(backed_off(key)) for key in set(keys)}
    for index in order.tolist():
        for key in candidates[keys[index]]:
            groups.setdefault(key, []).append(index)
    for key, members in groups.items():
        if len(members) >= LEAST:
            cells[key] = kaplan_meier(errors[members], is_ready[members])
    return cells


def kaplan_meier(errors: Floats, is_ready: npt.NDArray[np.bool_]) -> Cell:
    """The cell of visits sorted by error; those not ready have at least the error that they have come to."""
    n = len(errors)
    at_risk = n - np.arange(n)
    shares = 1.0 - np.cumprod(np.where(is_ready, (at_risk - 1) / at_risk, 1.0))
    return Cell(n, errors[is_ready].tolist(), shares[is_ready].tolist())


@dataclass(slots=True)
class WalkForward:
    """The estimates of every point as of the day it lies in, and what became of them.

    Limits and middle are opening time from the point on (ms), not corrected; NaN where no cell had enough visits, or
    too few of them ever became ready (`is_seldom_ready`).
    `score` is by how much both limits have to move outward for the shown interval to hold the ready time.
    `correction` is what was known of that when the day began.
    """

    points: Points
    low: Floats = field(init=False)
    middle: Floats = field(init=False)
    high: Floats = field(init=False)
    score: Floats = field(init=False)
    correction: Floats = field(init=False)
    is_seldom_ready: npt.NDArray[np.bool_] = field(init=False)
    table: EstimateTable = field(init=False)

    def __post_init__(self) -> None:
        for name in ("low", "middle", "high", "score", "correction"):
            setattr(self, name, np.full(len(self.points.at), np.nan))
        self.is_seldom_ready = np.zeros(len(self.points.at), np.bool_)

    @property
    def inside(self) -> npt.NDArray[np.bool_]:
        """Whether the corrected, rounded interval held the ready time. None begins before the next 5-minute mark."""
        next_mark = -(-self.points.at // STEP_MS) * STEP_MS
        return np.asarray((self.score <= self.correction) & (self.points.ready_at >= next_mark))

    def is_estimated(self, ready_since: int, ready_before: int) -> npt.NDArray[np.bool_]:
        """The points with a corrected estimate whose visits became ready in a stretch of time."""
        ready_at = self.points.ready_at
        return np.asarray((ready_at >= ready_since) & (ready_at < ready_before) & ~np.isnan(self.correction + self.low))


def walk_forward(
    points: Points, until: int, clocks: OpeningClocks, days: int | None = None, window_days: int = WINDOW_DAYS
) -> WalkForward:
    """The walk over the `days` before `until` (a midnight UTC, ms), all of them where none are named."""
    walk = WalkForward(points)
    first = int(points.at[0]) // DAY_MS * DAY_MS if len(points.at) else until
    if days is not None:
        first = max(first, until - days * DAY_MS)
    for day in range(first, until, DAY_MS):
        _estimate_day(walk, day, clocks, window_days)
    cells = cells_at(points, until, clocks, window_days)
    walk.table = EstimateTable(until, cells, _records(walk, until, window_days))
    return walk


def _estimate_day(walk: WalkForward, day: int, clocks: OpeningClocks, window_days: int) -> None:
    points = walk.points
    start, end = np.searchsorted(points.at, [day, day + DAY_MS])
    if start == end:
        return
    table = EstimateTable(day, cells_at(points, day, clocks, window_days))
    rows = np.arange(start, end)
    cells = {key: table.cell(key) for key in {points.keys[row] for row in rows}}
    by_key = {key: _quantiles(cell) for key, cell in cells.items()}
    errors = np.array([by_key[points.keys[row]] for row in rows], dtype=np.float64)
    walk.is_seldom_ready[rows] = [cells[points.keys[row]] is not None for row in rows] & np.isnan(errors[:, 0])
    promised = points.promised[rows]
    walk.low[rows], walk.middle[rows], walk.high[rows] = (np.maximum(promised + errors[:, i], 0.0) for i in range(3))
    walk.score[rows] = _scores(walk, rows)
    corrections = corrections_at(walk, day, window_days)
    overall = corrections.get("", np.nan)
    names = points.center_ids
    walk.correction[rows] = [corrections.get(names[points.center[row]], overall) for row in rows]


def _quantiles(cell: Cell | None) -> tuple[float, float, float]:
    return (None if cell is None else cell.quantiles()) or (np.nan, np.nan, np.nan)


def _scores(walk: WalkForward, rows: Ints) -> Floats:
    """By how much the limits must move outward, so that after rounding outward to 5 minutes ready lies within."""
    points = walk.points
    since_step_ms = (points.ready_at[rows] % STEP_MS).astype(np.float64)
    to_ready = points.time_to_ready[rows]
    too_late = walk.low[rows] - (to_ready - since_step_ms + STEP_MS - 1)
    too_early = (to_ready - since_step_ms - np.where(since_step_ms > 0, 0, STEP_MS) + 1) - walk.high[rows]
    score: Floats = np.maximum(too_late, too_early)
    return np.where(points.ready_at[rows] == _NEVER, np.nan, score)


def corrections_at(walk: WalkForward, as_of: int, window_days: int = WINDOW_DAYS) -> dict[str, float]:
    """How far limits move outward, by center with enough points and for all ("").

    Rolling split conformal: the 80 % quantile of what the visits that became ready in the window would have needed
    (score of Romano, Patterson and Candès 2019, here of the interval as shown).
    """
    points = walk.points
    since = as_of - window_days * DAY_MS
    chosen = np.flatnonzero((points.ready_at >= since) & (points.ready_at < as_of) & ~np.isnan(walk.score))
    scores, centers = walk.score[chosen], points.center[chosen]
    groups = {name: scores[centers == number] for number, name in enumerate(points.center_ids)}
    enough = {name: of_center for name, of_center in groups.items() if len(of_center) >= LEAST_OF_CENTER}
    if len(scores) >= LEAST_OF_CENTER:
        enough[""] = scores
    return {name: _conformal_quantile(values) for name, values in enough.items()}


def _conformal_quantile(scores: Floats) -> float:
    rank = min(int(np.ceil((len(scores) + 1) * SHARE_INSIDE)), len(scores)) - 1
    return float(np.partition(scores, rank)[rank])


def _records(walk: WalkForward, as_of: int, window_days: int) -> dict[str, CenterRecord]:
    points, corrections = walk.points, corrections_at(walk, as_of, window_days)
    chosen = np.flatnonzero(walk.is_estimated(as_of - window_days * DAY_MS, as_of))
    groups = {"": chosen}
    for number, name in enumerate(points.center_ids):
        groups[name] = chosen[points.center[chosen] == number]
    return {
        name: _record(walk, name, rows, corrections[name])
        for name, rows in groups.items()
        if name in corrections and len(rows) >= LEAST_OF_CENTER
    }


def _record(walk: WalkForward, center_id: str, rows: Ints, correction: float) -> CenterRecord:
    points = walk.points
    to_ready, left = points.time_to_ready[rows], points.left[rows]
    errors, has_promise = np.abs(to_ready - walk.middle[rows]), ~np.isnan(left)
    is_promised = bool(has_promise.any())
    return CenterRecord(
        center_id=center_id,
        n=len(rows),
        orders=len(np.unique(points.visit[rows])),
        inside=float(walk.inside[rows].mean()),
        mae=float(errors.mean()),
        estimate_mae=float(errors[has_promise].mean()) if is_promised else float(errors.mean()),
        promise_mae=float(np.abs(to_ready - left)[has_promise].mean()) if is_promised else None,
        constant_mae=float(np.abs(to_ready - np.median(to_ready)).mean()),
        correction=correction,
    )


def arrival_cells(
    visits: Iterable[EstimatedVisit], as_of: int, clocks: OpeningClocks, window_days: int = WINDOW_DAYS
) -> dict[tuple[str, str | None], Cell]:
    """Times from check-in to ready by lane and fault group (None: any), of visits that began in the window."""
    groups: dict[tuple[str, str | None], list[tuple[float, bool]]] = {}
    for visit in visits:
        if visit.points and as_of - window_days * DAY_MS <= visit.points[0].at < as_of:
            time = _time_so_far(visit, as_of, clocks)
            for group in (None, *visit.fault_groups):
                groups.setdefault((visit.lane, group), []).append(time)
    return {
        key: kaplan_meier(*map(np.array, zip(*sorted(times, key=lambda time: (time[0], not time[1])), strict=True)))
        for key, times in groups.items()
        if len(times) >= LEAST
    }


def _time_so_far(visit: EstimatedVisit, as_of: int, clocks: OpeningClocks) -> tuple[float, bool]:
    """The opening time from check-in to ready, or to an instant before that; and whether it is ready by then."""
    clock = clocks.of(visit.center_id)
    is_ready = visit.ready_at is not None and visit.ready_at <= as_of
    until = visit.ready_at if is_ready else min(as_of, visit.ended_at or as_of)
    return float(clock.position(until or as_of) - clock.position(visit.points[0].at)), is_ready


def window_days_of(visits: Iterable[EstimatedVisit]) -> int:
    """How far back the table looks: 28 days, or 90 where more than a tenth of visits took longer than a week."""
    leads = [visit.ready_at - visit.points[0].at for visit in visits if visit.ready_at is not None and visit.points]
    is_long = leads and float(np.quantile(leads, 0.9)) > 7 * DAY_MS
    return LONG_WINDOW_DAYS if is_long else WINDOW_DAYS
