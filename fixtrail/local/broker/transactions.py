"""Producer ids and transactions of the broker (the transaction coordinator).

Follows TransactionCoordinator of Apache Kafka 4.1 as clients of the first transaction protocol see it.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fixtrail.local.broker.batch import read_header, transaction_marker
from fixtrail.local.broker.errors import ErrorCode
from fixtrail.local.broker.groups import Commit, Groups
from fixtrail.local.broker.journal import Entry, Journal
from fixtrail.local.broker.topics import BrokerTopics

log = logging.getLogger(__name__)

LONGEST_TIMEOUT_MS = 900_000
LAST_EPOCH = 0x7FFF - 1
FIRST_PRODUCER_ID = 1000

EMPTY, ONGOING, COMMITTING, ABORTING, COMMITTED, ABORTED = (
    "empty",
    "ongoing",
    "committing",
    "aborting",
    "committed",
    "aborted",
)


@dataclass
class Transaction:
    """The one transaction that a transactional id may have at a time."""

    id: str
    producer_id: int
    epoch: int
    timeout_ms: int
    state: str = EMPTY
    began_at: float = 0.0
    partitions: set[tuple[str, int]] = field(default_factory=set)
    offsets: dict[str, list[Commit]] = field(default_factory=dict)


class Transactions:
    """All producer ids and transactions."""

    def __init__(self, journal: Journal, topics: BrokerTopics, groups: Groups) -> None:
        self._journal = journal
        self._topics = topics
        self._groups = groups
        self._next_id = FIRST_PRODUCER_ID
        self._by_id: dict[str, Transaction] = {}
        self._by_producer: dict[int, Transaction] = {}

    def apply(self, entry: Entry) -> None:
        """Take over what the journal says of producers."""
        match entry:
            case ["producer-id", next_id]:
                self._next_id = next_id
            case ["transaction", saved]:
                self._note(_restored(saved))

    def entries(self) -> Iterator[Entry]:
        """The producers' entries for a rewritten journal."""
        yield ["producer-id", self._next_id]
        for transaction in self._by_id.values():
            yield ["transaction", _dump(transaction)]

    def start(self) -> None:
        """Finish what was decided before a crash but not written to all partitions."""
        for transaction in self._by_id.values():
            if transaction.state in (COMMITTING, ABORTING):
                self._finish(transaction)

    def new_producer(self, transactional_id: str | None, timeout_ms: int) -> tuple[ErrorCode, int, int]:
        """Producer id and epoch; a transactional id gets its own id again and fences whoever had it before."""
        if transactional_id is None:
            return ErrorCode.NONE, self._next_producer_id(), 0
        if not transactional_id:
            return ErrorCode.INVALID_REQUEST, -1, -1
        if not 0 < timeout_ms <= LONGEST_TIMEOUT_MS:
            return ErrorCode.INVALID_TRANSACTION_TIMEOUT, -1, -1
        transaction = self._by_id.get(transactional_id)
        if transaction is None:
            transaction = Transaction(transactional_id, self._next_producer_id(), 0, timeout_ms)
        else:
            if transaction.state == ONGOING:
                transaction.epoch += 1
                self._decide(transaction, commit=False)
            self._bump(transaction)
            transaction.timeout_ms = timeout_ms
            transaction.state = EMPTY
        self._note(transaction)
        self._save(transaction)
        return ErrorCode.NONE, transaction.producer_id, transaction.epoch

    def find(self, transactional_id: str, producer_id: int, epoch: int) -> tuple[ErrorCode, Transaction | None]:
        """The transaction that a request speaks of, or why it may not."""
        transaction = self._by_id.get(transactional_id)
        if transaction is None or transaction.producer_id != producer_id:
            return ErrorCode.INVALID_PRODUCER_ID_MAPPING, None
        if transaction.epoch != epoch:
            return ErrorCode.INVALID_PRODUCER_EPOCH, None
        return ErrorCode.NONE, transaction

    def add_partitions(self, transaction: Transaction, partitions: set[tuple[str, int]]) -> None:
        """Take the partitions into the transaction, which begins with the first of them."""
        self._begin(transaction)
        if not partitions <= transaction.partitions:
            transaction.partitions |= partitions
            self._save(transaction)

    def add_group(self, transaction: Transaction, group_id: str) -> None:
        """Announce that offsets of the group are to be committed with the transaction."""
        self._begin(transaction)
        transaction.offsets.setdefault(group_id, [])
        self._save(transaction)

    def add_offsets(self, transaction: Transaction, group_id: str, commits: list[Commit]) -> ErrorCode:
        """Hold back the group's offsets until the transaction is committed."""
        if transaction.state != ONGOING or group_id not in transaction.offsets:
            return ErrorCode.INVALID_TXN_STATE
        transaction.offsets[group_id] += commits
        self._save(transaction)
        return ErrorCode.NONE

    def end(self, transaction: Transaction, *, commit: bool) -> ErrorCode:
        """Commit or abort; repeating what was done already is fine."""
        if transaction.state == ONGOING:
            self._decide(transaction, commit=commit)
            return ErrorCode.NONE
        final_state = COMMITTED if commit else ABORTED
        return ErrorCode.NONE if transaction.state == final_state else ErrorCode.INVALID_TXN_STATE

    def refuse_append(self, producer_id: int, epoch: int, partition: tuple[str, int], *, within: bool) -> ErrorCode:
        """Whether a batch of this producer may be appended; `within`: the batch belongs to a transaction."""
        transaction = self._by_producer.get(producer_id)
        if transaction is None:
            return ErrorCode.INVALID_PRODUCER_ID_MAPPING if within else ErrorCode.NONE
        if epoch < transaction.epoch:
            return ErrorCode.INVALID_PRODUCER_EPOCH
        if within and (transaction.state != ONGOING or partition not in transaction.partitions):
            return ErrorCode.INVALID_TXN_STATE
        return ErrorCode.NONE

    def abort_overdue(self) -> None:
        """Abort transactions that have been open longer than their producers asked for, and fence those."""
        for transaction in self._by_id.values():
            age_ms = (time.time() - transaction.began_at) * 1000
            if transaction.state == ONGOING and age_ms > transaction.timeout_ms:
                log.info("transaction %s timed out", transaction.id)
                transaction.epoch += 1
                self._decide(transaction, commit=False)

    def _begin(self, transaction: Transaction) -> None:
        if transaction.state != ONGOING:
            transaction.state = ONGOING
            transaction.began_at = time.time()

    def _decide(self, transaction: Transaction, *, commit: bool) -> None:
        transaction.state = COMMITTING if commit else ABORTING
        # Saved before the first marker: a crash in between finishes the same way.
        self._save(transaction)
        self._finish(transaction)

    def _finish(self, transaction: Transaction) -> None:
        commit = transaction.state == COMMITTING
        for topic, partition in sorted(transaction.partitions):
            partition_log = self._topics.log(topic, partition)
            if partition_log is not None and partition_log.producers.is_open(transaction.producer_id):
                marker = transaction_marker(transaction.producer_id, transaction.epoch, commit=commit)
                partition_log.append(marker, read_header(marker))
        if commit:
            for group_id, commits in transaction.offsets.items():
                if commits:
                    self._groups.commit(group_id, commits)
        transaction.partitions, transaction.offsets = set(), {}
        transaction.state = COMMITTED if commit else ABORTED
        self._save(transaction)

    def _bump(self, transaction: Transaction) -> None:
        if transaction.epoch >= LAST_EPOCH:
            del self._by_producer[transaction.producer_id]
            transaction.producer_id, transaction.epoch = self._next_producer_id(), 0
        else:
            transaction.epoch += 1

    def _next_producer_id(self) -> int:
        producer_id = self._next_id
        self._next_id += 1
        self._journal.append(["producer-id", self._next_id])
        return producer_id

    def _note(self, transaction: Transaction) -> None:
        before = self._by_id.get(transaction.id)
        if before is not None:
            self._by_producer.pop(before.producer_id, None)
        self._by_id[transaction.id] = transaction
        self._by_producer[transaction.producer_id] = transaction

    def _save(self, transaction: Transaction) -> None:
        self._journal.append(["transaction", _dump(transaction)])


def _dump(transaction: Transaction) -> dict[str, Any]:
    return {
        "id": transaction.id,
        "producer_id": transaction.producer_id,
        "epoch": transaction.epoch,
        "timeout_ms": transaction.timeout_ms,
        "state": transaction.state,
        "began_at": transaction.began_at,
        "partitions": sorted(transaction.partitions),
        "offsets": transaction.offsets,
    }


def _restored(saved: dict[str, Any]) -> Transaction:
    partitions = {(topic, partition) for topic, partition in saved["partitions"]}
    offsets = {group_id: [Commit(*commit) for commit in commits] for group_id, commits in saved["offsets"].items()}
    return Transaction(**{**saved, "partitions": partitions, "offsets": offsets})
