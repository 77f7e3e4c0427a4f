"""What stands in the topics, read by plain code: of the processes that wrote it only the words are shared by which
they pack, which are data."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from streams.journey.packed_state import WORDS
from tests import compare, oracle_figures
from tests.oracle_terms import EPOCH
from tests.truth import Truth

ORIGIN = ("fixtrail-topic", "fixtrail-partition", "fixtrail-offset")
HEARTBEAT = "fixtrail-heartbeat"
ORDERS_CHANGELOG = "fixtrail-orders-changelog"
HOLD = timedelta(days=60)
# A fact has ids where the view has keyed hashes, and knows no clock.
NOT_IN_FACTS = frozenset({"vehicle_key", "customer_key", "ftf_status"})
MONEY = ("quoted_amount", "approved_amount", "final_amount")

Event = dict[str, Any]


def is_heartbeat(record: Any) -> bool:
    """A record without value that only measures how long the way takes."""
    return record.value is None and any(name == HEARTBEAT for name, _ in record.headers)


Name = tuple[str, str, str]  # vehicle, center, order


def origin(letter: Any) -> tuple[int, int]:
    """The partition and offset of the record that a dead letter is about."""
    headers = dict(letter.headers)
    return int(headers.get(ORIGIN[1], b"-1")), int(headers.get(ORIGIN[2], b"-1"))


def journey_differences(records: Iterable[Any], truth: Truth) -> list[str]:
    """Topic `journeys`: one version of an order says one thing, and its highest is the truth as of the last event."""
    differences: list[str] = []
    values: dict[tuple[str, str, str, int], bytes] = {}
    last: dict[Name, dict[str, Any]] = {}
    for record, fact in _facts(records):
        name = fact["vehicle_id"], fact["center_id"], fact["order_id"]
        if json.loads(record.key) != [*name[1:], name[0]]:
            differences.append(f"journeys {name}: key {record.key!r}")
        if values.setdefault((*name, fact["version"]), record.value) != record.value:
            position = f"{record.partition}:{record.offset}"
            differences.append(
                f"journeys {name}: version {fact['version']} at {position} says something else than before"
            )
        if name not in last or fact["version"] >= last[name]["version"]:
            last[name] = fact
    rows = [_row(fact) for fact in last.values()]
    differences += compare.row_differences(rows, truth, EPOCH, lacking=NOT_IN_FACTS)
    return differences


def journeys_told_again(records: Iterable[Any]) -> int:
    """How often an order's version came again: a process ended after its output and before its state was written."""
    last: dict[Name, int] = {}
    times = 0
    for _, fact in _facts(records):
        name = fact["vehicle_id"], fact["center_id"], fact["order_id"]
        times += fact["version"] <= last.get(name, 0)
        last[name] = fact["version"]
    return times


