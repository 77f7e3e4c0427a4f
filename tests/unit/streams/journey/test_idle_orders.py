"""Open orders are packed in memory once nothing is heard of them, and all that is written stays what it was."""

from random import Random

import pytest

from streams.journey import idle_orders
from streams.journey.idle_orders import IdleOrders
from streams.journey.packed_state import is_packed, packed_state, plain_state
from tests import feed
from tests.worker_memory import Memory
from tests.workshop import event_of

STATE = b'[5,[],null,7,""]\n["e1",1772438400000,"i","C1"]'


def history(memory: Memory) -> Memory:
    """The memory after a feed with repeats and late events, in batches of 60, with crashes in between."""
    events = list(enumerate(map(event_of, feed.dirty(feed.clean_feed(3, 600), 3))))
    chance = Random(7)
    for start in range(0, len(events), 60):
        memory.take(events[start : start + 60])
        if chance.random() < 0.3:
            memory.crash(chance)
            memory.take(events[max(0, start - 60) : start + 60])
    return memory


def test_what_is_written_is_the_same_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = history(Memory())
    monkeypatch.setattr(idle_orders, "UNPACKED_ORDERS", 1)
    packed = history(Memory())

    assert (packed.sent, packed.notices, packed.log) == (unpacked.sent, unpacked.notices, unpacked.log)
    assert packed.center_hours() == unpacked.center_hours()
    orders, packed_orders = unpacked.tables[0], packed.tables[0]
    assert {key: plain_state(state) for key, state in packed_orders.items()} == {
        key: plain_state(state) for key, state in orders.items()
    }
    assert sum(map(is_packed, packed_orders.values())) > sum(map(is_packed, orders.values()))


def test_those_that_have_waited_longest_are_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_orders, "UNPACKED_ORDERS", 2)
    orders = dict.fromkeys((b"1", b"2", b"3"), STATE) | {b"closed": packed_state(STATE)}
    idle = IdleOrders(orders)

    idle.pack({b"1": STATE})
    assert [key for key, state in orders.items() if is_packed(state)] == [b"2", b"closed"]
    orders[b"2"] = STATE
    del orders[b"3"]
    idle.pack({b"2": STATE})
    assert [key for key, state in orders.items() if is_packed(state)] == [b"closed"]
    assert set(map(plain_state, orders.values())) == {STATE}


def test_after_a_start_they_are_packed_little_by_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_orders, "UNPACKED_ORDERS", 10)
    orders = {b"%d" % number: STATE for number in range(100)}
    idle = IdleOrders(orders)

    counts = []
    for _ in range(6):
        idle.pack({})
        counts.append(sum(map(is_packed, orders.values())))
    assert counts == [20, 40, 60, 80, 90, 90]
