"""Whether the chaos checker sees it when customers are told wrongly: each rule has a case that it must find."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos import messages, notices
from tests.chaos.load import Sent
from tests.chaos.run import RunOptions
from tests.chaos.today import SCRIPT, among, orders_of_today
from tests.truth import Truth

NOW = 1_780_000_000_000
BEGAN = datetime(2026, 5, 28, 8, tzinfo=UTC)


def a_send(number: int, channel: str = "webhook", state: str = "SENT", **fields: Any) -> messages.Row:
    row = {"id": f"s{number}", "notice_id": f"n{number}", "order_id": "T1", "milestone": "ready", "channel": channel}
    return {**row, "state": state, "reason": "", "due_at": NOW, "address": None, **fields}


def a_record(notice: dict[str, Any], at: int = NOW, offset: int = 0) -> Any:
    value = json.dumps(notice).encode()
    return SimpleNamespace(partition=0, offset=offset, timestamp=at, headers=(), key=b"T1", value=value)


def a_notice(name: str, *recipients: str) -> Any:
    return a_record({"notice_id": name, "recipients": recipients})


def test_one_send_for_each_recipient_is_right():
    records = [a_notice("n1", "webhook:x", "sms:1"), a_notice("n2"), a_notice("n1", "webhook:x", "sms:1")]
    sends = [a_send(1), a_send(1, "sms", "UNKNOWN"), a_send(2, "none", "SUPPRESSED")]

    assert messages.ledger_differences(sends, records, NOW) == []


@pytest.mark.parametrize(
    "sends",
    [
        [],
        [a_send(1), a_send(1)],
        [a_send(1), a_send(2)],
        [a_send(1, state="INTENT", due_at=NOW - 60_000)],
        [a_send(1, address="https://example.com")],
    ],
    ids=["lost", "twice", "of no notice", "never ended", "keeps an address"],
)
def test_a_wrong_ledger_is_seen(sends: list[messages.Row]):
    assert messages.ledger_differences(sends, [a_notice("n1", "webhook:x")], NOW)


def test_what_is_to_be_told_later_is_not_late():
    waiting = a_send(1, state="PLANNED", due_at=NOW + 60_000, address="https://example.com")

    assert messages.ledger_differences([waiting], [a_notice("n1", "webhook:x")], NOW) == []


def a_receiver(*accepted: str, bodies: int = 1, forged: int = 0) -> Any:
    contents = {name: {str(number).encode() for number in range(bodies)} for name in accepted}
    return SimpleNamespace(accepted=[(name, {}) for name in accepted], bodies=contents, forged=forged)


@pytest.mark.parametrize(
    ("sends", "receiver"),
    [
        ([a_send(1)], a_receiver()),
        ([a_send(1)], a_receiver("s1", "s1")),
        ([a_send(1, state="EXPIRED")], a_receiver("s1")),
        ([a_send(1)], a_receiver("s1", bodies=2)),
        ([a_send(1)], a_receiver("s1", forged=1)),
        ([], a_receiver("s1")),
    ],
    ids=["never taken", "taken twice", "taken and not known", "said two things", "badly signed", "from nowhere"],
)
def test_wrong_webhooks_are_seen(sends: list[messages.Row], receiver: Any):
    assert messages.webhook_differences(sends, receiver)


def test_webhooks_with_a_known_or_unknown_end_are_right():
    sends = [a_send(1), a_send(2, state="UNKNOWN"), a_send(3, state="UNKNOWN"), a_send(4, state="EXPIRED")]

    assert messages.webhook_differences(sends, a_receiver("s1", "s2")) == []


def texts(*accepted: tuple[str, str]) -> Any:
    return SimpleNamespace(accepted=list(accepted))


def test_texts_taken_once_are_right_also_where_their_end_is_not_known():
    sends = [a_send(1, "sms"), a_send(2, "sms", "UNKNOWN"), a_send(3, "sms", "UNKNOWN")]

    assert messages.sms_differences(sends, texts(("1", "ready"), ("2", "ready")), unclear=2) == []


@pytest.mark.parametrize(
    ("sends", "gateway", "unclear"),
    [
        ([a_send(1, "sms"), a_send(2, "sms")], texts(("1", "ready"), ("1", "ready")), 0),
        ([a_send(1, "sms")], texts(), 0),
        ([a_send(1, "sms", "EXPIRED")], texts(("1", "ready")), 0),
        ([a_send(1, "sms", "UNKNOWN")], texts(), 0),
    ],
    ids=["told twice", "never told", "told and not known", "more unknown than can be"],
)
def test_wrong_texts_are_seen(sends: list[messages.Row], gateway: Any, unclear: int):
    assert messages.sms_differences(sends, gateway, unclear)


def test_unclear_calls_are_those_without_an_answer_or_anybody_to_hear_it():
    gateway = SimpleNamespace(met=Counter({"ok": 90, "lose": 2, "hang": 1, 500: 3, 429: 7}))
    ends = [SimpleNamespace(name="push-1", code=-9), SimpleNamespace(name="push-2", code=0)]

    assert messages.unclear_calls(gateway, [*ends, SimpleNamespace(name="worker-1", code=-9)], freezes=1) == 10  # type: ignore[arg-type, list-item]


def open_order(promised: datetime) -> Truth:
    event = {
        **{"event_id": "e1", "type": "check_in", "order_id": "T1", "vehicle_id": "V1", "center_id": "C1"},
        **{"occurred_at": BEGAN.isoformat(), "customer_id": "K1", "lane": "quick"},
        "promised_at": promised.isoformat(),
    }
    return Truth([event])


def late_notice(promised: datetime, **fields: Any) -> dict[str, Any]:
    about = f"promise:{round(promised.timestamp() * 1000)}"
    name = notices.notice_id(("C1", "T1", "running_late", about))
    occurred_at = round(promised.timestamp() * 1000)
    notice = {"notice_id": name, "center_id": "C1", "order_id": "T1", "milestone": "running_late", "event_id": about}
    return {**notice, "occurred_at": occurred_at, **fields}


def test_a_broken_promise_is_to_be_told_once_it_is_broken():
    promised = BEGAN + timedelta(minutes=5)
    truth, ended = open_order(promised), round((promised + timedelta(minutes=5)).timestamp() * 1000)

    assert messages.clock_differences([], truth, ended) != []
    assert messages.clock_differences([a_record(late_notice(promised), ended)], truth, ended) == []
    assert messages.clock_differences([], truth, ended - 5 * 60_000) == []


@pytest.mark.parametrize("wrong", [{"order_id": "T2"}, {"notice_id": "x"}, {"occurred_at": NOW * 2}])
def test_a_wrong_word_of_the_watch_is_seen(wrong: dict[str, Any]):
    promised = BEGAN + timedelta(minutes=5)
    ended = round((promised + timedelta(minutes=5)).timestamp() * 1000)

    assert messages.clock_differences([a_record(late_notice(promised, **wrong), ended)], open_order(promised), ended)


def visit(order_id: str, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a visit of center C1, a minute apart."""
    same = {"order_id": order_id, "vehicle_id": f"V{order_id}", "center_id": "C1"}
    return [
        {
            "event_id": f"{order_id}-{number}",
            "occurred_at": (BEGAN + timedelta(minutes=number)).isoformat(),
            **same,
            **event,
        }
        for number, event in enumerate(events)
    ]


