"""The broker's state in one place, kept in one data folder."""

import asyncio
import fcntl
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fixtrail.local.broker.compaction import compact
from fixtrail.local.broker.groups import Groups
from fixtrail.local.broker.journal import Entry, Journal
from fixtrail.local.broker.log import PartitionLog
from fixtrail.local.broker.topics import BrokerTopics
from fixtrail.local.broker.transactions import Transactions

log = logging.getLogger(__name__)

NODE_ID = 1
CLUSTER_ID = "fixtrail-development"
HOST = "127.0.0.1"


class FolderInUseError(Exception):
    """Another broker serves this data folder. Stop that one first."""


@dataclass(frozen=True)
class BrokerOptions:
    """How the broker behaves; times in seconds."""

    data: Path
    port: int = 0
    auto_create: bool = False
    default_partitions: int = 1
    shortest_session_s: float = 6.0
    upkeep_every_s: float = 15.0


class Broker:
    """Topics, groups and transactions, and the upkeep of their files."""

    def __init__(self, options: BrokerOptions) -> None:
        """Open the data folder. Raises FolderInUseError."""
        self.options = options
        self.port = options.port
        options.data.mkdir(parents=True, exist_ok=True)
        self._lock = _lock_folder(options.data)
        self._journal = Journal(options.data / "journal.jsonl")
        self.topics = BrokerTopics(options.data / "topics", self._journal, options.default_partitions)
        self.groups = Groups(self._journal, options.shortest_session_s)
        self.transactions = Transactions(self._journal, self.topics, self.groups)
        for entry in self._journal.read():
            self.topics.apply(entry)
            self.groups.apply(entry)
            self.transactions.apply(entry)
        self.topics.open()
        self.transactions.start()
        self._journal.rewrite(self._entries())

    async def upkeep(self) -> None:
        """Retention, compaction, overdue transactions and the journal's size, for ever."""
        self.groups.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_up_logs())
            tasks.create_task(self._abort_overdue())

    def close(self) -> None:
        """Close all files and let the data folder go."""
        self.groups.stop()
        self.topics.close()
        self._journal.close()
        os.close(self._lock)

    async def _keep_up_logs(self) -> None:
        while True:
            for topic in self.topics:
                for partition_log in topic.logs:
                    await self._keep_up(partition_log)
            try:
                self._journal.rewrite_if_grown(self._entries)
            except OSError as error:
                log.warning("the journal could not be rewritten, will be tried again: %s", error)
            await asyncio.sleep(self.options.upkeep_every_s)

    async def _keep_up(self, partition_log: PartitionLog) -> None:
        if partition_log.closed:
            return
        try:
            partition_log.expire()
            partition_log.close_idle()
            await compact(partition_log)
        except OSError as error:
            if not partition_log.closed:
                log.warning("upkeep of %s failed, will be tried again: %s", partition_log.folder, error)

    async def _abort_overdue(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            try:
                self.transactions.abort_overdue()
            except OSError as error:
                log.warning("overdue transactions could not be aborted, will be tried again: %s", error)

    def _entries(self) -> Iterator[Entry]:
        yield from self.topics.entries()
        yield from self.groups.entries()
        yield from self.transactions.entries()


def _lock_folder(folder: Path) -> int:
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise FolderInUseError(f"another broker is using {folder}") from error
    return lock
