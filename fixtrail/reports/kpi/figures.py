"""The figures of one key of the KPI report, each with what it leaves out and why."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from fixtrail.reports.beside import RIPE_DAYS
from fixtrail.reports.figure_kinds import nps_figure, pairs_of, share_figure
from fixtrail.reports.kpi.answers import KeyAnswers
from fixtrail.reports.kpi.beside import beside_figures
from fixtrail.reports.kpi.waits import wait_figures
from fixtrail.reports.report import NO_INTERVAL, Figure
from fixtrail.reports.stats import pooled
from fixtrail.reports.stats.pooled import Votes

SETTLED_DAYS = 30


@dataclass(frozen=True, slots=True)
class Ripe:
    """Days up to which nothing can change any more: first-time fix (30 days), and voices (60 days: later ones are
    refused as too late).
    """

    fixes: date
    voices: date


def ripe_days(now: datetime, time_zone: str) -> Ripe:
    """The last whole days of the zone that lie so long ago."""
    zone = ZoneInfo(time_zone)
    fixes, voices = (
        (now - timedelta(days=days)).astimezone(zone).date() - timedelta(days=1) for days in (SETTLED_DAYS, RIPE_DAYS)
    )
    return Ripe(fixes, voices)


def key_figures(answers: KeyAnswers, months: float, ripe: Ripe) -> Iterator[Figure]:
    """Every figure of a key; `months` is how long its period is."""
    yield from _voices(answers, ripe)
    yield from fix_figures(answers, ripe)
    yield from wait_figures(answers.counts, answers.waits)
    yield from _complaints(answers, months, ripe)
    yield from part_figures(answers)
    yield from _promises(answers)
    yield from beside_figures(answers, ripe.voices)


def _voices(answers: KeyAnswers, ripe: Ripe) -> Iterator[Figure]:
    row = answers.counts
    n, closed = int(row["scores"]), int(row["closed"])
    left = {"open": row["orders"] - closed, "no_score": closed - n}
    votes = [Votes(int(c["promoters"]), int(c["detractors"]), int(c["scores"])) for c in answers.centers]
    figure = nps_figure("nps", votes, int(row["orders"]), left)
    yield replace(figure, unripe=int(row["young"]), ripe_until=ripe.voices)


def fix_figures(answers: KeyAnswers, ripe: Ripe) -> Iterator[Figure]:
    row = answers.counts
    judged, ripe_n = int(row["judged"]), int(row["judged_confirmed"])
    young = judged - ripe_n
    others = {
        "open": row["orders"] - row["closed"],
        "cancelled": row["closed"] - row["handed_off"],
        "no_repair": row["handed_off"] - judged,
    }

    def figure(name: str, columns: tuple[str, str], sizes: tuple[int, int], **left: int) -> Figure:
        pairs = pairs_of(answers.centers, *columns) if columns[0] else ()
        share = share_figure(name, *sizes, int(row["orders"]), {**others, **left}, pairs)
        return replace(share, ripe_until=ripe.fixes)

    fixed, confirmed = int(row["fixed"]), int(row["fixed_confirmed"])
    yield replace(figure("ftfr", ("fixed", "judged"), (fixed, judged)), unripe=young)
    yield replace(
        figure("ftfr_confirmed", ("fixed_confirmed", "judged_confirmed"), (confirmed, ripe_n), unripe=young), unripe=0
    )
    pairs = [
        (int(center["fixed"] - center["fixed_confirmed"]), int(center["judged"] - center["judged_confirmed"]))
        for center in answers.centers
    ]
    left = dict(**others, ripe=ripe_n)
    provisional = share_figure("ftfr_provisional", fixed - confirmed, young, int(row["orders"]), left, pairs)
    yield replace(provisional, ripe_until=ripe.fixes, unripe=young)


def _complaints(answers: KeyAnswers, months: float, ripe: Ripe) -> Iterator[Figure]:
    row = answers.counts
    handed_off, complaints = int(row["handed_off"]), int(row["complaints"])
    of_all = pooled.Complaints(complaints, answers.complainers.squares, answers.complainers.most)
    centers = [center for center in answers.centers if int(center["handed_off"])]
    counts, sizes = [int(c["complaints"]) for c in centers], [float(c["handed_off"]) for c in centers]
    interval, alone = pooled.rate(of_all, handed_off / 100, counts, sizes), pooled.rate(of_all, handed_off / 100)
    several = len(centers) > 1
    yield Figure(
        "complaints_per_100",
        100 * complaints / handed_off if handed_off else None,
        handed_off,
        int(row["orders"]),
        interval,
        complaints,
        method=pooled.GAMMA if several else pooled.GAMMA_OF_ORDERS,
        centers=len(centers) if several else None,
        of_orders=alone if several else NO_INTERVAL,
        left_out={"open": row["orders"] - row["closed"], "cancelled": row["closed"] - handed_off},
        unripe=int(row["young"]),
        ripe_until=ripe.voices,
    )
    dated = answers.by_date
    yield Figure(
        "complaints_per_month",
        dated.events / months if months else None,
        dated.events,
        dated.events,
        pooled.rate(dated, months),
        dated.events,
        method=pooled.GAMMA_OF_ORDERS,
    )


def part_figures(answers: KeyAnswers) -> Iterator[Figure]:
    row = answers.counts
    requests, requests_all = int(row["requests"]), int(row["requests_all"])
    left = {"open": requests_all - requests}
    pairs = pairs_of(answers.centers, "backordered", "requests")
    yield share_figure("stockout_rate", int(row["backordered"]), requests, requests_all, left, pairs)
    n, n_all, in_time = (
        sum(int(center[name]) for center in answers.emergencies)
        for name in ("emergencies", "emergencies_all", "in_time")
    )
    pairs = pairs_of(answers.emergencies, "in_time", "emergencies")
    yield share_figure("emergency_in_time", in_time, n, n_all, {"open": n_all - n}, pairs)


def _promises(answers: KeyAnswers) -> Iterator[Figure]:
    row, orders, closed = answers.counts, int(answers.counts["orders"]), int(answers.counts["closed"])
    yet = orders - closed
    yield share_figure(
        "quick_lane_in_time",
        int(row["quick_in_time"]),
        int(row["quick_ready"]),
        orders,
        {"open": yet, "other_lane": closed - row["quick"], "never_ready": row["quick"] - row["quick_ready"]},
        pairs_of(answers.centers, "quick_in_time", "quick_ready"),
    )
    yield share_figure(
        "promise_kept",
        int(row["promise_kept"]),
        int(row["promised"]),
        orders,
        {"open": yet, "no_promise": closed - row["with_promise"], "never_ready": row["with_promise"] - row["promised"]},
        pairs_of(answers.centers, "promise_kept", "promised"),
    )
    handed_off = int(row["handed_off"])
    left = {
        "open": yet,
        "cancelled": closed - handed_off,
        "no_quote": handed_off - row["approved"],
        "no_bill": row["approved"] - row["quoted"],
    }
    pairs = pairs_of(answers.centers, "quote_kept", "quoted")
    yield share_figure("quote_kept", int(row["quote_kept"]), int(row["quoted"]), orders, left, pairs)