def _facts(records: Iterable[Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    for record in in_order(records):
        if record.value is not None:
            yield record, json.loads(record.value, parse_float=Decimal)


def in_order(records: Iterable[Any]) -> list[Any]:
    """By partition and offset, without heartbeats."""
    return sorted(
        (record for record in records if not is_heartbeat(record)), key=lambda record: (record.partition, record.offset)
    )


def _row(fact: Mapping[str, Any]) -> dict[str, Any]:
    """A fact as a row of view `orders`: times as text, money as decimals."""
    times = {name: _time_text(fact[name]) for name in (*compare.TIMES, "activity_since")}
    money = {name: None if fact[name] is None else Decimal(fact[name]) for name in MONEY}
    return {**fact, **times, **money}


def _time_text(ms: int | None) -> str | None:
    return None if ms is None else str(EPOCH + timedelta(milliseconds=ms))


def counts_by_order(records: Iterable[Any]) -> dict[Name, tuple[int, list[tuple[int, int]]]]:
    """By vehicle, center, order: the partition of its facts, and (offset, events counted), each a new highest."""
    counts: dict[Name, tuple[int, list[tuple[int, int]]]] = {}
    for record, fact in _facts(records):
        _, facts = counts.setdefault((fact["vehicle_id"], fact["center_id"], fact["order_id"]), (record.partition, []))
        if not facts or fact["event_count"] > facts[-1][1]:
            facts.append((record.offset, fact["event_count"]))
    return counts


def first_logged(records: Iterable[Any]) -> dict[tuple[str, str, str, str], int]:
    """At which offset of its partition the orders' changelog first had each (vehicle, center, order, event)."""
    offsets: dict[tuple[str, str, str, str], int] = {}
    for record in in_order(records):
        if record.value is not None:
            name = json.loads(record.key)
            for line in _plain(record.value).split(b"\n")[1:]:
                offsets.setdefault((*name, json.loads(line)[0]), record.offset)
    return offsets


def center_hour_differences(records: Iterable[Any], truth: Truth) -> list[str]:
    """Topic `center-hours`: the highest revision of each part of an hour, added up, is the truth."""
    newest: dict[tuple[str, int, int], dict[str, Any]] = {}
    for record in in_order(records):
        hour = json.loads(record.value, parse_float=Decimal)
        key = hour["center_id"], hour["hour"], hour["partition"]
        if key not in newest or hour["revision"] >= newest[key]["revision"]:
            newest[key] = hour
    right = oracle_figures.center_hours_of(truth.orders)
    names = next(iter(right.values()), {}).keys()
    added: dict[tuple[str, datetime], dict[str, Decimal]] = {}
    for (center, at, _), hour in newest.items():
        sums = added.setdefault((center, EPOCH + timedelta(milliseconds=at)), dict.fromkeys(names, Decimal(0)))
        for name in names:
            sums[name] += Decimal(hour[name])
    nothing = dict.fromkeys(names, 0)
    return [
        f"center-hours {key}: {added.get(key)}, expected {right.get(key)}"
        for key in sorted(added.keys() | right.keys(), key=str)
        if any(added.get(key, nothing)[name] != Decimal(str(right.get(key, nothing)[name])) for name in names)
    ]


def changelog_differences(records: Iterable[Any], truth: Truth) -> list[str]:
    """The orders' changelog, replayed: each order kept has exactly its distinct events; one let go was due for it.

    A value is a header line and one JSON array per event, [event_id, at in ms, ...]; the key [vehicle, center, order].
    That of a closed order is deflated behind a byte 1, or 2 where it takes words for known.
    """
    entries_by_order: dict[Name, dict[str, int]] = {}
    for record in in_order(records):
        vehicle, center, order = json.loads(record.key)
        name = vehicle, center, order
        if record.value is None:
            entries_by_order.pop(name, None)
            continue
        _, *lines = _plain(record.value).split(b"\n")
        entries = {entry[0]: entry[1] for entry in map(json.loads, lines)}
        # An order's events only become more; a worker that had lost the partition may add an older set.
        entries_by_order[name] = {**entries_by_order.get(name, {}), **entries}
    return list(_state_differences(entries_by_order, truth))


def _plain(value: bytes) -> bytes:
    if not value.startswith((b"\x01", b"\x02")):
        return value
    words = WORDS if value.startswith(b"\x02") else b""
    return zlib.decompressobj(-zlib.MAX_WBITS, words).decompress(value[1:])


def _state_differences(entries_by_order: Mapping[Name, dict[str, int]], truth: Truth) -> Iterator[str]:
    right: dict[Name, dict[str, int]] = {}
    newest = EPOCH
    for event in compare.distinct(truth.events):
        at = datetime.fromisoformat(event["occurred_at"]).astimezone(UTC)
        newest = max(newest, at)
        ms = (at - EPOCH) // timedelta(milliseconds=1)
        right.setdefault((event["vehicle_id"], event["center_id"], event["order_id"]), {})[event["event_id"]] = ms
    for name in sorted(entries_by_order.keys() - right.keys()):
        yield f"changelog {name}: not expected"
    for name, entries in right.items():
        if name in entries_by_order and entries_by_order[name] != entries:
            wrong = sorted(set(entries_by_order[name].items()) ^ set(entries.items()))[:5]
            yield f"changelog {name}: differs in {wrong}"
        closed_at = truth.orders[name[1:]]["closed_at"]
        if name not in entries_by_order and (closed_at is None or closed_at + HOLD > newest):
            yield f"changelog {name}: missing, though it was closed at {closed_at} and the clock says {newest}"
