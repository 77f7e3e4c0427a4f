"""The push sink as a process, between a broker and providers that speak their real protocols over real sockets."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtrail.web.tracking.tokens import Links
from sinks.push import ledger
from sinks.push.address import AddressKeys, parse_recipient
from sinks.push.channels.webhook import said_secret
from sinks.push.store import open_store
from tests.kafka_io import read_topic
from tests.providers.messages import HOUR, MINUTE, a_fact, a_notice, now_ms
from tests.providers.postgres import a_database
from tests.providers.push_sink import HASH_KEY, PushSink, a_broker
from tests.providers.sms_gateway import TOKEN, SmsGateway
from tests.providers.webhooks import Webhooks
from tests.providers.wechat import APP_ID, SECRET, WechatServer
from tests.workshop import checked_in, order_after, quoted, repair

# FIXTRAIL_TEST_OLD_NOTICES=800000 is what a year of 100,000 orders comes to.
OLD_NOTICES = int(os.environ.get("FIXTRAIL_TEST_OLD_NOTICES", "5000"))
TEMPLATE = "tmpl-progress"

# Nobody is ever asleep and everybody may hear everything: what is tested here is the delivery.
ANYTIME = """
[quiet]
begins = 00:00:00
ends = 00:00:00
[limits]
a_day = 1000
gap_s = 0
"""


class Town:
    """A push sink with a receiver of webhooks, an SMS gateway and WeChat around it."""

    def __init__(
        self, folder: Path, bootstrap: str, hooks: Webhooks, sms: SmsGateway, wechat: WechatServer, ledger: str
    ) -> None:
        self.hooks, self.sms, self.wechat = hooks, sms, wechat
        hooks.secret = said_secret(AddressKeys(HASH_KEY.encode()).target_secret(hooks.url))
        wechat.templates.add(TEMPLATE)
        config = f"""{ANYTIME}
