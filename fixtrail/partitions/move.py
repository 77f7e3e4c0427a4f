"""Gives the topics another number of partitions, with all that they hold, the workers' state and ClickHouse's rows.

Every topic is copied into one beside it first; nothing that is in use is touched until all copies are complete. Then a
note in a topic of its own says so, and each topic is replaced by its copy. Killed before the note, all is as it was;
killed behind it, the command given again goes on. `service-events` is closed meanwhile: what producers send is not
acknowledged, and so lost to nobody.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from fixtrail.partitions.content import Content, ContentCopy, Target
from fixtrail.partitions.copying import KafkaSource, TopicCopy, borders_of, records_by_time, require_counts
from fixtrail.partitions.groups import Commits, commit, commits_of, lag_of, require_stopped
from fixtrail.partitions.routes import PARTITIONERS, PartitionerCheck
from fixtrail.partitions.tables import TableMove
from fixtrail.partitions.topic_admin import CLOSED, create, delete, set_settings, settings_of
from fixtrail.settings import KafkaSettings, client_options
from runtime.failure import REFUSED, ExitError
from runtime.kafka.admin import admin_client
from runtime.kafka.producer import open_producer
from runtime.kafka.topic_state import topic_states
from schemas.topics import PARTITION_MOVE, SERVICE_EVENTS, TOPICS
from sinks.clickhouse.tables import TOPICS as WRITTEN_TOPICS
from streams.changelog_names import changelog_names

BESIDE = ".moving"
MAX_REQUEST_BYTES = 10 * 1024 * 1024

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Note:
    """The last steps of a move, noted once all copies are complete."""

    move: str
    partitions: int
    commits: Commits
    settings: dict[str, dict[str, str]]

    def encode(self) -> bytes:
        content = {"move": self.move, "partitions": self.partitions, "settings": self.settings}
        return orjson.dumps({**content, "commits": self.commits}, option=orjson.OPT_NON_STR_KEYS)

    @classmethod
    def decode(cls, value: bytes) -> "Note":
        content = orjson.loads(value)
        commits = {
            topic: {
                group: {int(partition): offset for partition, offset in offsets.items()}
                for group, offsets in by_group.items()
            }
            for topic, by_group in content["commits"].items()
        }
        return cls(content["move"], content["partitions"], commits, content["settings"])


@dataclass(frozen=True, slots=True)
class MoveScope:
    """What there is to move: by topic its number of partitions and of records, the partitioner, the groups' commits."""

    partitions: dict[str, int]
    records: dict[str, int]
    partitioner: str
    commits: Commits

    def is_done(self, partitions: int) -> bool:
        return set(self.partitions.values()) == {partitions}


