"""What the hand-written loop does with a batch: all the worker's rules, the rules of single orders, or simple ones."""

import os
import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Protocol

import orjson

from benchmarks.contenders import rules, simple_rules
from benchmarks.contenders.arguments import NOTICES, Task
from runtime.kafka.partitioner import partition_of
from schemas.order_key import OrderKey, journey_key
from streams.journey.partition_state import BatchOutput, PartitionState

Rows = dict[tuple[str, int], list[tuple[bytes, bytes | None]]]
Records = list[Any]


class Rules(Protocol):
    """Applies a partition's records, and adds what follows to the rows of outputs and changelog."""

    def apply(self, partition: int, records: Records, outputs: Rows, changelog: Rows) -> None: ...


class PartitionRules:
    """The worker's rules, one PartitionState a partition over plain dicts; writes all that the worker writes."""

    def __init__(self, options: Task) -> None:
        self._options = options
        self._states: dict[int, PartitionState] = {}
        self._partition_of = lru_cache(65_536)(partial(partition_of, partitions=options.partitions))

    def apply(self, partition: int, records: Records, outputs: Rows, changelog: Rows) -> None:
        state = self._states.setdefault(partition, PartitionState(partition, {}, {}, {}))
        decoded = ((record.offset, rules.event_of(record.value)) for record in records)
        now_ms = 0 if os.environ.get(NOTICES) else int(time.time() * 1000)
        written = state.apply([(offset, event) for offset, event in decoded if event is not None], now_ms=now_ms)
        self._add_outputs(written, outputs)
        for changes in (written.order_changes, written.vehicle_changes, written.hour_changes):
            changelog.setdefault((self._options.changelog, partition), []).extend(changes.items())

    def _add_outputs(self, written: BatchOutput, outputs: Rows) -> None:
        output = self._options.output
        for fact in written.journeys:
            order = OrderKey.of(fact)
            row = journey_key(order, fact["vehicle_id"]), orjson.dumps(fact)
            outputs.setdefault((output, self._partition_of(order.encode())), []).append(row)
        for hour in written.hours:
            key = hour["center_id"].encode()
            outputs.setdefault((f"{output}-hours", self._partition_of(key)), []).append((key, orjson.dumps(hour)))
        for notice in written.notices:
            key = OrderKey.of(notice).encode()
            outputs.setdefault((f"{output}-notices", self._partition_of(key)), []).append((key, orjson.dumps(notice)))


class OrderRules:
    """One order at a time, its state a dict in memory; output and state once an order and batch."""

    def __init__(self, options: Task, read: Any, key_of: Any, follow: Any) -> None:
        self._options = options
        self._read, self._key_of, self._follow = read, key_of, follow
        self._states: dict[bytes, Any] = {}

    def apply(self, partition: int, records: Records, outputs: Rows, changelog: Rows) -> None:
        facts: dict[bytes, Any] = {}
        for record in records:
            event = self._read(record.value)
            key = event and self._key_of(event)
            followed = key and self._follow(self._states.get(key), event)
            if followed:
                self._states[key], facts[key] = followed
        for key, fact in facts.items():
            target = self._options.output, partition_of(key, self._options.partitions)
            outputs.setdefault(target, []).append((key, orjson.dumps(fact)))
        rows = changelog.setdefault((self._options.changelog, partition), [])
        rows.extend((key, orjson.dumps(self._states[key])) for key in facts)


RULES: dict[str, Callable[[Task], Rules]] = {
    "partition": PartitionRules,
    "orders": lambda options: OrderRules(options, rules.event_of, rules.key_of, rules.follow),
    "simple": lambda options: OrderRules(options, simple_rules.parsed, simple_rules.key_of, simple_rules.follow),
}
