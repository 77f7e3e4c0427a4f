"""Faust fed with whole partition batches: one Faust event carries all records fetched of a partition.

Built on Faust's own extension points. A `ConsumerScheduler` makes one message of a partition's records, a `Schema`
hands them to agent and table untouched, and a table's `Store` takes changelog batches and keeps partitions apart.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import faust
from aiokafka import ConsumerRecord
from faust.stores.base import Store
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

Records = list["ConsumerRecord[bytes, bytes]"]


class BatchRecord:
    """Looks like a ConsumerRecord to Faust; `value` is the list of records, `offset` that of the last one."""

    __slots__ = (
        "checksum",
        "headers",
        "key",
        "offset",
        "partition",
        "serialized_key_size",
        "serialized_value_size",
        "timestamp",
        "timestamp_type",
        "topic",
        "value",
    )

    def __init__(self, tp: TP, records: Records) -> None:
        last = records[-1]
        self.topic, self.partition, self.offset = tp.topic, tp.partition, last.offset
        self.timestamp, self.timestamp_type = last.timestamp, last.timestamp_type
        self.headers = self.key = self.checksum = None
        self.value = records
        self.serialized_key_size = self.serialized_value_size = 0


def batch_scheduler(max_records: int) -> type[DefaultSchedulingStrategy]:
    """A scheduler that gives each partition's records as batches of at most `max_records`, partitions taking turns.

    What was fetched is what a partition is behind, so batches are as large as the lag: the more events of an order are
    in one, the less is written. Those with the fewest records go first; they need not wait for one that is far behind.
    """

    class BatchScheduler(DefaultSchedulingStrategy):  # type: ignore[misc]
        def iterate(self, records: Mapping[TP, Records]) -> Iterator[tuple[TP, Any]]:
            waiting = sorted(records.items(), key=lambda item: len(item[1]))
            start = 0
            while waiting:
                for tp, batch in waiting:
                    yield tp, BatchRecord(tp, batch[start : start + max_records])
                start += max_records
                waiting = [(tp, batch) for tp, batch in waiting if len(batch) > start]

    return BatchScheduler


class BatchSchema(faust.Schema):  # type: ignore[misc]
    """Hands the list of records over as it is; nothing is decoded, so nothing can fail to decode."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> None:
        """No key: the records have their own."""

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Records:
        """The partition batch."""
        records: Records = message.value
        return records


Merge = Callable[[bytes, bytes], bytes]
PartitionData = MutableMapping[bytes, bytes]
# The data of one partition of a table, empty, by the table's name and the partition's number.
MakeData = Callable[[str, int], PartitionData]


def in_memory(table: str, number: int) -> PartitionData:
    """A partition's data as a dict."""
    return {}


class PartitionStore(Store):  # type: ignore[misc]
    """A table's data, one mapping of bytes per partition: in memory, or where `make` has it.

    Recovery merges what it reads with what is there, rather than to replace it: where a worker that had lost the
    partition still wrote an older set of events, nothing of the newer one is lost.
    """

    def __init__(
        self, url: Any, app: Any, table: Any, *, merge: Merge, make: MakeData = in_memory, **kwargs: Any
    ) -> None:
        super().__init__(url, app, table, **kwargs)
        self._merge, self._make = merge, make
        self.partitions: dict[int, PartitionData] = {}

    def partition(self, number: int) -> PartitionData:
        """The data of one partition."""
        data = self.partitions.get(number)
        if data is None:
            data = self.partitions[number] = self._make(self.table.name, number)
        return data

    def persisted_offset(self, tp: TP) -> None:
        """Nothing survives the process; recovery starts at the beginning of the changelog."""

    def apply_changelog_batch(self, batch: Iterable[Any], to_key: Any, to_value: Any) -> None:
        """Take changelog records in, in their order; a record without value deletes its key."""
        for event in batch:
            data = self.partition(event.message.partition)
            # Each key is written once for all its records: on disk a write costs more than to read the record.
            states: dict[bytes, bytes] = {}
            for record in event.message.value:
                key, state = record.key, record.value
                if state is None:
                    states.pop(key, None)
                    data.pop(key, None)
                else:
                    current = states[key] if key in states else data.get(key)
                    states[key] = state if current is None else self._merge(current, state)
            data.update(states)

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Forget the partitions that went or come: Faust reads their changelog from the beginning."""
        changelog = self.table.changelog_topic.get_topic_name()
        for tp in revoked | newly_assigned:
            if tp.topic == changelog:
                self._forget(tp.partition)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Keep the partitions that are ours."""
        changelog = self.table.changelog_topic.get_topic_name()
        ours = {tp.partition for tp in active_tps if tp.topic == changelog}
        for number in self.partitions.keys() - ours:
            self._forget(number)

    def _forget(self, number: int) -> None:
        if (data := self.partitions.pop(number, None)) is not None:
            data.clear()

    def reset_state(self) -> None:
        """There are no files to remove."""

    async def backup_partition(self, tp: Any, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """There are no files to back up."""

    def restore_backup(self, tp: Any, latest: bool = True, backup_id: int = 0) -> None:
        """There are no files to restore."""

    def __getitem__(self, key: bytes) -> bytes:
        for data in self.partitions.values():
            if key in data:
                return data[key]
        raise KeyError(key)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        raise TypeError("a partition store is written by partition")

    def __delitem__(self, key: bytes) -> None:
        raise TypeError("a partition store is written by partition")

    def __iter__(self) -> Iterator[bytes]:
        return (key for data in self.partitions.values() for key in data)

    def __len__(self) -> int:
        return sum(len(data) for data in self.partitions.values())

    def _clear(self) -> None:
        for number in list(self.partitions):
            self._forget(number)


class PartitionTable(faust.Table):  # type: ignore[misc]
    """A Faust table over a PartitionStore; its changelog is written by the worker's outbox, batch by batch."""

    def __init__(self, app: Any, *, merge: Merge, make: MakeData = in_memory, **kwargs: Any) -> None:
        self._merge_states, self._make_data = merge, make
        super().__init__(app, **kwargs)

    def _new_store(self) -> PartitionStore:
        return PartitionStore(
            "memory://",
            self.app,
            self,
            merge=self._merge_states,
            make=self._make_data,
            key_type=bytes,
            value_type=bytes,
            loop=self.loop,
        )

    def partition(self, number: int) -> PartitionData:
        """The data of one partition."""
        data: PartitionData = self.data.partition(number)
        return data

    def changelog_name(self) -> str:
        """The name of the changelog topic."""
        name: str = self.changelog_topic.get_topic_name()
        return name
