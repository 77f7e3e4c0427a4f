"""The board as pieces of HTML by name, made at most once a second for all who look at the same."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fixtrail.configuration import CenterFile
from fixtrail.web.accounts.users import Person
from fixtrail.web.board.board import CenterNow, board
from fixtrail.web.board.board_filter import BoardFilter, CenterSort, visible_centers
from fixtrail.web.board.figures import CenterFigures, FiguresSnapshot, Sums, sum_of
from fixtrail.web.board.state import Ops
from fixtrail.web.board.work import other_alerts, work_list
from fixtrail.web.calls import CallRequests, by_order
from fixtrail.web.estimates import Estimates
from fixtrail.web.journeys import Journeys
from fixtrail.web.ready import as_shown
from fixtrail.web.report_cache.badges import Badge, Badges
from fixtrail.web.staff import charts
from fixtrail.web.staff.page_frame import StaffTexts, environment, words
from schemas.centers import Center
from schemas.facts import ACTIVITIES, Alert
from schemas.locales import Locale

PIECES = ("state", "totals", "waiting", "alerts", "centers")
# Stands in shared pieces where each session's own token goes.
TOKEN_MARK = "%form-token%"
CACHE_MS = 1000
MOST_KEPT = 200
_TICKING = re.compile(r'(<time class="tick[^>]*>)[^<]*')
# As many rows as fit under the tiles on a screen of 16 : 9.
ON_WALL = 15


@dataclass(frozen=True, slots=True)
class BoardView:
    """The reader's rights (without their name), filter and language."""

    person: Person
    choice: BoardFilter
    locale: Locale


@dataclass(frozen=True, slots=True)
class RateWithInterval:
    """A share or an NPS with its number and 95 % interval; None where there is nothing to tell it of."""

    value: float | None
    n: int
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class CenterLine:
    """One row of the table of centers."""

    now: CenterNow
    figures: CenterFigures
    ftfr: RateWithInterval
    nps: RateWithInterval
    name: str
    region: str
    wave: int
    badge: Badge
    is_listed: bool


class Boards:
    """Makes the pieces and keeps them for a second."""

    def __init__(
        self,
        journeys: Journeys,
        centers: CenterFile,
        estimates: Estimates | None = None,
        calls: CallRequests | None = None,
    ) -> None:
        self._journeys, self._centers, self._estimates, self._calls = journeys, centers, estimates, calls
        self._cached: dict[BoardView, tuple[int, dict[str, str]]] = {}
        self._making: dict[BoardView, asyncio.Task[dict[str, str]]] = {}

    def forget(self) -> None:
        """Make all of them anew when they are asked for next."""
        self._cached.clear()

    async def pieces(self, ops: Ops, view: BoardView) -> dict[str, str]:
        """The pieces as of now, with TOKEN_MARK where a form's token belongs."""
        cached = self._cached.get(view)
        if cached and abs(ops.clock() - cached[0]) < CACHE_MS:
            return cached[1]
        if view not in self._making:
            self._making[view] = asyncio.create_task(self._make(ops, view))
        # Shielded: others may wait for the same.
        return await asyncio.shield(self._making[view])

    async def _make(self, ops: Ops, view: BoardView) -> dict[str, str]:
        try:
            now = ops.clock()
            values = await values_of(ops, self._journeys, self._centers.all(), view, now, self._estimates, self._calls)
            # On a thread: with hundreds of centers it takes a while, and customers' pages are served meanwhile.
            pieces = await asyncio.to_thread(_rendered, values)
            if len(self._cached) >= MOST_KEPT:
                self._cached.clear()
            self._cached[view] = (now, pieces)
            return pieces
        finally:
            del self._making[view]


def _rendered(values: Mapping[str, Any]) -> dict[str, str]:
    templates = environment()
    return {name: templates.get_template(f"piece_{name}.html").render(**values) for name in PIECES}


def without_ticks(piece: str) -> str:
    """A piece without what the browser counts on by itself: the same as long as nothing has happened."""
    return _TICKING.sub(r"\1", piece)


async def values_of(
    ops: Ops,
    journeys: Journeys,
    centers: Mapping[str, Center],
    view: BoardView,
    now: int,
    estimates: Estimates | None = None,
    calls: CallRequests | None = None,
) -> dict[str, Any]:
    """The values for the templates of the pieces."""
    facts = [as_shown(fact, centers, journeys.checks, now) for fact in journeys.open_orders()]
    ids = visible_centers(view.choice, view.person, centers, {fact.center_id for fact in facts})
    zones = {center_id: center.time_zone for center_id, center in centers.items()}
    snapshot = await ops.figures.get(zones, ops.default_zone, view.choice.lane, now)
    # A center without an open order is there all the same, if it had any lately.
    ids += [
        center_id
        for center_id in visible_centers(view.choice, view.person, centers, snapshot.by_center)
        if center_id not in set(ids)
    ]
    estimate = estimates.current if estimates is not None else lambda fact, now: None
    present = board(facts, now, ops.board_targets.thresholds, ids, view.choice, centers, estimate, by_order(calls))
    alerts = visible_alerts(ops.alerts.all(), view, centers)
    badges = ops.data_badges.current()
    work = work_list(present, alerts, view.choice.sort, view.choice.search)
    lines = in_order([_line(center, centers, snapshot, badges, view.locale) for center in present.centers], view.choice)
    total = total_figures(snapshot, ids)
    weeks = [figures.weeks for center_id in ids if (figures := snapshot.by_center.get(center_id or "")) is not None]
    return {
        "t": words(view.locale),
        "locale": view.locale,
        "view": view,
        "choice": view.choice,
        "me": view.person,
        "now": now,
        "board": present,
        "lines": on_wall(lines) if view.choice.wall else lines,
        "left_out": max(0, len(lines) - len(on_wall(lines))) if view.choice.wall else 0,
        "work": work,
        "alerts": alerts,
        "open_alerts": [alert for alert in alerts if alert.state == "open"],
        "other_alerts": other_alerts(alerts, work),
        "seen": snapshot,
        "total": total,
        "rates": {"ftfr": ftfr(total.weeks, weeks), "nps": nps(total.weeks, weeks)},
        "targets": ops.board_targets.targets,
        "thresholds": ops.board_targets.thresholds,
        "read": journeys.read.is_set(),
        "without_hours": sum(line.now.center_id not in centers for line in lines),
        "token": TOKEN_MARK,
        "activities": ACTIVITIES,
        "charts": charts,
        "zone": lambda center_id: zones.get(center_id or "", ops.default_zone),
        "default_zone": ops.default_zone,
        "center_name": lambda center_id: name_of(center_id, centers, view.locale),
        "activity_label": lambda counts: activity_label(counts, words(view.locale)),
    }


