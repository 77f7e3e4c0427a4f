"""A table of a compacted topic: which value of a key counts, what is skipped, and who hears of a change."""

import time
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runtime.kafka.table import STALE_AFTER_S, Table

Change = tuple[str, int | None, int | None]


def record(key: str | None, value: int | str | None) -> SimpleNamespace:
    raw = None if value is None else str(value).encode()
    return SimpleNamespace(headers=(), key=None if key is None else key.encode(), value=raw, offset=0, partition=0)


def numbers(**options: Any) -> Table[int]:
    return Table("numbers", int, **options)


def test_followers_hear_of_every_change_in_its_order_and_of_nothing_else():
    table, changes = numbers(is_newer=int.__gt__), list[Change]()
    leave = table.on_change(lambda *change: changes.append(change))

    table.apply([record("a", 1), record("b", 5), record("a", 0), record("a", 2), record("b", None), record("c", None)])
    table.replace("a", 1)
    leave()
    table.apply([record("a", 9)])

    assert changes == [("a", None, 1), ("b", None, 5), ("a", 1, 2), ("b", 5, None), ("a", 2, 1)]


def test_several_followers_hear_in_the_order_they_came_and_one_may_leave_meanwhile():
    table, calls = numbers(), list[str]()
    leave = table.on_change(lambda *_: (calls.append("first"), leave()))
    table.on_change(lambda *_: calls.append("second"))

    table.apply([record("a", 1), record("a", 2)])

    assert calls == ["first", "second", "second"]


def test_what_cannot_be_read_and_what_has_no_key_is_skipped():
    table = numbers()

    table.apply([record("a", 1), record("a", "no number"), record(None, 2), record(None, None), record("b", 3)])

    assert dict(table) == {"a": 1, "b": 3}


def test_expired_values_are_dropped_and_followers_hear_of_it():
    table, changes = numbers(is_expired=lambda value, now: value < now), list[Change]()
    table.apply([record("a", 1), record("b", 2)])
    table.on_change(lambda *change: changes.append(change))

    table.expire(2)

    assert dict(table) == {"b": 2}
    assert changes == [("a", 1, None)]


def test_a_table_is_current_for_a_minute_after_it_was_complete():
    table = numbers()
    assert not table.is_current

    table.note_complete(time.monotonic())
    assert table.is_current
    table.note_complete(time.monotonic() - STALE_AFTER_S)

    assert not table.is_current
    assert table.read.is_set()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=40), st.integers(0, 40))
def test_reading_the_topic_again_changes_nothing(rows: list[tuple[str, int]], start: int):
    """As after a reconnect: the highest version counts, whatever comes once more."""
    records = [record(key, value) for key, value in rows]
    table = numbers(is_newer=int.__gt__)
    table.apply(records)
    before = dict(table)

    table.apply(records[start:])

    assert dict(table) == before == {key: max(value for k, value in rows if k == key) for key, _ in rows}
