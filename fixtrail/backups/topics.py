"""The topics of a backup: written record by record, and read again in the place of the brokers."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtrail.backups.files import BackupFile, ItemWriter, described, items_of
from fixtrail.partitions.copying import KafkaSource

KAFKA = "kafka"
_Item = tuple[int, int, int, bytes | None, bytes | None, list[tuple[str, bytes]]]


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as a consumer sees it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def file_of(topic: str) -> str:
    """The path of a topic's records."""
    return f"{KAFKA}/{topic}.records"


async def write_topic(folder: Path, source: KafkaSource, topic: str, partitions: int) -> BackupFile:
    """Write what the topic holds now."""
    path = folder / file_of(topic)
    with ItemWriter(path) as writer:
        async for record in source.records(topic, [*range(partitions)]):
            headers = [(name, value) for name, value in record.headers]
            writer.write((record.partition, record.offset, record.timestamp, record.key, record.value, headers))
    return described(folder, path, writer.items)


@dataclass(frozen=True, slots=True)
class BackupSource:
    """Reads a backup's topics as if they were the brokers'; `names` are those that have another name there."""

    folder: Path
    names: Mapping[str, str]

    async def records(self, topic: str, partitions: Iterable[int]) -> AsyncIterator[Any]:
        """The records of these partitions, as `KafkaSource` gives them."""
        numbers = {*partitions}
        for partition, offset, timestamp, key, value, headers in items_of(
            self.folder / file_of(self.names.get(topic, topic)), _Item
        ):
            if partition in numbers:
                named = tuple((name, content) for name, content in headers)
                yield StoredRecord(partition, offset, timestamp, key, value, named)
