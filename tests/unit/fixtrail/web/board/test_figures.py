"""The day's figures: sums of hours, percentiles from buckets, and what holds while ClickHouse is away."""

import asyncio
import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.all_settings import Settings
from fixtrail.web.board.board import Thresholds
from fixtrail.web.board.boards import ftfr, nps
from fixtrail.web.board.figures import TREND_DAYS, Figures, Sums, figures_of, sum_of
from fixtrail.web.board.state import targets_of, thresholds_of
from runtime.failure import ExitError
from streams.journey.center_hours import wait_bucket

TODAY = date(2026, 3, 2)
waits = st.lists(st.floats(0, 200_000), min_size=1, max_size=60)


def of_waits(waits: list[float]) -> Sums:
    buckets: dict[int, int] = {}
    for wait in waits:
        buckets[wait_bucket(wait)] = buckets.get(wait_bucket(wait), 0) + 1
    return Sums(handed_off=len(waits), wait_s=sum(waits), buckets=buckets)


@given(waits, st.sampled_from([0.5, 0.9]))
def test_a_percentile_is_within_four_percent_of_the_order_at_its_rank(seconds, share):
    exact = sorted(seconds)[math.ceil(share * len(seconds)) - 1]
    quantile = of_waits(seconds).quantile_s(share)
    assert quantile == (0.0 if exact < 1 else pytest.approx(exact, rel=0.04))


@given(st.lists(waits, min_size=1, max_size=5))
def test_centers_together_are_as_if_they_were_one(several):
    together = sum_of(map(of_waits, several))
    of_all = of_waits([wait for waits in several for wait in waits])
    assert together.handed_off == of_all.handed_off
    assert together.buckets == of_all.buckets
    assert together.mean_s == pytest.approx(of_all.mean_s)


def test_without_orders_nothing_is_claimed():
    assert Sums().quantile_s(0.5) is None
    assert Sums().mean_s is None
    assert ftfr(Sums()).value is None
    assert nps(Sums()).value is None


def a_day(back: int, center: str = "C1", **counts: float) -> dict[str, object]:
    names = (
        *("handed_off", "wait_s", "judged", "fixed_first_time", "surveys", "promoters", "detractors", "quick_ready"),
        *("quick_in_time", "promise_both", "promise_kept", "part_requests", "stockouts"),
    )
    sums = {f"{name}_sum": counts.get(name, 0) for name in names}
    buckets = {str(wait_bucket(counts["wait_s"])): 1} if "wait_s" in counts else {}
    return {"center_id": center, "day": (TODAY - timedelta(days=back)).isoformat(), **sums, "buckets": buckets}


def test_today_the_same_weekday_before_and_four_weeks_are_told_apart():
    rows = [
        a_day(0, handed_off=1, wait_s=600.0),
        a_day(7, handed_off=1, wait_s=1200.0),
        a_day(27, judged=10, fixed_first_time=9, surveys=4, promoters=3, detractors=1),
        a_day(28, judged=90, fixed_first_time=9),
    ]
    figures = figures_of(rows, TODAY)["C1"]
    assert figures.today.mean_s == 600
    assert figures.before.mean_s == 1200
    assert (figures.weeks.judged, figures.weeks.handed_off) == (10, 2)
    assert len(figures.trend) == TREND_DAYS
    assert figures.trend[-1] == pytest.approx(600, rel=0.04)
    assert figures.trend[-8] == pytest.approx(1200, rel=0.04)
    assert [value for value in figures.trend if value is None] == [None] * (TREND_DAYS - 2)


def test_a_share_comes_with_its_interval_and_number():
    rate = ftfr(Sums(judged=50, fixed_first_time=45))
    # Wilson's interval of 45 of 50, worked out by hand.
    assert (rate.value, rate.n) == (90, 50)
    assert (rate.low, rate.high) == (pytest.approx(78.6, abs=0.1), pytest.approx(95.7, abs=0.1))
    score = nps(Sums(surveys=10, promoters=7, detractors=1))
    assert (score.value, score.n) == (60, 10)
    assert score.low is not None and score.high is not None
    assert score.low < 60 < score.high


async def test_what_was_known_holds_while_clickhouse_is_away():
    answers = [[a_day(0, handed_off=1, wait_s=600.0)], ExitError("away"), [a_day(0, handed_off=2, wait_s=900.0)]]

    def ask(text: str, parameters: object) -> list[dict[str, object]]:
        answer = answers.pop(0)
        if isinstance(answer, ExitError):
            raise answer
        return answer

    figures = Figures(ask, kept_s=0.0)
    now = 1_772_440_000_000

    async def snapshot():
        await figures.get({}, "UTC", None, now)
        await asyncio.sleep(0.05)
        return figures._snapshots[None]

    first = await snapshot()
    assert first.answers
    assert first.by_center["C1"].today.handed_off == 1
    second = await snapshot()
    assert not second.answers
    assert second.as_of == now
    assert second.by_center == first.by_center
    third = await snapshot()
    assert third.answers
    assert third.by_center["C1"].today.handed_off == 2


async def test_clickhouse_is_asked_once_however_many_look():
    requests = []

    def ask(text: str, parameters: object) -> list[dict[str, object]]:
        requests.append(text)
        return []

    figures = Figures(ask, kept_s=60.0)
    await asyncio.gather(*(figures.get({"C1": "UTC"}, "UTC", None, 0) for _ in range(20)))
    assert len(requests) == 1
    await figures.get({"C1": "UTC", "C2": "Asia/Shanghai"}, "UTC", "quick", 0)
    assert len(requests) == 3


def test_thresholds_are_minutes_of_a_table_and_nothing_else_is_taken(tmp_path):
    assert thresholds_of({"long_wait_minutes": 45}) == Thresholds(long_wait_s=2700)
    for wrong in ({"long_wait": 1}, {"long_wait_minutes": -1}, {"long_wait_minutes": True}, {"long_wait_minutes": "5"}):
        with pytest.raises(ValueError, match="board"):
            thresholds_of(wrong)
    file = tmp_path / "targets.toml"
    file.write_text("[targets]\nwait_median_s = 900\n[board]\nquick_margin_minutes = 3\n")
    aims = targets_of(Settings(data=tmp_path, targets=file))
    assert aims.targets == {"wait_median_s": 900}
    assert aims.thresholds.quick_margin_s == 180
    file.write_text("[board]\nquick = 3\n")
    with pytest.raises(ExitError):
        targets_of(Settings(data=tmp_path, targets=file))
