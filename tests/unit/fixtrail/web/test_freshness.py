"""No page looks alive on dead data: what has not proved its life for two beats is late, after a minute stale."""

import time
from types import SimpleNamespace

import pytest

from fixtrail.settings import NoEndpointError
from fixtrail.web.freshness import DataAge, Freshness, HeartbeatTimes, late_after_s
from fixtrail.web.journeys import Journeys
from runtime.clock import now_ms
from runtime.failure import ExitError
from schemas.heartbeat import heartbeat_headers
from tests.staff import staff
from tests.workshop import ms

NOW = ms("09:00")


def heartbeat(partition: int, sent_ms: int) -> SimpleNamespace:
    return SimpleNamespace(
        key=b"fixtrail-heartbeat-%d" % partition,
        value=None,
        headers=heartbeat_headers(sent_ms),
        partition=partition,
        offset=0,
    )


@pytest.mark.parametrize(
    ("age_s", "level"), [(0, "fresh"), (12, "fresh"), (12.5, "late"), (60, "late"), (60.5, "stale"), (3600, "stale")]
)
def test_a_source_is_late_after_two_missed_beats_and_stale_after_a_minute(age_s, level):
    assert DataAge("kafka", NOW - round(1000 * age_s), NOW - 10**7, late_after_s(5.0)).level(NOW) == level


def test_what_never_answered_grows_old_from_the_start_and_what_nobody_measures_is_called_nothing():
    assert DataAge("clickhouse", None, NOW - 5_000, 12.0).level(NOW) == "fresh"
    assert DataAge("clickhouse", None, NOW - 30_000, 12.0).level(NOW) == "late"
    assert DataAge("worker", None, None, 12.0).level(NOW) == "unmeasured"


def test_one_partition_that_stands_still_makes_the_workers_old():
    journeys = Journeys()
    journeys.table.apply([heartbeat(0, NOW - 40_000), heartbeat(1, NOW - 40_000)])
    journeys.table.apply([heartbeat(0, NOW - 35_000), heartbeat(1, NOW - 35_000), heartbeat(0, NOW)])
    freshness = Freshness(journeys.table, journeys.table.heartbeats, lambda *_: [])
    worker = freshness.ages(NOW)[1]
    assert (worker.source, worker.as_of, worker.level(NOW)) == ("worker", NOW - 35_000, "late")
    journeys.table.apply([heartbeat(1, NOW)])
    assert freshness.ages(NOW)[1].level(NOW) == "fresh"


def test_slower_heartbeats_are_late_later():
    heartbeats = HeartbeatTimes()
    heartbeats.note([heartbeat(0, NOW - 15_000), heartbeat(0, NOW)])
    assert late_after_s(heartbeats.beat_s) == 32.0


def test_kafka_is_as_old_as_the_last_time_that_all_of_its_topics_were_read():
    journeys = Journeys()
    freshness = Freshness(journeys.table, journeys.table.heartbeats, lambda *_: [])
    now = int(time.time() * 1000)
    assert freshness.ages(now)[0].as_of is None
    journeys.table.note_complete(time.monotonic() - 13)
    assert freshness.ages(now)[0].as_of == pytest.approx(now - 13_000, abs=500)
    assert freshness.ages(now)[0].level(now) == "late"


async def test_clickhouse_proves_its_life_by_an_answer_alone():
    answers = [ExitError("ClickHouse cannot be reached"), None]

    def ask(text: str, parameters: object) -> list[object]:
        if error := answers.pop(0):
            raise error
        return []

    journeys = Journeys()
    freshness = Freshness(journeys.table, journeys.table.heartbeats, ask)
    later = int(time.time() * 1000) + 61_000
    await freshness.ask_clickhouse()
    assert freshness.ages(later)[2].level(later) == "stale"
    await freshness.ask_clickhouse()
    assert freshness.ages(int(time.time() * 1000))[2].level(int(time.time() * 1000)) == "fresh"


async def test_an_installation_without_clickhouse_is_not_told_that_it_is_away():
    def ask(text: str, parameters: object) -> list[object]:
        raise NoEndpointError("FIXTRAIL_CLICKHOUSE is not set")

    journeys = Journeys()
    freshness = Freshness(journeys.table, journeys.table.heartbeats, ask)
    await freshness.ask_clickhouse()
    later = int(time.time() * 1000) + 61_000
    assert freshness.ages(later)[2].level(later) == "unmeasured"


@pytest.mark.parametrize("path", ["/ops", "/ops?wall=1", "/ops/orders/R-1", "/ops/centers/C1", "/analysis"])
async def test_every_screen_has_a_clock_and_says_what_is_old(tmp_path, path):
    from tests.workshop import checked_in

    now = int(time.time() * 1000)
    board = staff(tmp_path, [("chief", "manager", ("*",))], now=now)
    board.know(checked_in("08:00", order_id="R-1", vehicle_id="V1", center_id="C1"))
    board.web.journeys.table.note_complete(time.monotonic() - 20)
    board.web.journeys.table.heartbeats.note([heartbeat(0, now - 90_000)])
    with board.browser(headers={"accept-language": "en"}) as browser:
        await browser.sign_in("chief")
        page = (await browser.get(path)).text
        assert 'id="clock"' in page
        assert 'class="age late" data-source="kafka"' in page
        assert 'class="age stale" data-source="worker"' in page
        assert "Workers: no heartbeat since" in page


async def test_a_page_asks_for_the_ages_and_keeps_no_session_open_by_it(tmp_path):
    board = staff(tmp_path, [("chief", "manager", ("*",))], now=NOW)
    with board.browser() as browser:
        assert (await browser.get("/ops/alive")).status_code == 401
        await browser.sign_in("chief")
        answer = await browser.get("/ops/alive")
        assert set(answer.json()["ages"]) == {"kafka", "worker", "clickhouse"}
        assert "set-cookie" not in answer.headers


def test_what_was_noted_while_the_clock_was_ahead_proves_nothing():
    assert DataAge("clickhouse", NOW + 3_600_000, NOW, 12.0).level(NOW) == "stale"
    heartbeats = HeartbeatTimes()
    ahead = now_ms() + 3_600_000
    heartbeats._sent[0] = ahead
    heartbeats.note([heartbeat(0, ahead - 3_600_000 - 2_000)])
    assert heartbeats.oldest == ahead - 3_600_000 - 2_000
