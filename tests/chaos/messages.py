"""Whether customers were told what they were to be told, once: notices, the ledger, and what the providers took."""

import contextlib
import json
import re
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runtime.clock import now_ms
from tests import oracle_terms
from tests.chaos import notices, providers
from tests.chaos.fleet import Fleet
from tests.chaos.processes import End
from tests.chaos.topics import in_order
from tests.providers.push_sink import FINAL
from tests.providers.server import Provider
from tests.stack import wait_for
from tests.truth import Truth

SOON_MS, OVERDUE_MS = 2_000, 30_000
CHANNELS = {"webhook", "sms"}
SLACK_MS = 60_000
READY_AFTER_MS, CHECKS_COUNT_MS = 10 * 60_000, 28 * 86_400_000
# From one heartbeat to the next, and from one look of the watch at the clock to the next but one.
HEARTBEAT_S, LOOK_S = 10.0, 5.0

Row = dict[str, Any]


def rows(fleet: Fleet) -> list[Row]:
    """The ledger's sends; none while there is no ledger."""
    query = "SELECT id, notice_id, order_id, milestone, channel, state, reason, due_at, address FROM sends"
    if fleet.postgres is not None:
        return fleet.postgres.rows(query)
    if not fleet.ledger.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{fleet.ledger}?mode=ro", uri=True, timeout=30)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(query)]


def waiting(fleet: Fleet) -> list[Row]:
    """Sends whose outcome is not known yet."""
    return [send for send in rows(fleet) if send["state"] not in FINAL]


def wait_told(fleet: Fleet, limit_s: float, *, even_later: bool) -> None:
    """Return once nothing is left to send, now or `even_later`; or after the limit: the checker tells what is left."""
    with contextlib.suppress(TimeoutError):
        wait_for(
            lambda: not any(even_later or send["due_at"] < now_ms() + SOON_MS for send in waiting(fleet)),
            limit_s,
            "everybody is told",
        )


def wait_watching(fleet: Fleet, limit_s: float) -> None:
    """Return once the watch looks at every order again: heartbeats come through, and it has had time for a look."""
    quiet = re.compile(r"^fixtrail_watch_held_partitions 0(\.0)?$", re.MULTILINE)
    ready = re.compile(r"^fixtrail_watch_ready 1(\.0)?$", re.MULTILINE)

    def is_watching() -> bool:
        page = fleet.metrics().get("metrics of watch-1", "")
        return bool(quiet.search(page) and ready.search(page))

    with contextlib.suppress(TimeoutError):
        wait_for(lambda: all(p.is_ready() for p in fleet.parts.values() if p.name == "pulse-1"), limit_s, "pulse")
        time.sleep(HEARTBEAT_S)
        wait_for(is_watching, limit_s, "the watch holds nothing back")
        time.sleep(LOOK_S)


def ledger_differences(sends: list[Row], records: Iterable[Any], ended_ms: int) -> list[str]:
    """Each notice has one send for every recipient that any of its records named, and no other; none is overdue."""
    expected: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for record in in_order(records):
        notice = json.loads(record.value)
        named = [tuple(recipient.split(":", 1)) for recipient in notice["recipients"]]
        expected[notice["notice_id"]].update(named or [("none", "")])
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for send in sends:
        texts[send["notice_id"]].append(send["channel"])
    right = {name: sorted(channel for channel, _ in channels) for name, channels in expected.items()}
    return [
        *(
            f"notice {name}: sends to {sorted(texts[name])}, expected {right.get(name)}"
            for name in sorted(expected.keys() | texts.keys())
            if sorted(texts[name]) != right.get(name)
        ),
        *(
            f"send {send['id']} ({send['milestone']}, {send['channel']}) is {send['state']}: {send['reason']}"
            for send in sends
            if send["state"] not in FINAL and send["due_at"] + OVERDUE_MS < ended_ms
        ),
        *(f"send {send['id']} is {send['state']} and keeps its address" for send in sends if _keeps_address(send)),
    ]


def _keeps_address(send: Row) -> bool:
    return send["state"] in FINAL and send["address"] is not None


def webhook_differences(sends: list[Row], receiver: Any) -> list[str]:
    """Each id was taken once, as it was signed, and the ledger says so; one with an unclear end was sent again."""
    states = {send["id"]: send["state"] for send in sends if send["channel"] == "webhook"}
    accepted = Counter(name for name, _ in receiver.accepted)
    return [
        *([f"{receiver.forged} calls had no good signature"] if receiver.forged else ()),
        *(f"webhook {name} was taken {times} times" for name, times in accepted.items() if times > 1),
        *(f"webhook {name} said different things" for name, contents in receiver.bodies.items() if len(contents) > 1),
        *(
            f"webhook {name} was taken and is {states.get(name, 'not in the ledger')}"
            for name in accepted
            if states.get(name) not in ("SENT", "UNKNOWN")
        ),
        *(
            f"webhook {name} is SENT and was never taken"
            for name, s in states.items()
            if s == "SENT" and not accepted[name]
        ),
    ]