CHECK_IN = {"type": "check_in", "customer_id": "K1", "lane": "quick"}
STARTED, COMPLETED = ({"type": "repair", "phase": phase, "job_id": "J1"} for phase in ("started", "completed"))
HANDOFF = {"type": "handoff"}
PASSED = {"type": "quality_check", "phase": "completed", "passed": True}


@pytest.mark.parametrize(
    ("before", "own", "minutes", "is_right"),
    [
        ((), (COMPLETED,), 10, True),
        ((), (COMPLETED,), 9, False),
        ((PASSED,), (COMPLETED,), 10, False),
        ((), (), 10, False),
    ],
    ids=["done for long enough", "too early", "a center with checks", "work not done"],
)
def test_cars_that_time_alone_makes_ready(before: tuple, own: tuple, minutes: int, is_right: bool):
    truth = Truth([*visit("T0", CHECK_IN, STARTED, COMPLETED, *before, HANDOFF), *visit("T1", CHECK_IN, STARTED, *own)])
    done_at = round((BEGAN + timedelta(minutes=2)).timestamp() * 1000)
    about = f"finishing:{done_at}"
    notice = {
        **{"notice_id": notices.notice_id(("C1", "T1", "ready", about)), "milestone": "ready", "event_id": about},
        **{"center_id": "C1", "order_id": "T1", "occurred_at": done_at},
    }
    told_at = done_at + minutes * 60_000

    assert (messages.clock_differences([a_record(notice, told_at)], truth, told_at) == []) is is_right


def test_orders_of_today_happen_when_they_are_sent():
    today = orders_of_today(3, BEGAN, 300, 20, lambda number: [f"sms:{number}"])
    events = [(at_s, record.event) for at_s, record in today if record.event is not None]

    assert today == sorted(today, key=lambda item: item[0])
    assert {event["order_id"] for _, event in events} == {f"T{number:07d}" for number in range(100)}
    assert {event["type"] for _, event in events} == {"check_in", *(kind for kind, _ in SCRIPT)}
    for at_s, event in events:
        assert datetime.fromisoformat(event["occurred_at"]) <= BEGAN + timedelta(seconds=at_s + 0.001)
    assert len(events) > len({event["event_id"] for _, event in events})


def test_orders_of_today_are_sent_at_their_second_among_the_others():
    others = [Sent(b"", str(number).encode(), None) for number in range(100)]
    today = [(2.0, Sent(b"", b"first", None)), (5.0, Sent(b"", b"second", None))]

    mixed = [record.value for record in among(others, today, rate=10)]

    assert mixed.index(b"first") == 20
    assert mixed.index(b"second") == 50
    assert [value for value in mixed if value not in (b"first", b"second")] == [record.value for record in others]


def test_a_run_sends_for_as_long_as_it_is_asked_to():
    options = RunOptions(minutes=5, rate=60, today=60)
    today = orders_of_today(options.seed, BEGAN, 300, options.today, lambda number: [])

    assert len(options.records()) + len(today) == pytest.approx(5 * 60 * 60, rel=0.05)
