"""The staff is told each step once on each channel, and what became of it stays with the alert."""

import asyncio
from typing import Any

import pytest

from fixtrail.watch import alerts as life
from fixtrail.watch.config import OpsChannel, WatchConfig
from fixtrail.watch.open_order import TickOutput
from fixtrail.watch.shard import Shard
from fixtrail.watch.telling import AlertChannel, left_open
from fixtrail.watch.words import Wording, texts
from runtime.progress import Progress
from schemas.centers import Center
from schemas.facts import Acknowledgement, Alert, Telling
from schemas.locales import LOCALES
from sinks.push.channel import Accepted, Answer, Message, NotSent, Rejected, Unclear
from tests.workshop import checked_in, facts_after, ms, order_after, part

CENTER = Center(id="C1", name="浦东中心", name_en="Pudong", region="East", time_zone="Asia/Shanghai")
CONFIG = WatchConfig.model_validate(
    {"rule": [{"name": "silence", "kind": "no_news", "minutes": 30, "escalate_minutes": [30]}]}
)


class Board:
    """An ops channel that answers as it is told, and keeps what it was sent."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.texts = list(answers), list[str]()

    async def send(self, message: Message) -> Answer:
        self.texts.append(message.words.short)
        return self.answers.pop(0) if self.answers else Accepted()


class Office:
    """A shard with open alerts, and a desk for one channel; what would be Kafka is a list of versions."""

    def __init__(self, board: Any, orders: int = 1, **section: Any) -> None:
        self.now, self.alerts_written, self.fails = ms("08:30"), list[Alert](), False
        self.shard = Shard(0, CONFIG, {"C1": CENTER})
        for number in range(orders):
            for fact in facts_after(checked_in("08:00", order_id=f"R{number}")).values():
                self.take(fact)
        self.desk = AlertChannel(
            "board",
            OpsChannel.model_construct(**{**OpsChannel.model_construct().model_dump(warnings=False), **section}),
            board,
            Wording("en", "UTC", {"C1": CENTER}),
            self.write,
            Progress(),
            clock=lambda: self.now,
        )

    def take(self, fact: dict[str, Any]) -> None:
        import orjson

        record = type("Record", (), {"value": orjson.dumps(fact), "offset": 0, "partition": 0, "timestamp": 0})()
        self.shard.apply_journey(record)

    async def write(self, shard: Shard, change: Any, ids: list[str]) -> bool:
        if self.fails:
            return False
        changed = [change(shard.alerts[alert_id]) for alert_id in ids]
        self.alerts_written += changed
        shard.accept(TickOutput(alerts={alert.alert_id: alert for alert in changed}))
        return True

    async def pass_time(self, clock: str) -> None:
        """Look at the clock, and let the desk tell what there is to tell."""
        self.now = ms(clock)
        output = self.shard.tick(self.now)
        self.shard.accept(output)
        self.desk.offer(self.shard, self.shard.alerts.values())
        await self.desk._tell()

    def outcomes(self) -> list[tuple[str, str]]:
        return [(delivery.step, delivery.outcome) for alert in self.shard.alerts.values() for delivery in alert.told]


async def test_every_step_is_told_once():
    board = Board()
    office = Office(board)
    for clock in ("08:30", "08:31", "09:00", "09:01"):
        await office.pass_time(clock)
    office.take(order_after(checked_in("08:00", order_id="R1"), part("requested", "09:10")) | {"order_id": "R0"})
    for clock in ("09:11", "09:12"):
        await office.pass_time(clock)

    assert [text.partition("]")[0] for text in board.texts] == [
        "[Alert · warning · Pudong",
        "[Escalated, level 1 · warning · Pudong",
        "[Over · warning · Pudong",
    ]
    assert office.outcomes() == [("opened", "SENT"), ("level-1", "SENT"), ("closed", "SENT")]


async def test_intent_is_written_before_the_call_and_the_outcome_after():
    office = Office(Board(Unclear("no answer")))
    await office.pass_time("08:30")

    assert [[delivery.outcome for delivery in alert.told] for alert in office.alerts_written] == [
        ["INTENT"],
        ["UNKNOWN"],
    ]


async def test_what_is_not_written_is_not_told():
    board = Board()
    office = Office(board)
    office.fails = True
    await office.pass_time("08:30")
    assert board.texts == []

    office.fails = False
    await office.desk._tell()
    assert len(board.texts) == 1


@pytest.mark.parametrize(
    ("answer", "outcome", "calls"),
    [
        (Accepted(), "SENT", 1),
        (Rejected("no"), "REJECTED", 1),
        (Unclear("?"), "UNKNOWN", 1),
        (NotSent("away"), "SENT", 2),
    ],
)
async def test_only_what_was_surely_not_taken_is_told_again(answer, outcome, calls):
    board = Board(answer)
    office = Office(board)
    for clock in ("08:30", "08:31", "08:32"):
        await office.pass_time(clock)

    assert len(board.texts) == calls
    assert office.outcomes() == [("opened", outcome)]


async def test_a_channel_that_is_away_for_an_hour_is_not_told_any_more():
    office = Office(Board(*[NotSent("away")] * 10))
    for clock in ("08:30", "08:50", "09:40", "10:10", "10:40"):
        await office.pass_time(clock)

    assert dict(office.outcomes())["level-1"] == "RETRY"
    office.now = ms("10:20")
    assert not office.desk._wants(next(iter(office.shard.alerts.values())))


async def test_alerts_that_come_together_go_as_one_message():
    board = Board()
    office = Office(board, orders=30)
    await office.pass_time("08:30")

    (text,) = board.texts
    assert text.startswith("30 alerts\n")
    assert text.endswith("… and 10 more")
    assert office.outcomes() == [("opened", "SENT")] * 30


async def test_a_channel_hears_what_it_asked_for():
    for section, calls in (
        ({"rules": ("other",)}, 0),
        ({"centers": ("C2",)}, 0),
        ({"severities": ("critical",)}, 0),
        ({"from_level": 1}, 1),
        ({"rules": ("silence",), "centers": ("C1",), "severities": ("warning",)}, 2),
    ):
        board = Board()
        office = Office(board, **section)
        for clock in ("08:30", "09:00"):
            await office.pass_time(clock)
        assert len(board.texts) == calls, section


async def test_the_end_of_what_was_never_told_is_not_told():
    board = Board()
    office = Office(board, from_level=1)
    await office.pass_time("08:30")
    (alert,) = office.shard.alerts.values()
    by = Acknowledgement(alert_id=alert.alert_id, acknowledged_at=ms("08:40"), acknowledged_by="Li Wei")
    office.shard.accept(TickOutput(alerts={alert.alert_id: life.acknowledged(alert, by)}))
    await office.pass_time("08:41")

    assert board.texts == []


async def test_a_step_that_was_under_way_when_the_process_ended_is_unknown():
    hanging: asyncio.Event = asyncio.Event()

    class Silent(Board):
        async def send(self, message: Message) -> Answer:
            hanging.set()
            await asyncio.sleep(60)
            return Accepted()

    office = Office(Silent())
    telling = asyncio.create_task(office.pass_time("08:30"))
    await hanging.wait()
    telling.cancel()
    (alert,) = left_open(office.shard.alerts.values(), ms("08:31"))

    assert [(delivery.step, delivery.outcome) for delivery in alert.told] == [("opened", "UNKNOWN")]
    assert left_open([alert], ms("08:32")) == []


def an_alert(**fields: Any) -> Alert:
    rule = {
        "alert_id": "a",
        "rule": "r",
        "kind": "wait",
        "severity": "warning",
        "subject": "R1",
        "order_id": "R1",
        "center_id": "C1",
        "lane": None,
        "opening": "parts:1",
        "since": ms("08:00"),
        "opened_at": ms("08:30"),
        "value": None,
        "limit": 30.0,
        "unit": "minutes",
        "level": 0,
        "version": 1,
    }
    return Alert.model_validate({**rule, **fields})


def test_both_languages_have_the_same_texts():
    def keys(node: Any, path: str = "") -> set[str]:
        if not isinstance(node, dict):
            return {path}
        return {key for name, child in node.items() for key in keys(child, f"{path}.{name}")}

    assert keys(texts()["zh-CN"]) == keys(texts()["en"])


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", texts()["en"]["kinds"])
def test_every_kind_of_alert_has_words(kind, locale):
    of_centers = {"stockout_rate": "share", "field_lost": "share", "source_silent": "events", "clock_skew": "minutes"}
    measured = {"value": 0.32, "limit": 0.28, "order_id": None, "subject": "C1"}
    alert = an_alert(kind=kind, **({**measured, "unit": of_centers[kind]} if kind in of_centers else {}))
    wording = Wording(locale, "UTC", {"C1": CENTER})

    for step in ("opened", "level-2", "closed"):
        line = wording.message([(alert, step)]).title
        assert "{" not in line and "None" not in line
        assert ("浦东中心" if locale == "zh-CN" else "Pudong") in line
    assert kind in of_centers or kind == "pipeline_lag" or "R1" in wording.about(alert)


def test_an_acknowledgement_names_who_takes_care():
    alert = an_alert(closed_at=1, closed_by="acknowledgement", acknowledged_by="李伟\n@all")

    assert "李伟 all 已接手" in Wording("zh-CN", "UTC", {}).line(alert, "closed")


def test_foreign_texts_are_no_more_than_text():
    alert = an_alert(subject="<script>@everyone\r\nBcc: x", center_id="<b>")
    words = Wording("en", "UTC", {}).message([(alert, "opened")])

    assert "<" not in words.short and "\n" not in words.short and "@" not in words.short
    assert "<script" not in words.html


def test_the_outcome_of_a_step_replaces_the_one_before():
    alert = an_alert()
    for outcome in ("INTENT", "RETRY", "INTENT", "SENT"):
        alert = life.with_tellings(alert, [Telling(step="opened", channel="x", outcome=outcome, at=1)])

    assert [delivery.outcome for delivery in alert.told] == ["SENT"]
    assert alert.version == 5
