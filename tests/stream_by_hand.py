"""The worker and the writer without Kafka: records in, and in ClickHouse the rows that the two make of them."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import orjson

from fixtrail.history.judging import FileRecord
from runtime.kafka.partitioner import partition_of
from schemas.dead_letter import DeadLetter
from schemas.event_topics import SERVICE
from schemas.history_mark import HistoryMark
from schemas.topics import SERVICE_EVENTS
from sinks.clickhouse.dead_letter_rows import DEAD_LETTER_TABLE, DeadLetterRows
from sinks.clickhouse.event_rows import EVENTS, EventRows
from sinks.clickhouse.fact_rows import CENTER_HOURS, JOURNEYS, FactRows
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.tables import RawTable
from streams.journey.partition_state import PartitionState
from streams.worker.intake import Intake, dead_letter
from tests.clickhouse_node import ClickHouseNode

PARTITIONS = 3
# An arrival long after every event, so that none is stamped too far ahead.
ARRIVED_MS = 4_000_000_000_000
HASH_KEY = b"a secret of these tests, long enough"
KEYED = KeyedHash(HASH_KEY)
BATCH = 200


class StreamByHand:
    """Partitions with a worker's state each; `write` puts what came out since the last one into ClickHouse.

    It is what `fixtrail.history.run` asks of a stream, too.
    """

    def __init__(self, node: ClickHouseNode) -> None:
        self.states = [PartitionState(number, {}, {}, {}) for number in range(PARTITIONS)]
        self.lines = self.marks = 0
        self._inserter = Inserter(node.server())
        self._ends = [0] * PARTITIONS
        self._waiting: list[list[Any]] = [[] for _ in range(PARTITIONS)]
        self._event_rows, self._fact_rows = EventRows(KEYED), FactRows(KEYED)
        self._rows: dict[RawTable, list[Any]] = {}

    def send(self, values: Iterable[bytes]) -> None:
        """Send lines, as `fixtrail send` does."""
        for value in filter(None, values):
            self._send(SERVICE.key_in(value), value, [])

    async def line(self, number: int, value: bytes) -> None:
        self.lines += 1
        self.send([value])

    async def mark(self, mark: HistoryMark) -> None:
        self.marks += 1
        self._send(mark.vehicle_id, None, mark.headers())

    async def refuse(self, record: FileRecord, code: str, reason: str) -> None:
        headers = DeadLetter(code, reason, record.topic, record.partition, record.offset, record.timestamp).headers()
        self._letter(SimpleNamespace(key=record.key, value=record.value, headers=headers))

    async def settle(self) -> None:
        for number in range(PARTITIONS):
            self._apply(number)

    def write(self) -> None:
        """Let the worker come to the end, and write all rows."""
        for number in range(PARTITIONS):
            self._apply(number)
        for table, rows in self._rows.items():
            assert not rows or self._inserter.insert(table, rows) == []
        self._rows = {}

    def _send(self, key: str | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        number = 0 if key is None else partition_of(key.encode(), PARTITIONS)
        record = SimpleNamespace(
            topic=SERVICE_EVENTS,
            key=None if key is None else key.encode(),
            value=value,
            headers=headers,
            timestamp=ARRIVED_MS,
            partition=number,
            offset=self._ends[number],
        )
        self._ends[number] += 1
        self._waiting[number].append(record)
        if len(self._waiting[number]) >= BATCH:
            self._apply(number)

    def _apply(self, number: int) -> None:
        records, self._waiting[number] = self._waiting[number], []
        admitted = Intake(limits=False).admit(records)
        out = self.states[number].apply(admitted.events, admitted.erasures, 0, admitted.marks)
        by_offset = {record.offset: record for record in records}
        refused = [(record, letter.headers()) for record, letter in admitted.refused]
        refused += [
            (by_offset[at], dead_letter(by_offset[at], code, "told why").headers()) for at, code in out.diverted
        ]
        for record, headers in refused:
            self._letter(SimpleNamespace(key=record.key, value=record.value, headers=headers))
        self._add(EVENTS, [self._event_rows.row_of(event, by_offset[at]) for at, event in admitted.events])
        self._add(JOURNEYS, [self._fact_rows.journey_row(orjson.loads(orjson.dumps(fact))) for fact in out.journeys])
        self._add(CENTER_HOURS, [self._fact_rows.hour_row(hour) for hour in out.hours])

    def _letter(self, letter: Any) -> None:
        letter.offset, letter.timestamp, letter.partition = 0, ARRIVED_MS, 0
        self._add(DEAD_LETTER_TABLE, [DeadLetterRows(self._event_rows).row(letter)])

    def _add(self, table: RawTable, rows: list[Any]) -> None:
        self._rows.setdefault(table, []).extend(rows)