def visible_alerts(alerts: list[Alert], view: BoardView, centers: Mapping[str, Center]) -> list[Alert]:
    """The alerts of the visible centers; one about no center is for those who see all of them."""
    choice = view.choice
    return [
        alert
        for alert in alerts
        if view.person.may_see(alert.center_id)
        and choice.matches(centers.get(alert.center_id or ""), alert.center_id)
        and (choice.lane is None or alert.lane in (None, choice.lane))
    ]


def total_figures(snapshot: FiguresSnapshot, ids: list[str | None]) -> CenterFigures:
    """The figures of all centers shown, together."""
    center_figures = [figures for center_id in ids if (figures := snapshot.by_center.get(center_id or "")) is not None]
    return CenterFigures(
        today=sum_of(figures.today for figures in center_figures),
        before=sum_of(figures.before for figures in center_figures),
        weeks=sum_of(figures.weeks for figures in center_figures),
    )


def ftfr(sums: Sums, centers: Sequence[Sums] = ()) -> RateWithInterval:
    """First-time fix rate, 0 to 100; of several centers the interval is the one of report `kpi`."""
    n, count = sums.judged, sums.fixed_first_time
    if not n:
        return RateWithInterval(None, 0, None, None)
    from fixtrail.reports.stats import intervals, pooled

    clusters = [(center.fixed_first_time, center.judged) for center in centers if center.judged]
    rate = pooled.share(*zip(*clusters, strict=True)) if len(clusters) > 1 else intervals.share(count, n)
    return RateWithInterval(100 * count / n, n, _times(100, rate.low), _times(100, rate.high))


def nps(sums: Sums, centers: Sequence[Sums] = ()) -> RateWithInterval:
    """NPS, -100 to 100; of several centers the interval is the one of report `kpi`."""
    if not sums.surveys:
        return RateWithInterval(None, 0, None, None)
    from fixtrail.reports.stats import pooled
    from fixtrail.reports.stats.pooled import Votes

    votes = [Votes(center.promoters, center.detractors, center.surveys) for center in (centers or [sums])]
    interval = pooled.nps([center for center in votes if center.n])
    value = 100 * (sums.promoters - sums.detractors) / sums.surveys
    return RateWithInterval(value, sums.surveys, interval.low, interval.high)


def _times(factor: float, value: float | None) -> float | None:
    return None if value is None else factor * value


_CENTER_KEYS: Mapping[CenterSort, Callable[[CenterLine], tuple[object, ...]]] = {
    "urgency": lambda line: (-line.now.late, -(line.now.longest_s or 0.0), line.name),
    "name": lambda line: (line.name,),
    "open": lambda line: (-line.now.open, line.name),
    "waiting": lambda line: (-line.now.waiting, line.name),
    "longest": lambda line: (-(line.now.longest_s or 0.0), line.name),
}


def in_order(lines: list[CenterLine], choice: BoardFilter) -> list[CenterLine]:
    """Sorted as chosen, by default what is late first; centers that the reference file does not name come last."""
    key = _CENTER_KEYS["urgency" if choice.wall else choice.centers_by]
    return sorted(lines, key=lambda line: (not line.is_listed, *key(line)))


def on_wall(lines: list[CenterLine]) -> list[CenterLine]:
    """As many as fit; where some do not, the line that says so takes the place of one."""
    return lines if len(lines) <= ON_WALL else lines[: ON_WALL - 1]


def name_of(center_id: str | None, centers: Mapping[str, Center], locale: Locale) -> str:
    """A center's name in the reader's language, or its id."""
    center = centers.get(center_id or "")
    if center is None:
        return center_id or words(locale)("board.no_center")
    return (center.name_en or center.name) if locale == "en" else center.name


def activity_label(counts: Mapping[str, int], t: StaffTexts) -> str:
    """Counts by activity in words, for those who do not see the bar."""
    labels = [f"{t(f'activity.{name}')} {count}" for name, count in counts.items() if count]
    return ", ".join(labels) or t("board.none")


def _line(
    now: CenterNow, centers: Mapping[str, Center], snapshot: FiguresSnapshot, badges: Badges, locale: Locale
) -> CenterLine:
    center = centers.get(now.center_id or "")
    figures = snapshot.by_center.get(now.center_id or "", CenterFigures())
    return CenterLine(
        now=now,
        figures=figures,
        ftfr=ftfr(figures.weeks),
        nps=nps(figures.weeks),
        name=name_of(now.center_id, centers, locale),
        region=center.region if center else "",
        wave=center.wave if center else 0,
        badge=badges.of(now.center_id),
        is_listed=center is not None or not centers,
    )
