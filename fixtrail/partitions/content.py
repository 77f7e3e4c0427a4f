"""Copies all that the topics hold into topics with another number of partitions: records, state, center hours."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from fixtrail.operations.dead_letters import REDRIVEN
from fixtrail.partitions.copying import BatchWriter, Copied, Headers, RecordSource, TopicCopy, require_counts
from fixtrail.partitions.groups import Commits
from fixtrail.partitions.routes import LETTER_TOPICS, Partitioner, route_of
from fixtrail.partitions.states import PartitionTables, SplitStates, merged_into
from fixtrail.partitions.tables import LOST_PARTITION, Moved, TableMove
from runtime.kafka.partitioner import partition_of
from schemas.dead_letter import DeadLetter, header_name, read_dead_letter
from schemas.topics import CENTER_HOURS, DEAD_LETTERS, SERVICE_EVENTS
from schemas.version import SCHEMA_HEADER
from sinks.clickhouse.tables import HISTORY
from streams.journey.merge import merge_hours, merge_orders, merge_vehicles

Origin = tuple[int, int]


def _letter(record: Any) -> DeadLetter | None:
    try:
        return read_dead_letter(record.headers)
    except ValueError:
        return None


async def letter_origins(source: RecordSource, partitions: int) -> set[Origin]:
    """The places in `service-events` that dead letters name."""
    if not partitions:
        return set()
    letters = [_letter(record) async for record in source.records(DEAD_LETTERS, [*range(partitions)])]
    return {(letter.partition, letter.offset) for letter in letters if letter and letter.topic == SERVICE_EVENTS}


class LetterRewrite:
    """Learns where events and letters have gone, and gives each letter, and each mark about one, its new places."""

    def __init__(self, origins: set[Origin]) -> None:
        self._origins = origins
        self._events: dict[Origin, Origin] = {}
        self._letters: dict[Origin, Origin] = {}

    def note_event(self, record: Any, partition: int, offset: int) -> None:
        if (origin := (record.partition, record.offset)) in self._origins:
            self._events[origin] = partition, offset

    def note_letter(self, record: Any, partition: int, offset: int) -> None:
        self._letters[record.partition, record.offset] = partition, offset

    def rewrite(self, record: Any) -> tuple[bytes | None, Headers]:
        """The letter's key and headers; of a record that is nowhere any more, a partition that there is not."""
        letter, headers = _letter(record), [*record.headers]
        if letter is None:
            return record.key, headers
        origin = letter.partition, letter.offset
        is_mark = letter.code == REDRIVEN
        places = self._letters if is_mark else self._events if letter.topic == SERVICE_EVENTS else {}
        lost_partition = letter.partition + (LOST_PARTITION if letter.partition < HISTORY else 0)
        partition, offset = places.get(origin, (lost_partition, letter.offset))
        new = {header_name("partition"): partition, header_name("offset"): offset}
        changed = [(name, str(new[name]).encode() if name in new else value) for name, value in headers]
        return f"{partition}:{offset}".encode() if is_mark else record.key, changed


_MOVED_AT_ONCE = 100_000
_MERGES = {"orders": merge_orders, "vehicles": merge_vehicles, "hours": merge_hours}


@dataclass(frozen=True, slots=True)
class Content:
    """What is copied: where it is read, each topic's partitions, and what the groups have committed of it."""

    source: RecordSource
    partitions: Mapping[str, int]
    commits: Commits


@dataclass(frozen=True, slots=True)
class Target:
    """Where it goes: empty topics with so many partitions, named as the others with `suffix` behind."""

    kafka: Mapping[str, Any]
    producer: Any
    partitions: int
    suffix: str
    partitioner: Partitioner