class PartitionMove:
    """One move to `partitions`; `client` writes to ClickHouse, `say` is told of each step."""

    def __init__(self, settings: KafkaSettings, admin: Any, client: Any, partitions: int, say: Say) -> None:
        self._settings, self._admin, self._client = settings, admin, client
        self._partitions, self._say = partitions, say
        self._kafka = client_options(settings)
        self._changelogs = dict(zip(("orders", "vehicles", "hours"), changelog_names(settings.app_id), strict=True))

    async def unfinished(self) -> Note | None:
        """The note of a move that was stopped after its copies were complete."""
        state = (await topic_states(self._admin, [PARTITION_MOVE]))[PARTITION_MOVE]
        note = None
        if not state.absence:
            async for record in records_by_time(self._kafka, PARTITION_MOVE, [*state.partitions]):
                note = Note.decode(record.value)
        return note

    async def survey(self) -> MoveScope:
        """What there is. Reads all of `service-events`. Raises ExitError (78) where its keys are placed otherwise."""
        states = await topic_states(self._admin, [*(topic.name for topic in TOPICS), *self._changelogs.values()])
        partitions = {name: len(state.partitions) for name, state in states.items() if not state.absence}
        if SERVICE_EVENTS not in partitions:
            raise ExitError(
                f"Kafka has no topic {SERVICE_EVENTS} yet: set FIXTRAIL_PARTITIONS and run `fixtrail migrate`"
            )
        check, records = PartitionerCheck(partitions.values()), dict.fromkeys(partitions, 0)
        async for record in records_by_time(self._kafka, SERVICE_EVENTS, [*range(partitions[SERVICE_EVENTS])]):
            check.note(record)
        for name, count in partitions.items():
            borders = await borders_of(self._kafka, name, count)
            records[name] = sum(end - start for start, end in borders.values())
        return MoveScope(partitions, records, check.partitioner(), await commits_of(self._admin, self._settings.app_id))

    async def run(self, survey: MoveScope, pause_s: float) -> None:
        """Move everything. Raises ExitError where a box runs, or what the sinks have to read first is not read."""
        await require_stopped(self._admin, self._settings.app_id)
        await self._require_level(survey)
        await delete(self._admin, [*(name + BESIDE for name in survey.partitions), PARTITION_MOVE])
        settings = {name: await self._settings_of(name) for name in survey.partitions}
        await set_settings(self._admin, SERVICE_EVENTS, {**settings[SERVICE_EVENTS], **CLOSED})
        self._say(f"{SERVICE_EVENTS} is closed: the embedded broker acknowledges nothing that is sent now")
        try:
            note = await self._copy(survey, settings)
        except BaseException:
            await set_settings(self._admin, SERVICE_EVENTS, settings[SERVICE_EVENTS])
            raise
        await self.finish(note, pause_s)

    async def reopen(self) -> None:
        """Clean up after a move that was killed before its copies were complete."""
        names = [topic.name + BESIDE for topic in TOPICS] + [name + BESIDE for name in self._changelogs.values()]
        await delete(self._admin, names)
        settings = await settings_of(self._admin, SERVICE_EVENTS)
        if settings.items() >= CLOSED.items():
            await set_settings(self._admin, SERVICE_EVENTS, await self._settings_of(SERVICE_EVENTS))
            self._say(f"{SERVICE_EVENTS} is open again")

    async def _settings_of(self, topic: str) -> dict[str, str]:
        """The topic's settings; closed by a move that was killed, with those that it is made with."""
        settings = await settings_of(self._admin, topic)
        if settings.items() >= CLOSED.items():
            settings["min.insync.replicas"] = str(self._settings.min_in_sync)
        return settings

    async def _require_level(self, survey: MoveScope) -> None:
        """The rows of hours that nothing changes any more are in ClickHouse alone."""
        commits = await commits_of(self._admin, self._settings.app_id)
        group = f"{self._settings.app_id}-clickhouse"
        for topic in WRITTEN_TOPICS:
            if topic == SERVICE_EVENTS or topic not in survey.partitions:
                continue
            committed = commits.get(topic, {}).get(group, {})
            behind = lag_of(await borders_of(self._kafka, topic, survey.partitions[topic]), committed)
            if behind:
                raise ExitError(
                    f"sink clickhouse has {behind:,} records of {topic} to write: start it, wait until `status` "
                    "shows it level, and stop it again",
                    REFUSED,
                )

    # Copying

    async def _copy(self, survey: MoveScope, settings: dict[str, dict[str, str]]) -> Note:
        """Copy every topic into one beside it, and build ClickHouse's tables; then note that."""
        move = f"{int(time.time())} to {self._partitions}"
        tables = TableMove(self._client, move)
        await asyncio.to_thread(tables.begin)
        for name in survey.partitions:
            await create(self._admin, name + BESIDE, self._partitions, self._settings.replication, settings[name])
        async with open_producer(self._kafka, max_request_size=MAX_REQUEST_BYTES) as producer:
            content = Content(
                KafkaSource(self._kafka), survey.partitions, await commits_of(self._admin, self._settings.app_id)
            )
            target = Target(self._kafka, producer, self._partitions, BESIDE, PARTITIONERS[survey.partitioner])
            copy = ContentCopy(content, target, self._changelogs, tables, self._say)
            note = Note(move, self._partitions, await copy.run(), settings)
            await create(self._admin, PARTITION_MOVE, 1, self._settings.replication, {"retention.ms": "-1"})
            await producer.send_and_wait(PARTITION_MOVE, note.encode(), b"note", partition=0)
        self._say("all copies are complete")
        return note

    # Replacing

    async def finish(self, note: Note, pause_s: float) -> None:
        """Replace every topic that still has a copy beside it, the groups' offsets and ClickHouse's tables."""
        await require_stopped(self._admin, self._settings.app_id)
        names = [*note.settings]
        states = await topic_states(self._admin, [name + BESIDE for name in names])
        pending = [name for name in names if not states[name + BESIDE].absence]
        deleted_at = time.monotonic()
        if SERVICE_EVENTS in pending:
            await delete(self._admin, [SERVICE_EVENTS])
            if pause_s:
                self._say(f"{SERVICE_EVENTS} is away for {pause_s:.0f} s, so that producers give up what is under way")
        for name in pending:
            if name != SERVICE_EVENTS:
                await self._replace(name, note, note.settings[name])
        await commit(
            self._kafka, {topic: offsets for topic, offsets in note.commits.items() if topic != SERVICE_EVENTS}
        )
        await asyncio.to_thread(TableMove(self._client, note.move).exchange)
        self._say("clickhouse: the views show the new rows")
        if SERVICE_EVENTS in pending:
            await asyncio.sleep(max(0.0, pause_s - (time.monotonic() - deleted_at)))
            await self._replace(SERVICE_EVENTS, note, {**note.settings[SERVICE_EVENTS], **CLOSED})
        await commit(self._kafka, {SERVICE_EVENTS: note.commits.get(SERVICE_EVENTS, {})})
        await set_settings(self._admin, SERVICE_EVENTS, note.settings[SERVICE_EVENTS])
        self._say(f"{SERVICE_EVENTS} is open again")
        await asyncio.to_thread(TableMove(self._client, note.move).clean)
        await delete(self._admin, [PARTITION_MOVE])

    async def _replace(self, name: str, note: Note, settings: dict[str, str]) -> None:
        """Put the copy in the topic's place; the copy goes once the topic is complete."""
        await delete(self._admin, [name])
        await create(self._admin, name, note.partitions, self._settings.replication, settings)
        # Closed to all who ask for every replica, so this one does not; that all have it is asked afterwards.
        async with open_producer(
            self._kafka, acks=1, enable_idempotence=False, max_request_size=MAX_REQUEST_BYTES
        ) as producer:
            copy = TopicCopy(KafkaSource(self._kafka), name + BESIDE, name, {})
            copied = await copy.run(producer, [*range(note.partitions)], lambda record: int(record.partition))
        await require_counts(self._kafka, name, copied.counts, note.partitions)
        await delete(self._admin, [name + BESIDE])
        self._say(f"{name} has {note.partitions} partitions")


@asynccontextmanager
async def open_move(settings: KafkaSettings, client: Any, partitions: int, say: Say) -> AsyncIterator[PartitionMove]:
    """A move with its own connection to the brokers. Raises KafkaError where they are away."""
    async with admin_client(client_options(settings)) as admin:
        yield PartitionMove(settings, admin, client, partitions, say)
