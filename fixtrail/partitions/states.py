"""The workers' state under another number of partitions: every vehicle's goes to its own one, hours are split."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson

from streams.journey.center_hours import center_hour
from streams.journey.hour_state import HourState, Share, decode_hour
from streams.journey.old_state import with_centers
from streams.journey.packed_state import packed_state, plain_state
from streams.journey.partition_state import hour_key
from streams.journey.vehicle import decode_vehicle

PartitionOf = Callable[[bytes], int]
Table = dict[bytes, bytes]
HourName = tuple[str, int]  # center and the hour's start in ms

_decode_header = msgspec.json.Decoder(list[msgspec.Raw]).decode
# Offsets name records of the topic before; of none of them is anything to be written again.
_NO_OFFSET = -1


@dataclass(slots=True)
class PartitionTables:
    """The content of one partition in a worker's three tables."""

    orders: Table = field(default_factory=dict)
    vehicles: Table = field(default_factory=dict)
    hours: Table = field(default_factory=dict)


class SplitStates:
    """The states of all partitions, split anew: `take` each partition's tables, then read what has become of them."""

    def __init__(self, partition_of: PartitionOf) -> None:
        self._partition_of = partition_of
        self._hours: dict[HourName, dict[int, HourState]] = {}
        # Rows of center hours that are made of what is in the state: (center, hour, partition before).
        self.live_rows: list[tuple[str, int, int]] = []

    def take(self, tables: PartitionTables) -> Iterator[tuple[str, int, bytes, bytes]]:
        """The orders and vehicles of one partition as (table, new partition, key, value); its hours are noted."""
        with_centers(tables.orders, tables.vehicles, tables.hours)
        for key, state in tables.orders.items():
            yield "orders", self._partition_of(orjson.loads(key)[0].encode()), key, without_offset(state)
        for key, state in tables.vehicles.items():
            vehicle = decode_vehicle(state)
            vehicle.offset = _NO_OFFSET
            yield "vehicles", self._partition_of(key), key, msgspec.json.encode(vehicle)
        for key, state in tables.hours.items():
            self._take_hour(key, decode_hour(state))

    def hours(self) -> Iterator[tuple[int, bytes, bytes]]:
        """The hours that can still change as (new partition, key, value), once all partitions were taken."""
        for (center_id, hour), by_partition in self._hours.items():
            for partition, state in by_partition.items():
                yield partition, hour_key(center_id, hour, partition), msgspec.json.encode(state)

    def facts(self) -> Iterator[dict[str, Any]]:
        """The rows of these hours, in the shape of schemas.facts.CenterHour; any later one has a higher revision."""
        for (center_id, hour), by_partition in self._hours.items():
            for partition, state in by_partition.items():
                shares = (share.contribution for share in state.shares.values() if share.contribution is not None)
                yield center_hour(center_id, hour, partition, 0, shares)

    def _take_hour(self, key: bytes, state: HourState) -> None:
        center_id, hour, partition = orjson.loads(key)
        if state.clock is None:
            return  # let go: nothing changes its row any more
        self.live_rows.append((center_id, hour, partition))
        parts = self._hours.setdefault((center_id, hour), {})
        for name, share in state.shares.items():
            target = self._partition_of(orjson.loads(name)[0].encode())
            part = parts.setdefault(target, HourState(state.clock))
            part.clock = max(part.clock or 0, state.clock)
            part.shares[name] = _newer(part.shares.get(name), share)


def without_offset(order_state: bytes) -> bytes:
    """An order's state without its offset, as no record of the new topic has been applied to it."""
    plain = plain_state(order_state)
    header, newline, lines = plain.partition(b"\n")
    values = [msgspec.Raw(b"-1"), *_decode_header(header)[1:]]
    state = msgspec.json.encode(values) + newline + lines
    return state if plain is order_state else packed_state(state)


def merged_into(table: Table, key: bytes, value: bytes | None, merge: Callable[[bytes, bytes], bytes]) -> None:
    """Apply one record of a changelog, as a worker does that recovers."""
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value if key not in table else merge(table[key], value)


def _newer(before: Share | None, share: Share) -> Share:
    return share if before is None or share.version >= before.version else before