[webhook]
allow_private = true
timeout_s = 1
[wechat]
app_id = "{APP_ID}"
secret = "env:WECHAT_SECRET"
url = "{wechat.url}"
timeout_s = 1
concurrency = 2
[wechat.forms.repair_started]
id = "{TEMPLATE}"
fields = {{ character_string1 = "order", phrase2 = "status", time3 = "at" }}
[apprise.sms]
url = "env:SMS_URL"
timeout_s = 2
concurrency = 2
"""
        secrets = {
            "FIXTRAIL_PUBLIC_URL": "https://track.example.com",
            "WECHAT_SECRET": SECRET,
            "SMS_URL": f"smseagle://{TOKEN}@127.0.0.1:{sms.port}/{{address}}",
        }
        self.sink = PushSink(folder, bootstrap, config, secrets | ({"FIXTRAIL_LEDGER": ledger} if ledger else {}))

    def everybody(self, order_id: str) -> list[str]:
        number = int("".join(char for char in order_id if char.isdigit()))
        return [f"webhook:{self.hooks.url}/in", f"sms:+86139{number:08}", f"wechat:openid-{order_id}"]

    def agree(self, notices: list[dict[str, Any]]) -> None:
        """Each customer has let one WeChat message through, and the sink knows."""
        keys, store = AddressKeys(HASH_KEY.encode()), open_store(self.sink.dsn)
        store.begin()
        ledger.create_tables(store)
        for each in notices:
            for recipient in each["recipients"]:
                if recipient.startswith("wechat:"):
                    ledger.add_consents(store, keys.person(parse_recipient(recipient)), TEMPLATE, 1, now_ms())
                    self.wechat.consents[recipient.partition(":")[2], TEMPLATE] += 1
        store.commit()
        store.close()

    def notices(self, first: int, number: int) -> list[dict[str, Any]]:
        orders = [f"R{each}" for each in range(first, first + number)]
        return [a_notice(order_id=order, recipients=self.everybody(order)) for order in orders]

    def tell(self, notices: list[dict[str, Any]]) -> None:
        self.sink.tell(*notices, facts=[a_fact(each["order_id"], each) for each in notices])

    def check_the_books(self, states: Counter[str]) -> None:
        """Each webhook once, each other message at most once, and nothing that nobody can account for."""
        rows = self.sink.rows()
        by_channel = {
            channel: Counter(row["state"] for row in rows if row["channel"] == channel)
            for channel in ("webhook", "sms", "wechat")
        }
        assert len(self.hooks.accepted) == by_channel["webhook"]["SENT"]
        assert self.hooks.forged == 0
        numbers = Counter(number for number, _ in self.sms.accepted)
        openids = Counter(asked["touser"] for asked in self.wechat.accepted)
        assert max([*numbers.values(), *openids.values(), 0]) <= 1
        for channel, taken in (("sms", numbers), ("wechat", openids)):
            sure = by_channel[channel]["SENT"]
            assert sure <= taken.total() <= sure + by_channel[channel]["UNKNOWN"]
        assert not [row for row in rows if row["address"] or row["notice"]], "a final send still has an address"
        assert states.total() == len(rows)


@pytest.fixture
def make_town(tmp_path: Path) -> Iterator[Callable[..., Town]]:
    with contextlib.ExitStack() as open_:

        def make(ledger: str = "") -> Town:
            bootstrap = open_.enter_context(a_broker(tmp_path / "broker"))
            providers = [open_.enter_context(kind()) for kind in (Webhooks, SmsGateway, WechatServer)]
            return Town(tmp_path / "sink", bootstrap, *providers, ledger=ledger)

        yield make


@pytest.fixture
def town(make_town: Callable[..., Town]) -> Town:
    return make_town()


def test_every_channel_is_told_and_the_log_says_so(town: Town):
    notices = town.notices(1, 3)
    town.agree(notices)

    with town.sink.running():
        town.tell(notices)
        assert town.sink.wait_final(9) == {"SENT": 9}

    town.check_the_books(town.sink.states())
    for _, said in town.hooks.accepted:
        token = said["data"]["link"].removeprefix("https://track.example.com/t/")
        assert Links(HASH_KEY.encode()).opens(token, now_ms()) == said["data"]["order_id"]
    assert all("https://track.example.com/t/" in text for _, text in town.sms.accepted)
    assert "SENT" in town.sink.run("notices", "log", "R2")
    assert "+86139" not in town.sink.run("notices", "log", "R2", "--json")


def test_a_preview_shows_what_the_customer_of_an_order_would_read(town: Town):
    visit = [checked_in("08:00", promised="11:00"), quoted("08:20"), repair("started", "09:00")]
    town.sink.tell(facts=[order_after(*visit)])

    said = town.sink.run("notices", "preview", "R1", "--locale", "en")

    assert "1.5 hours × CN¥380.00 = CN¥570.00" in said
    assert "Part P-1: 2 × CN¥99.95 = CN¥199.90" in said
    assert [line for line in said.splitlines() if line.startswith("===")] == [
        f"=== {name} (en)" for name in ("checked_in", "quote_ready", "repair_started")
    ]


CRASHES = (
    *("push-planned", "push-committed", "push-before-intent", "push-intent", "push-intent:3", "push-called"),
    *("push-called:4", "push-noted"),
)


def test_killed_at_every_step_of_a_send_nothing_is_lost_and_nobody_is_told_twice(town: Town):
    told = 0
    for number, crash in enumerate(CRASHES):
        notices = town.notices(100 * number + 1, 4)
        town.agree(notices)
        town.sink.start(FIXTRAIL_CRASH_AT=crash)
        town.tell(notices)
        told += 3 * len(notices)
        town.sink.wait_crashed()

    with town.sink.running():
        states = town.sink.wait_final(told, 60)

    town.check_the_books(states)
    assert len(town.hooks.accepted) == told // 3
    # Two lanes that cannot ask twice, with two calls under way at most when each was killed.
    assert states["UNKNOWN"] <= len(CRASHES) * 4
    assert set(states) <= {"SENT", "UNKNOWN"}


def test_killed_at_any_moment_nothing_is_lost_and_nobody_is_told_twice(town: Town):
    notices = town.notices(1, 60)
    town.agree(notices)
    town.tell(notices)
    for number in range(3):
        town.sink.start()
        with contextlib.suppress(TimeoutError):
            town.sink.wait_for("SENT", 40 * (number + 1), limit_s=5)
        town.sink.kill()

    with town.sink.running():
        states = town.sink.wait_final(180, 60)

    town.check_the_books(states)
    assert len(town.hooks.accepted) == 60


def test_on_a_bad_day_of_the_providers_everything_is_accounted_for(town: Town):
    notices = town.notices(1, 12)
    town.agree(notices)
    for provider in (town.hooks, town.sms, town.wechat):
        provider.then("lose", 500, 429, "cut", "hang", "ok", "lose", 429, 503)

    with town.sink.running():
        town.tell(notices)
        states = town.sink.wait_final(36, 60)

    town.check_the_books(states)
    assert len(town.hooks.accepted) == 12
    assert max(town.hooks.deliveries.values()) > 1, "none was tried again"
    assert all(len(bodies) == 1 for bodies in town.hooks.bodies.values()), "the same id said two things"
    # Lost, hung, cut or 5xx: of the nine bad moments six are unclear on each channel that cannot be asked twice.
    assert 0 < states["UNKNOWN"] <= 2 * 6


def test_old_notices_message_nobody_and_the_ledger_says_why(town: Town):
    year_ago = now_ms() - 365 * 24 * HOUR
    notices = [
        a_notice(order_id=f"R{each}", at=year_ago + each, recipients=["sms:+8613900000001"])
        for each in range(OLD_NOTICES)
    ]

    with town.sink.running():
        town.sink.tell(*notices)
        states = town.sink.wait_final(OLD_NOTICES, 60 + OLD_NOTICES / 1000)

    assert states == {"EXPIRED": OLD_NOTICES}
    assert (town.sms.requests, town.hooks.requests) == (0, 0)
    assert {row["reason"] for row in town.sink.rows()} == {"already too old when it came"}


def test_a_duplicate_a_late_event_and_a_restart_tell_nobody_twice(town: Town):
    (started,) = notices = town.notices(1, 1)
    town.agree(notices)
    late = a_notice("diagnosis_started", order_id="R1", at=started["occurred_at"] - MINUTE)
    late["recipients"] = started["recipients"]

    with town.sink.running():
        town.tell(notices)
        town.tell(notices)
        town.sink.wait_final(3)
        # The diagnosis is known only now: the repair has begun meanwhile, so there is nothing to tell.
        town.sink.tell(late, facts=[a_fact("R1", late, started)])
        town.sink.wait_final(6)
    with town.sink.running():
        town.sink.tell(started, late)
        town.sink.wait_ready()
        time.sleep(1)

    assert town.sink.states() == {"SENT": 3, "SUPERSEDED": 3}
    assert (len(town.hooks.accepted), len(town.sms.accepted), len(town.wechat.accepted)) == (1, 1, 1)


def test_a_provider_that_hangs_holds_up_no_other(town: Town):
    notices = town.notices(1, 10)
    town.agree(notices)
    town.sms.always = "hang"

    with town.sink.running():
        town.tell(notices)
        town.sink.wait_for("SENT", 20, limit_s=15)
        assert len(town.hooks.accepted) == len(town.wechat.accepted) == 10
        town.sms.always = "ok"
        town.sink.wait_final(30)

    town.check_the_books(town.sink.states())


def test_a_record_that_is_no_notice_becomes_a_dead_letter_and_stops_nothing(town: Town):
    notices = town.notices(1, 1)
    town.agree(notices)

    with town.sink.running():
        town.sink.tell({"order_id": "R0", "notice_id": 7})
        town.tell(notices)
        town.sink.wait_final(3)

    (letter,) = read_topic(town.sink.bootstrap, "service-events.dead-letter")
    assert dict(letter.headers)["fixtrail-code"] == b"unusable_record"


def test_who_opts_out_hears_nothing_more(town: Town):
    first, second = town.notices(1, 2)
    first["recipients"] = second["recipients"] = ["sms:+86 139-0000-0009"]

    with town.sink.running():
        town.tell([first])
        town.sink.wait_for("SENT")
        town.sink.run("notices", "consent", "sms:+8613900000009", "--opt-out")
        town.tell([second])
        states = town.sink.wait_final(2)

    assert states == {"SENT": 1, "SUPPRESSED": 1}
    assert [row["reason"] for row in town.sink.rows("state = 'SUPPRESSED'")] == ["no consent: opted out"]


def test_what_nobody_can_be_told_is_said_too(town: Town):
    nobody, elsewhere = a_notice(order_id="R1"), a_notice(order_id="R2", recipients=["pager:77", "no address"])

    with town.sink.running():
        town.tell([nobody, elsewhere])
        states = town.sink.wait_final(3)

    assert states == {"SUPPRESSED": 3}
    reasons = sorted(row["reason"] for row in town.sink.rows())
    assert reasons == ["channel pager is not set up", "no address", "the address names no channel"]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_sink_takes_over_from_one_that_died_in_the_middle_of_its_calls(
    kind: str, make_town: Callable[..., Town], request: pytest.FixtureRequest
):
    town = make_town(ledger="" if kind == "sqlite" else a_database(request.getfixturevalue("postgres"), "takeover"))
    other = PushSink(town.sink.folder, town.sink.bootstrap, town.sink.config.read_text(), town.sink.environment)
    notices = town.notices(1, 40)
    town.agree(notices)
    for provider in (town.hooks, town.sms, town.wechat):
        provider.pause_s = 0.1
    town.sink.start(FIXTRAIL_CRASH_AT="push-called:5")
    town.sink.wait_ready()
    other.start()
    try:
        town.tell(notices[:20])
        # It had begun some that nobody heard the end of, and it does not come back.
        town.sink.wait_crashed()
        left = Counter(row["channel"] for row in other.rows("state = 'INTENT'"))
        assert left, "it died at a moment when nothing was under way"
        town.tell(notices[20:])
        states = other.wait_final(120, 60)
    finally:
        town.sink.kill()
        assert other.stop() == 0, other.story()

    town.check_the_books(states)
    assert len(town.hooks.accepted) == 40
    assert states["UNKNOWN"] <= left["sms"] + left["wechat"]
    assert set(states) <= {"SENT", "UNKNOWN"}
