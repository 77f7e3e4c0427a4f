"""ClickHouse's rows under another number of partitions: built beside the tables in use, then exchanged with them.

Rows say where their record stands in Kafka. Those whose record has moved get its new partition and offset; those
whose record the topic has let go of get a partition number that no topic has, one million higher at each move. What
came as history, past Kafka, stands in no topic and stays as it is.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from schemas.facts import HOUR_FIGURES
from sinks.clickhouse.fact_rows import CENTER_HOURS, FactRows
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.tables import DATABASE, HISTORY

TABLES = ("events", "dead_letters", "center_hours")
# As a partition: of rows whose records or whose state are no more.
LOST_PARTITION = 1_000_000
MOVED_RECORDS = f"{DATABASE}.moved_records"
LIVE_HOURS = f"{DATABASE}.live_hours"
_OFFSETS_AT_ONCE = 1_000_000

Moved = tuple[int, int, int, int]  # partition and offset before, partition and offset now


def beside(table: str) -> str:
    """The name of the table that a move builds."""
    return f"{DATABASE}.{table}_moving"


class TableMove:
    """Builds the three tables for one move, named by `move`, and puts them in the place of those in use.

    `client` is a clickhouse-connect client that may write.
    """

    def __init__(self, client: Any, move: str) -> None:
        self._client, self._mark = client, f"partitions moved: {move}"

    def begin(self) -> None:
        """Create the helper tables and the new tables, all empty."""
        self.clean()
        self._command(
            f"CREATE TABLE {MOVED_RECORDS} (kafka_partition UInt32, kafka_offset UInt64, new_partition UInt32, "
            "new_offset UInt64) ENGINE = MergeTree ORDER BY (kafka_partition, kafka_offset)"
        )
        self._command(
            f"CREATE TABLE {LIVE_HOURS} (center_id String, hour Int64, kafka_partition UInt32) ENGINE = MergeTree "
            "ORDER BY (center_id, hour)"
        )
        for table in TABLES:
            self._command(f"CREATE TABLE {beside(table)} AS {DATABASE}.{table}")

    def note_moved(self, moved: Sequence[Moved]) -> None:
        """Record the new position of each moved record."""
        self._client.insert(MOVED_RECORDS, moved)

    def fill_events(self) -> int:
        """Fill in events and dead letters with the new positions of their records; returns the number of events."""
        for partition, last in self._client.query(
            f"SELECT kafka_partition, max(kafka_offset) FROM {DATABASE}.events GROUP BY 1 ORDER BY 1"
        ).result_rows:
            for first in range(0, last + 1, _OFFSETS_AT_ONCE):
                piece = (
                    f"kafka_partition = {partition} AND kafka_offset BETWEEN {first} AND {first + _OFFSETS_AT_ONCE - 1}"
                )
                self._fill("events", piece, {})
        self._fill("dead_letters", "topic = 'service-events'", {"letter_offset": "0"})
        columns = self._columns("dead_letters")
        values = {name: name for name in columns} | {"kafka_partition": f"kafka_partition + {LOST_PARTITION}"}
        self._command(
            f"INSERT INTO {beside('dead_letters')} ({', '.join(columns)}) SELECT {', '.join(values.values())} "
            f"FROM {DATABASE}.dead_letters WHERE topic != 'service-events'"
        )
        return int(self._client.command(f"SELECT count() FROM {beside('events')}"))

    def _fill(self, table: str, piece: str, replaced: dict[str, str]) -> None:
        columns = self._columns(table)
        values = {name: f"old.{name}" for name in columns} | replaced
        elsewhere = f"old.kafka_partition + if(old.kafka_partition < {HISTORY}, {LOST_PARTITION}, 0)"
        values["kafka_partition"] = f"if(moved.hit = 1, moved.new_partition, {elsewhere})"
        values["kafka_offset"] = "if(moved.hit = 1, moved.new_offset, old.kafka_offset)"
        pieces = piece if "kafka_partition" in piece else "1"
        self._command(
            f"INSERT INTO {beside(table)} ({', '.join(columns)}) SELECT {', '.join(values[name] for name in columns)} "
            f"FROM (SELECT * FROM {DATABASE}.{table} WHERE {piece}) AS old "
            f"LEFT ANY JOIN (SELECT *, 1 AS hit FROM {MOVED_RECORDS} WHERE {pieces}) AS moved "
            "ON old.kafka_partition = moved.kafka_partition AND old.kafka_offset = moved.kafka_offset"
        )

    def fill_hours(
        self, live_rows: Sequence[tuple[str, int, int]], facts: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Center hours: those that can change as `facts`, and the sums of all others; the facts of both."""
        if live_rows:
            self._client.insert(LIVE_HOURS, live_rows)
        both = [*facts, *self._settled_hours()]
        rows = FactRows(KeyedHash(b"of hours nothing is hashed"))
        columns = ", ".join(self._columns("center_hours"))
        self._command(
            f"INSERT INTO {beside('center_hours')} ({columns}) SELECT {columns} FROM {DATABASE}.center_hours FINAL "
            f"WHERE kafka_partition = {HISTORY}"
        )
        if both:
            self._client.insert(
                beside("center_hours"), [rows.hour_row(fact) for fact in both], column_names=CENTER_HOURS.columns
            )
        return both

    def _settled_hours(self) -> Iterable[dict[str, Any]]:
        """One row for each hour of rows that no state can change any more."""
        names = ["center_id", "hour", *HOUR_FIGURES, "wait_buckets"]
        sums = ", ".join(f"sum({name})" for name in HOUR_FIGURES)
        for row in self._client.query(
            f"SELECT center_id, toUnixTimestamp64Milli(hour) AS at, {sums}, sumMap(wait_buckets) "
            f"FROM (SELECT * FROM {DATABASE}.center_hours FINAL) "
            "WHERE (center_id, toUnixTimestamp64Milli(hour), kafka_partition) "
            f"NOT IN (SELECT center_id, hour, kafka_partition FROM {LIVE_HOURS}) AND kafka_partition < {HISTORY} "
            "GROUP BY center_id, at"
        ).result_rows:
            fact = dict(zip(names, row, strict=True))
            fact["wait_buckets"] = {str(bucket): count for bucket, count in sorted(fact["wait_buckets"].items())}
            yield {**fact, "partition": LOST_PARTITION, "revision": 0}

    def mark_filled(self) -> None:
        """Note in the tables that they are complete, so that `exchange` knows them again."""
        for table in TABLES:
            self._command(f"ALTER TABLE {beside(table)} MODIFY COMMENT '{self._mark}'")

    def exchange(self) -> None:
        """Exchange each new table with the one in use, atomically. Repeating it changes nothing."""
        for table in TABLES:
            if self._comment(f"{table}_moving") == self._mark:
                self._command(f"EXCHANGE TABLES {DATABASE}.{table} AND {beside(table)}")

    def clean(self) -> None:
        """Drop all tables of a move that are not in use."""
        for name in (*map(beside, TABLES), MOVED_RECORDS, LIVE_HOURS):
            self._command(f"DROP TABLE IF EXISTS {name} SYNC")

    def _comment(self, table: str) -> str:
        query = f"SELECT any(comment) FROM system.tables WHERE database = '{DATABASE}' AND name = '{table}'"
        return str(self._client.query(query).result_rows[0][0])

    def _columns(self, table: str) -> list[str]:
        query = (
            f"SELECT name FROM system.columns WHERE database = '{DATABASE}' AND table = '{table}' "
            "AND default_kind NOT IN ('MATERIALIZED', 'ALIAS') ORDER BY position"
        )
        return [name for (name,) in self._client.query(query).result_rows]

    def _command(self, statement: str) -> None:
        self._client.command(statement)
