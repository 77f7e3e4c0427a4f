"""Today, the same weekday before, and four weeks, by center: from the views of ClickHouse, kept for seconds."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from fixtrail.settings import NoEndpointError
from fixtrail.web.board.live import Lane
from fixtrail.web.clickhouse import Ask, Row
from runtime.failure import ExitError
from streams.journey.center_hours import BUCKET_GROWTH

log = logging.getLogger(__name__)

KEPT_S = 10.0
FIRST_WAIT_S = 3.0
LONG_S = 30.0
WEEKS_DAYS = 28
TREND_DAYS = 14


@dataclass(frozen=True, slots=True)
class Sums:
    """What was counted over some days, of orders closed in them; `buckets` count waits (schemas.facts.CenterHour)."""

    handed_off: int = 0
    wait_s: float = 0.0
    judged: int = 0
    fixed_first_time: int = 0
    surveys: int = 0
    promoters: int = 0
    detractors: int = 0
    quick_ready: int = 0
    quick_in_time: int = 0
    promise_both: int = 0
    promise_kept: int = 0
    part_requests: int = 0
    stockouts: int = 0
    buckets: Mapping[int, int] = field(default_factory=dict)

    def quantile_s(self, share: float) -> float | None:
        """The wait that this share of the orders handed off did not exceed, within 4 %; None without orders."""
        n, reached = sum(self.buckets.values()), 0
        for bucket in sorted(self.buckets):
            reached += self.buckets[bucket]
            if reached >= share * n:
                return 0.0 if bucket == 0 else float(BUCKET_GROWTH ** (bucket - 0.5))
        return None

    @property
    def mean_s(self) -> float | None:
        return self.wait_s / self.handed_off if self.handed_off else None


_COUNTS = tuple(field_of_sums.name for field_of_sums in fields(Sums) if field_of_sums.name != "buckets")


@dataclass(frozen=True, slots=True)
class CenterFigures:
    """`trend` is the median wait of each of the last 14 days, today last; None on days without a handoff."""

    today: Sums = Sums()
    before: Sums = Sums()
    weeks: Sums = Sums()
    trend: tuple[float | None, ...] = (None,) * TREND_DAYS


@dataclass(frozen=True, slots=True)
class FiguresSnapshot:
    """Figures by center, as of when (ms; None: never asked with success), and whether ClickHouse answered just now."""

    by_center: Mapping[str, CenterFigures]
    as_of: int | None
    answers: bool


def sum_of(parts: Iterable[Sums]) -> Sums:
    """The sums of several centers or days together."""
    counts: Counter[str] = Counter()
    buckets: Counter[int] = Counter()
    for sums in parts:
        counts.update({name: getattr(sums, name) for name in _COUNTS})
        buckets.update(sums.buckets)
    return Sums(**{name: counts[name] for name in _COUNTS if counts[name]}, buckets=dict(buckets))


_BY_HOURS = f"""
SELECT center_id, toDate(hour, {{zone:String}}) AS day, {", ".join(f"sum({name}) AS {name}_sum" for name in _COUNTS)},
    sumMap(wait_buckets) AS buckets
FROM center_hours
WHERE hour >= toDateTime64({{from:String}}, 3, 'UTC')
GROUP BY center_id, day
"""

# Center hours know no lane: what they count is counted here from the orders themselves.
_BY_ORDERS = f"""
WITH status = 'handed_off' AS done, score IS NOT NULL AS answered, ready_at IS NOT NULL AS was_ready,
    lane = 'quick' AND was_ready AS quick, was_ready AND promised_at IS NOT NULL AS promised,
    assumeNotNull(wait_s) AS waited
SELECT assumeNotNull(center_id) AS center_id, toDate(closed_at, {{zone:String}}) AS day,
    count() AS handed_off_sum, sum(wait_s) AS wait_s_sum,
    countIf(ftf IS NOT NULL) AS judged_sum, countIf(ftf) AS fixed_first_time_sum,
    countIf(answered) AS surveys_sum, countIf(score >= 9) AS promoters_sum, countIf(score <= 6) AS detractors_sum,
    countIf(quick) AS quick_ready_sum,
    countIf(quick AND dateDiff('millisecond', checked_in_at, ready_at) <= 900000) AS quick_in_time_sum,
    countIf(promised) AS promise_both_sum, countIf(promised AND ready_at <= promised_at) AS promise_kept_sum,
    sum(orders.part_requests) AS part_requests_sum, sum(orders.stockouts) AS stockouts_sum,
    sumMap(map(if(waited < 1, 0, 1 + toInt32(floor(log(waited) / log({BUCKET_GROWTH})))), 1)) AS buckets
