"""What the KPI figures leave out, as figures of their own: open orders, those who left, who answered, odd times."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from fixtrail.reports.figure_kinds import nps_figure, pairs_of, share_figure
from fixtrail.reports.kpi.answers import KeyAnswers, Row
from fixtrail.reports.kpi.waits import not_below_0
from fixtrail.reports.report import NO_INTERVAL, Figure, plain
from fixtrail.reports.stats import intervals
from fixtrail.reports.stats.pooled import Votes


def beside_figures(answers: KeyAnswers, ripe_until: date) -> Iterator[Figure]:
    """Every figure of reports/beside.py of a key."""
    yield from _open(answers.counts)
    yield from _cancelled(answers)
    yield from _answers(answers, ripe_until)
    odd, orders = answers.anomalies.get("negative_gap", 0), int(answers.counts["orders"])
    yield share_figure("odd_times", odd, orders, orders, {})


def _open(row: Row) -> Iterator[Figure]:
    orders, closed, handed_off = (int(row[name]) for name in ("orders", "closed", "handed_off"))
    n = orders - closed
    others = {"handed_off": handed_off, "cancelled": closed - handed_off}
    yield _counted("open_orders", n, n, orders, others)
    timed = int(row["open_with_times"])
    untimed = dict(**others, no_check_in=n - timed)
    for duration in ("age", "wait"):
        values = (*_quantiles(row[f"open_{duration}_quantiles_s"]), row[f"open_{duration}_longest_s"])
        for name, value in zip(("median", "p90", "longest"), values, strict=True):
            yield _described(f"open_{duration}_{name}_s", value, timed, orders, untimed)
    waiting, promised = int(row["open_not_ready"]), int(row["open_promised"])
    late = dict(**others, ready=n - waiting, no_promise=waiting - promised)
    yield _counted("open_past_promise", int(row["open_past_promise"]), promised, orders, late)
    yield _counted("open_silent", int(row["open_silent"]), n, orders, others)


def _cancelled(answers: KeyAnswers) -> Iterator[Figure]:
    row = answers.counts
    orders, closed, handed_off = (int(row[name]) for name in ("orders", "closed", "handed_off"))
    yet, cancelled, n = orders - closed, closed - handed_off, int(row["cancelled_waits"])
    yield share_figure(
        "cancelled_share", cancelled, closed, orders, {"open": yet}, pairs_of(answers.centers, "cancelled", "closed")
    )
    left = {"open": yet, "handed_off": handed_off, "no_check_in": cancelled - n}
    interval = NO_INTERVAL
    if n > 1:
        deviation = plain(row["cancelled_wait_deviation_s"])
        interval = not_below_0(intervals.mean(float(row["cancelled_wait_mean_s"]), deviation, n))
    reason = "all_alike" if n > 1 and interval == NO_INTERVAL else None
    figure = _described("cancelled_wait_mean_s", row["cancelled_wait_mean_s"], n, orders, left)
    yield replace(figure, interval=interval, method=intervals.STUDENT, no_interval=reason)
    for name, value in zip(("median", "p90"), _quantiles(row["cancelled_wait_quantiles_s"]), strict=True):
        yield _described(f"cancelled_wait_{name}_s", value, n, orders, left)


def _answers(answers: KeyAnswers, ripe_until: date) -> Iterator[Figure]:
    row = answers.counts
    orders, closed, scores = (int(row[name]) for name in ("orders", "closed", "scores"))
    yet, silent = orders - closed, closed - scores
    rate = share_figure(
        "response_rate", scores, closed, orders, {"open": yet}, pairs_of(answers.centers, "scores", "closed")
    )
    yield replace(rate, unripe=int(row["young"]), ripe_until=ripe_until)
    early = [_votes(center, "early", int(center["early"])) for center in answers.answers]
    late = [_votes(center, "late", int(center["answers"]) - int(center["early"])) for center in answers.answers]
    for name, votes in (("early", early), ("late", late)):
        others = {"late_answers" if name == "early" else "early_answers": scores - sum(center.n for center in votes)}
        yield nps_figure(f"nps_{name}", votes, orders, dict(open=yet, no_score=silent, **others))


def _votes(row: Row, when: str, n: int) -> Votes:
    return Votes(int(row[f"{when}_promoters"]), int(row[f"{when}_detractors"]), n)


def _quantiles(values: Any) -> tuple[Any, Any]:
    """Two quantiles; None of each where there is nothing."""
    return tuple(values) if isinstance(values, (list, tuple)) and len(values) == 2 else (None, None)


def _counted(name: str, value: int, n: int, n_all: int, left_out: Mapping[str, int]) -> Figure:
    return Figure(name, value, n, n_all, count=value, left_out=left_out, no_interval="all_counted")


def _described(name: str, value: Any, n: int, n_all: int, left_out: Mapping[str, int]) -> Figure:
    """A time that is what it is: of all these orders, no sample of them."""
    return Figure(name, plain(value) if n else None, n, n_all, left_out=left_out, no_interval="all_counted")
