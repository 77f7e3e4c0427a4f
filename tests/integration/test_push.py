"""The push sink as a process, between a broker and providers that speak their real protocols over real sockets."""

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtrail.tracking_links import Links
from sinks.push.delivery_queues import PROCESS_ENDED
from sinks.push.ledger.ledger import FINAL
from tests.integration.push_town import Town, a_town
from tests.kafka_io import read_topic
from tests.providers.messages import HOUR, MINUTE, a_fact, a_notice, now_ms
from tests.providers.postgres import a_database
from tests.providers.push_sink import HASH_KEY, PushSink
from tests.workshop import checked_in, facts_after, quoted, repair

# FIXTRAIL_TEST_OLD_NOTICES=800000 is what a year of 100,000 orders comes to.
OLD_NOTICES = int(os.environ.get("FIXTRAIL_TEST_OLD_NOTICES", "2000"))

CHANNELS = ("webhook", "sms", "wechat", "webpush", "mailto")


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with contextlib.ExitStack() as open_:
        yield a_town(tmp_path, open_)


@pytest.fixture(scope="module")
def busy_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town whose sink goes on running; each test has orders of its own."""
    folder = tmp_path_factory.mktemp("town")
    with contextlib.ExitStack() as open_:
        town = a_town(folder, open_)
        with town.sink.running():
            yield town


def test_every_channel_is_told_and_the_log_says_so(busy_town: Town):
    notices = busy_town.notices(1, 3)
    busy_town.agree(notices)
    busy_town.tell(notices)

    assert busy_town.sink.wait_final(15, where="order_id IN ('R1', 'R2', 'R3')") == {"SENT": 15}
    for _, message in busy_town.hooks.accepted:
        token = message["data"]["link"].removeprefix("https://track.example.com/t/")
        link = Links(HASH_KEY.encode()).opens(token, now_ms())
        assert link.order == (message["data"]["center_id"], message["data"]["order_id"])
    assert all("https://track.example.com/t/" in text for _, text in busy_town.sms.accepted)
    assert "SENT" in busy_town.sink.run("notices", "log", "R2")
    assert "+86139" not in busy_town.sink.run("notices", "log", "R2", "--json")


def test_a_preview_shows_what_the_customer_of_an_order_would_read(busy_town: Town):
    mine = {"order_id": "R50"}
    visit = [checked_in("08:00", promised="11:00", **mine), quoted("08:20", **mine), repair("started", "09:00", **mine)]
    busy_town.sink.tell(facts=[facts_after(*visit)["R50"]])

    result = busy_town.sink.run("notices", "preview", "R50", "--locale", "en")

    assert "1.5 hours × CN¥380.00 = CN¥570.00" in result
    assert "Part P-1: 2 × CN¥99.95 = CN¥199.90" in result
    assert [line for line in result.splitlines() if line.startswith("===")] == [
        f"=== {name} (en)" for name in ("checked_in", "quote_ready", "repair_started")
    ]


def test_a_record_that_is_no_notice_becomes_a_dead_letter_and_stops_nothing(busy_town: Town):
    notices = busy_town.notices(60, 1)
    busy_town.agree(notices)
    busy_town.sink.tell({"order_id": "R60", "notice_id": 7})
    busy_town.tell(notices)
    busy_town.sink.wait_final(5, where="order_id = 'R60'")

    (letter,) = read_topic(busy_town.sink.bootstrap, "service-events.dead-letter")
    assert dict(letter.headers)["fixtrail-code"] == b"unusable_record"


def test_who_opts_out_hears_nothing_more(busy_town: Town):
    first, second = busy_town.notices(70, 2)
    first["recipients"] = second["recipients"] = ["sms:+86 139-0000-0009"]
    busy_town.tell([first])
    busy_town.sink.wait_final(1, where="order_id = 'R70'")
    busy_town.sink.run("notices", "consent", "sms:+8613900000009", "--opt-out")
    busy_town.tell([second])

    assert busy_town.sink.wait_final(1, where="order_id = 'R71'") == {"SUPPRESSED": 1}
    assert [row["reason"] for row in busy_town.sink.rows("order_id = 'R71'")] == ["no consent: opted out"]


def test_what_nobody_can_be_told_is_said_too(busy_town: Town):
    unreachable, elsewhere = a_notice(order_id="R80"), a_notice(order_id="R81", recipients=["pager:77", "no address"])
    busy_town.tell([unreachable, elsewhere])

    where = "order_id IN ('R80', 'R81')"
    assert busy_town.sink.wait_final(3, where=where) == {"SUPPRESSED": 3}
    reasons = sorted(row["reason"] for row in busy_town.sink.rows(where))
    assert reasons == ["channel pager is not set up", "no address", "the address names no channel"]


def test_a_provider_that_hangs_holds_up_no_other(busy_town: Town):
    notices = busy_town.notices(90, 10)
    busy_town.agree(notices)
    busy_town.sms.always = "hang"
    mine = "order_id BETWEEN 'R90' AND 'R99'"
    busy_town.tell(notices)
    busy_town.sink.wait_final(40, 15, where=f"{mine} AND channel <> 'sms'")
    assert busy_town.sink.rows(f"{mine} AND channel = 'sms' AND state NOT IN {FINAL}")
    busy_town.sms.always = "ok"
    busy_town.sink.wait_final(50, where=mine)

    assert busy_town.sink.states(f"{mine} AND channel <> 'sms'") == {"SENT": 40}


def test_old_notices_message_nobody_and_the_ledger_says_why(busy_town: Town):
    requests = [provider.requests for provider in busy_town.providers]
    year_ago = now_ms() - 365 * 24 * HOUR
    recipients = busy_town.everybody("R7")
    notices = [
        a_notice(order_id=f"old-{number}", at=year_ago + number, recipients=recipients) for number in range(OLD_NOTICES)
    ]
    busy_town.sink.tell(*notices)

    where, number = "order_id LIKE 'old-%'", len(recipients) * OLD_NOTICES
    assert busy_town.sink.wait_final(number, 180 + OLD_NOTICES / 1000, where=where) == {"EXPIRED": number}
    assert [provider.requests for provider in busy_town.providers] == requests
    assert {row["reason"] for row in busy_town.sink.rows(where)} == {"already too old when it came"}


def test_in_the_end_the_books_are_right(busy_town: Town):
    busy_town.check_the_books(busy_town.sink.states())


CRASHES = (
    *("push.planned", "push.committed", "push.before_intent", "push.intent", "push.intent:3", "push.called"),
    *("push.called:4", "push.noted"),
)


@pytest.mark.long
def test_killed_at_every_step_of_a_send_nothing_is_lost_and_nobody_is_told_twice(town: Town):
    n_messages, under_way, n_pending = 0, [0], 0
    for number, crash in enumerate(CRASHES):
        notices = town.notices(100 * number + 1, 4)
        town.agree(notices)
        town.sink.start(FIXTRAIL_CRASH_AT=crash)
        town.tell(notices)
        n_messages += len(CHANNELS) * len(notices)
        town.sink.wait_crashed()
        # The next start settles them.
        under_way.append(town.under_way())
        n_pending += under_way[-1]

    with town.sink.running():
        states = town.sink.wait_final(n_messages, 180)

    town.check_the_books(states)
    assert states == Counter(SENT=n_messages - n_pending, UNKNOWN=n_pending)
    # Four lanes that cannot ask twice, with two calls at once.
    assert max(under_way) <= 8


@pytest.mark.long
def test_killed_at_any_moment_nothing_is_lost_and_nobody_is_told_twice(town: Town):
    notices, n_pending = town.notices(1, 40), 0
    n_messages = len(CHANNELS) * len(notices)
    town.agree(notices)
    town.tell(notices)
    for provider in (town.hooks, town.sms, town.wechat, town.browsers):
        provider.pause_s = 0.05
    for number in range(3):
        town.sink.start()
        town.sink.wait_for("SENT", 40 * (number + 1))
        town.sink.kill()
        n_pending += town.under_way()

    with town.sink.running():
        states = town.sink.wait_final(n_messages, 180)

    town.check_the_books(states)
    assert states == Counter(SENT=n_messages - n_pending, UNKNOWN=n_pending)


@pytest.mark.long
def test_on_a_bad_day_of_the_providers_everything_is_accounted_for(town: Town):
    notices = town.notices(1, 12)
    town.agree(notices)
    for provider in (town.hooks, town.sms, town.wechat, town.browsers):
        provider.then("lose", 500, 429, "cut", "hang", "ok", "lose", 429, 503)
    town.mail.then("lose", 451, "hang", "ok", "lose", 452)

    with town.sink.running():
        town.tell(notices)
        states = town.sink.wait_final(60, 180)

    town.check_the_books(states)
    assert set(states) == {"SENT", "UNKNOWN"}
    assert max(town.hooks.deliveries.values()) > 1, "none was tried again"
    assert all(len(bodies) == 1 for bodies in town.hooks.bodies.values()), "the same id said two things"
    # Lost, hung, cut or 5xx: six of the bad moments, three of the mail server's, are unclear for who cannot ask twice.
    unknown = Counter(row["channel"] for row in town.sink.rows("state = 'UNKNOWN'"))
    assert all(number <= {"mailto": 3}.get(channel, 6) for channel, number in unknown.items())
    assert unknown.keys() == {"sms", "wechat", "webpush", "mailto"}


def test_a_duplicate_a_late_event_and_a_restart_tell_nobody_twice(town: Town):
    (started,) = notices = town.notices(1, 1)
    town.agree(notices)
    late = a_notice("diagnosis_started", order_id="R1", at=started["occurred_at"] - MINUTE)
    late["recipients"] = started["recipients"]

    with town.sink.running():
        town.tell(notices)
        town.tell(notices)
        town.sink.wait_final(5)
        # The diagnosis is known only now: the repair has begun meanwhile, so there is nothing to tell.
        town.sink.tell(late, facts=[a_fact("R1", late, started)])
        town.sink.wait_final(10)
    with town.sink.running():
        town.sink.tell(started, late)
        town.sink.wait_ready()
        time.sleep(1)

    assert town.sink.states() == {"SENT": 5, "SUPERSEDED": 5}
    assert [accepted.total() for accepted in town.accepted_by_channel().values()] == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.long
def test_a_sink_takes_over_from_one_that_died_in_the_middle_of_its_calls(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
):
    dsn = "" if kind == "sqlite" else a_database(request.getfixturevalue("postgres"), "takeover")
    with contextlib.ExitStack() as open_:
        _take_over(a_town(tmp_path, open_, dsn))


def _take_over(town: Town) -> None:
    second = PushSink(town.sink.folder, town.sink.bootstrap, town.sink.config.read_text(), town.sink.environment)
    notices = town.notices(1, 40)
    town.agree(notices)
    for provider in (town.hooks, town.sms, town.wechat, town.browsers):
        provider.pause_s = 0.1
    town.sink.start(FIXTRAIL_CRASH_AT="push.called:5")
    town.sink.wait_ready()
    second.start()
    try:
        town.tell(notices[:20])
        # It had begun some that nobody heard the end of, and it does not come back.
        town.sink.wait_crashed()
        pending = town.sink.rows("state = 'INTENT'")
        assert pending, "it died at a moment when nothing was under way"
        town.tell(notices[20:])
        states = second.wait_final(200, 60)
    finally:
        town.sink.kill()
        assert second.stop() == 0, second.story()

    town.check_the_books(states)
    # Some of it may be the other's own, under way just then; a call of its own may end unheard, too, where all is slow.
    unknown_sends = second.rows(f"state = 'UNKNOWN' AND reason = '{PROCESS_ENDED}'")
    assert len(unknown_sends) <= sum(row["channel"] != "webhook" for row in pending)
    assert set(states) <= {"SENT", "UNKNOWN"}