FROM orders
WHERE done AND orders.center_id IS NOT NULL AND checked_in_at IS NOT NULL AND lane = {{lane:String}}
    AND closed_at >= toDateTime64({{from:String}}, 3, 'UTC')
GROUP BY center_id, day
"""


def ask_figures(ask: Ask, zones: Mapping[str, str], default_zone: str, lane: Lane | None, now: int) -> Row:
    """Figures by center id, asked now. `zones` are the centers' time zones by id; others live in the default one.

    Raises ExitError where ClickHouse does not answer.
    """
    by_center: dict[str, CenterFigures] = {}
    for zone in sorted({*zones.values(), default_zone}):
        today = datetime.fromtimestamp(now / 1000, ZoneInfo(zone)).date()
        first = datetime.combine(today - timedelta(days=WEEKS_DAYS), datetime.min.time(), ZoneInfo(zone))
        parameters = {"zone": zone, "from": f"{first.astimezone(UTC):%Y-%m-%d %H:%M:%S}"}
        rows = ask(_BY_ORDERS if lane else _BY_HOURS, parameters | ({"lane": lane} if lane else {}))
        rows_of_zone = [row for row in rows if zones.get(row["center_id"], default_zone) == zone]
        by_center |= figures_of(rows_of_zone, today)
    return by_center


def figures_of(rows: Iterable[Row], today: date) -> dict[str, CenterFigures]:
    """Figures by center of rows by center and local day."""
    days: dict[str, dict[date, Sums]] = {}
    for row in rows:
        counts = {name: row[f"{name}_sum"] for name in _COUNTS}
        buckets = {int(bucket): int(count) for bucket, count in row["buckets"].items()}
        days.setdefault(row["center_id"], {})[date.fromisoformat(row["day"])] = Sums(**counts, buckets=buckets)
    trend = [today - timedelta(days=back) for back in reversed(range(TREND_DAYS))]
    month = today - timedelta(days=WEEKS_DAYS)
    return {
        center_id: CenterFigures(
            today=by_day.get(today, Sums()),
            before=by_day.get(today - timedelta(days=7), Sums()),
            weeks=sum_of(sums for day, sums in by_day.items() if month < day <= today),
            trend=tuple(by_day.get(day, Sums()).quantile_s(0.5) for day in trend),
        )
        for center_id, by_day in days.items()
    }


class Figures:
    """Asks at most every few seconds, whoever looks; while ClickHouse does not answer, what was known before holds."""

    def __init__(self, ask: Ask, *, kept_s: float = KEPT_S) -> None:
        self._ask = ask
        self._kept_s = kept_s
        self._snapshots: dict[Lane | None, FiguresSnapshot] = {}
        self._asked_at: dict[Lane | None, float] = {}
        self._asking: dict[Lane | None, asyncio.Task[None]] = {}

    async def get(self, zones: Mapping[str, str], default_zone: str, lane: Lane | None, now: int) -> FiguresSnapshot:
        """What is known, at once; where nobody has looked for a while, ClickHouse is waited for some seconds."""
        task = self._asking.get(lane)
        idle_s = time.monotonic() - self._asked_at.get(lane, -1e9)
        due = idle_s >= self._kept_s
        if due and (task is None or task.done()):
            self._asked_at[lane] = time.monotonic()
            task = self._asking[lane] = asyncio.create_task(self._refresh(dict(zones), default_zone, lane, now))
        if task is not None and (lane not in self._snapshots or idle_s >= LONG_S):
            await asyncio.wait([task], timeout=FIRST_WAIT_S)
        return self._snapshots.get(lane, FiguresSnapshot({}, None, False))

    async def _refresh(self, zones: Mapping[str, str], default_zone: str, lane: Lane | None, now: int) -> None:
        before = self._snapshots.get(lane, FiguresSnapshot({}, None, False))
        try:
            by_center = await asyncio.to_thread(ask_figures, self._ask, zones, default_zone, lane, now)
            self._snapshots[lane] = FiguresSnapshot(by_center, now, True)
        except (ExitError, NoEndpointError) as error:
            if before.answers or before.as_of is None:
                log.warning("no figures of the day: %s", str(error).splitlines()[0])
            self._snapshots[lane] = FiguresSnapshot(before.by_center, before.as_of, False)