def sms_differences(sends: list[Row], gateway: Any, unclear: int) -> list[str]:
    """Nobody got a text twice; every text that was taken is SENT or UNKNOWN; not more are UNKNOWN than can be."""
    twice = {text_key: times for text_key, times in Counter(gateway.accepted).items() if times > 1}
    states = Counter(send["state"] for send in sends if send["channel"] == "sms")
    accepted = len(gateway.accepted)
    differences = [f"a text came {times} times: {text[:60]!r}" for (_, text), times in twice.items()]
    if not states["SENT"] <= accepted <= states["SENT"] + states["UNKNOWN"]:
        differences.append(
            f"{accepted} texts were taken; the ledger has {states['SENT']} SENT and {states['UNKNOWN']} UNKNOWN"
        )
    if states["UNKNOWN"] > unclear:
        differences.append(f"{states['UNKNOWN']} texts are UNKNOWN, and {unclear} calls can have ended so")
    return differences


def unclear_calls(gateway: Provider, ends: Iterable[End], freezes: int) -> int:
    """How many calls can have ended so that nobody knows: without a clear answer, or with nobody to hear it."""
    by_mood = sum(times for mood, times in gateway.met.items() if mood in ("lose", "hang") or mood == 500)
    killed = sum(end.name.startswith("push-") and end.code != 0 for end in ends)
    return by_mood + (killed + freezes) * providers.SMS_AT_ONCE


def clock_differences(records: Iterable[Any], truth: Truth, ended_ms: int) -> list[str]:
    """What the watch told: only promises that were made and had passed, and cars whose work had been done for a while,
    of a center that has sent no check and no `ready`; of each promise that was still broken, it told.
    """
    promises: set[tuple[oracle_terms.Key, str]] = set()
    differences = []
    for record in in_order(records):
        notice = json.loads(record.value)
        if not notices.is_by_clock(notice):
            continue
        order, about = (notice["center_id"], notice["order_id"]), notice["event_id"]
        promises.add((order, about))
        if notice["notice_id"] != notices.notice_id((*order, notice["milestone"], about)):
            differences.append(f"{notice['milestone']} of {order}: its id is not that of {about}")
        if order not in truth.orders:
            differences.append(f"{notice['milestone']} of {order}: no such order")
            continue
        if notice["occurred_at"] > record.timestamp:
            differences.append(f"{notice['milestone']} of {order}: told before it was so")
        if notice["milestone"] == "ready":
            differences += _ready_differences(notice, record.timestamp, truth)
    return [*differences, *_not_told(promises, truth, ended_ms)]


def _ready_differences(notice: Row, told_at: int, truth: Truth) -> Iterator[str]:
    """A car whose work is done is ready after ten minutes where its center sends neither checks nor `ready`."""
    order = notice["center_id"], notice["order_id"]
    if notice["occurred_at"] + READY_AFTER_MS > told_at:
        yield f"ready of {order}: told {told_at - notice['occurred_at']} ms after the work was done"
    if (status := truth.orders[order]["status"]) == "open" and truth.orders[order]["activity"] != "finishing":
        yield f"ready of {order}: {status}, its work is not done"
    handed_off = [
        order_there["checked"]
        for (center_id, _), order_there in truth.orders.items()
        if (center_id, order_there["status"]) == (order[0], "handed_off")
        and told_at - CHECKS_COUNT_MS <= order_there["closed_at"].timestamp() * 1000 <= told_at
    ]
    if not handed_off or any(handed_off):
        yield f"ready of {order}: its center has {sum(handed_off)} checks in {len(handed_off)} orders of 28 days"


def _not_told(promises: set[tuple[oracle_terms.Key, str]], truth: Truth, ended_ms: int) -> Iterator[str]:
    """Orders of today that are open to the end and late: nothing made the watch's word needless."""
    threshold_ms = round(providers.LATE_AFTER_MINUTES * 60_000)
    for key, order in truth.orders.items():
        if not key[1].startswith("T") or order["status"] != "open" or order["promised_at"] is None:
            continue
        promised = round(order["promised_at"].timestamp() * 1000)
        is_waiting = order["activity"] not in (None, "pickup")
        is_late = promised + threshold_ms + SLACK_MS < ended_ms
        if is_waiting and is_late and (key, f"promise:{promised}") not in promises:
            yield f"running_late of {key}: not told, promised {ended_ms - promised} ms before the end"


def counts(fleet: Fleet, sends: Iterable[Row]) -> Mapping[str, int]:
    """What the ledger and the providers came to."""
    states = Counter((send["channel"], send["state"]) for send in sends if send["channel"] in CHANNELS)
    webhooks, sms = fleet.providers["webhooks"], fleet.providers["sms"]
    return {
        "webhooks taken": len(webhooks.accepted),
        "of these sent again after an unclear end": sum(n - 1 for n in webhooks.deliveries.values()),  # type: ignore[attr-defined]
        "webhooks of unknown outcome": states["webhook", "UNKNOWN"],
        "texts taken": len(sms.accepted),
        "texts of unknown outcome": states["sms", "UNKNOWN"],
        "sends superseded": states["webhook", "SUPERSEDED"] + states["sms", "SUPERSEDED"],
        "provider answers lost, late or an error": sum(
            times for provider in (webhooks, sms) for mood, times in provider.met.items() if mood != "ok"
        ),
        "push sinks killed or ended at a step": sum(
            end.name.startswith("push-") and end.code != 0 for end in fleet.ends
        ),
    }