class ContentCopy:
    """One copy of everything. `changelogs` are the names of the changelogs by table; `tables` builds ClickHouse's."""

    def __init__(
        self,
        content: Content,
        target: Target,
        changelogs: Mapping[str, str],
        tables: TableMove,
        say: Callable[[str], object],
    ) -> None:
        self._content, self._target, self._changelogs = content, target, changelogs
        self._tables, self._say = tables, say
        self._moved: Commits = {}

    async def run(self) -> Commits:
        """Copy; what the groups have committed of the copies. ClickHouse's tables are then ready to be exchanged."""
        rewrite = await self._copy_events()
        for name in self._content.partitions:
            if name not in (SERVICE_EVENTS, CENTER_HOURS, *self._changelogs.values()):
                await self._copy_topic(name, rewrite if name == DEAD_LETTERS else LetterRewrite(set()))
        await self._copy_states()
        await asyncio.to_thread(self._tables.mark_filled)
        return self._moved

    async def _copy_events(self) -> LetterRewrite:
        content, target = self._content, self._target
        rewrite = LetterRewrite(await letter_origins(content.source, content.partitions.get(DEAD_LETTERS, 0)))
        rows = list[Moved]()

        def note(record: Any, partition: int, offset: int) -> None:
            rows.append((record.partition, record.offset, partition, offset))
            rewrite.note_event(record, partition, offset)
            if len(rows) >= _MOVED_AT_ONCE:
                self._tables.note_moved(rows)
                rows.clear()

        copied = await self._copier(SERVICE_EVENTS).run(
            target.producer,
            [*range(content.partitions[SERVICE_EVENTS])],
            route_of(SERVICE_EVENTS, target.partitions, target.partitioner),
            note=note,
        )
        if rows:
            await asyncio.to_thread(self._tables.note_moved, rows)
        await self._note_copied(SERVICE_EVENTS, copied)
        events = await asyncio.to_thread(self._tables.fill_events)
        self._say(f"clickhouse: {events:,} rows of events renumbered")
        return rewrite

    async def _copy_topic(self, name: str, rewrite: LetterRewrite) -> None:
        """Copy a topic; letters are rewritten."""
        is_of_letters = name in LETTER_TOPICS
        copied = await self._copier(name).run(
            self._target.producer,
            [*range(self._content.partitions[name])],
            route_of(name, self._target.partitions),
            rewrite=rewrite.rewrite if is_of_letters else None,
            note=rewrite.note_letter if is_of_letters else None,
        )
        await self._note_copied(name, copied)

    def _copier(self, name: str) -> TopicCopy:
        content = self._content
        return TopicCopy(content.source, name, name + self._target.suffix, content.commits.get(name, {}))

    async def _note_copied(self, name: str, copied: Copied) -> None:
        target = self._target
        await require_counts(target.kafka, name + target.suffix, copied.counts, target.partitions)
        self._moved[name] = {
            group: {number: starts.get(number, copied.counts[number]) for number in range(target.partitions)}
            for group, starts in copied.starts.items()
        }
        self._say(f"{name}: {copied.counts.total():,} records, {target.partitions} partitions")

    async def _copy_states(self) -> None:
        """The workers' state, and the center hours that follow from it."""
        target = self._target
        states = SplitStates(lambda vehicle: target.partitioner(vehicle, target.partitions))
        writers = {
            table: BatchWriter(target.producer, name + target.suffix) for table, name in self._changelogs.items()
        }
        for partition in range(self._content.partitions.get(self._changelogs["orders"], 0)):
            for table, number, key, value in states.take(await self._tables_of(partition)):
                await writers[table].put(number, key, value, [])
        for number, key, value in states.hours():
            await writers["hours"].put(number, key, value, [])
        for table, writer in writers.items():
            await writer.finish()
            if (name := self._changelogs[table]) in self._content.partitions:
                await require_counts(target.kafka, name + target.suffix, writer.counts, target.partitions)
                self._say(f"{name}: {writer.counts.total():,} entries, {target.partitions} partitions")
        await self._write_hours(await asyncio.to_thread(self._tables.fill_hours, states.live_rows, [*states.facts()]))

    async def _tables_of(self, partition: int) -> PartitionTables:
        tables = PartitionTables()
        for table, name in self._changelogs.items():
            async for record in self._content.source.records(name, [partition]):
                merged_into(getattr(tables, table), record.key, record.value, _MERGES[table])
        return tables

    async def _write_hours(self, facts: Iterable[dict[str, Any]]) -> None:
        target = self._target
        writer = BatchWriter(target.producer, CENTER_HOURS + target.suffix)
        for fact in facts:
            key = fact["center_id"].encode()
            await writer.put(partition_of(key, target.partitions), key, orjson.dumps(fact), [SCHEMA_HEADER])
        await writer.finish()
        await require_counts(target.kafka, CENTER_HOURS + target.suffix, writer.counts, target.partitions)
        self._moved[CENTER_HOURS] = {
            group: {number: writer.counts[number] for number in range(target.partitions)}
            for group in self._content.commits.get(CENTER_HOURS, {})
        }
        self._say(f"{CENTER_HOURS}: {writer.counts.total():,} rows")
