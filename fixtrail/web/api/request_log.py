"""What each API key asked lately and how it was answered: bounded by age and size, and nothing personal in it.

A store of its own, SQLite in a file for the servers of one host, PostgreSQL for several. It serves whoever looks for a
fault, and nobody's counting: it is written some moments later, and what does not fit is left out.
"""

import asyncio
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import orjson

from runtime.store import Row, Store, StoreUnavailableError, open_store, transaction
from schemas.times import HOUR_MS

FLUSH_EVERY_S = 1.0
# So many wait at most while the store is away.
MOST_WAITING = 10_000
MEBIBYTE = 1024 * 1024

_COLUMNS = "key_id, total, at, method, route, status, problem, test, replayed, took_ms, accepted, refused, items, more"
_TABLE = (
    "CREATE TABLE IF NOT EXISTS api_requests (key_id TEXT NOT NULL, total BIGINT NOT NULL, at BIGINT NOT NULL, "
    "method TEXT NOT NULL, route TEXT NOT NULL, status INTEGER NOT NULL, problem TEXT, test INTEGER NOT NULL, "
    "replayed INTEGER NOT NULL, took_ms INTEGER NOT NULL, accepted INTEGER NOT NULL, refused INTEGER NOT NULL, "
    "items TEXT NOT NULL, more INTEGER NOT NULL, PRIMARY KEY (key_id, total))",
    "CREATE INDEX IF NOT EXISTS api_requests_at ON api_requests (at)",
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One answered request of a key. `route` is a pattern, without any id; `items` are events of the body."""

    key_id: str
    at_ms: int
    method: str
    route: str
    status: int
    problem: str | None = None
    test: bool = False
    replayed: bool = False
    took_ms: int = 0
    accepted: int = 0
    refused: int = 0
    items: tuple[dict[str, Any], ...] = ()
    items_left_out: int = 0

    def row(self) -> tuple[Any, ...]:
        """Its columns, but for `total`."""
        items = orjson.dumps(self.items).decode()
        flags = (int(self.test), int(self.replayed), self.took_ms, self.accepted, self.refused)
        return self.key_id, self.at_ms, self.method, self.route, self.status, self.problem, *flags, items

    @classmethod
    def of_row(cls, row: Row) -> "RequestRecord":
        key_id, _, at_ms, method, route, status, problem, test, replayed, took_ms, accepted, refused, items, more = row
        flags = (bool(test), bool(replayed), took_ms, accepted, refused)
        return cls(key_id, at_ms, method, route, status, problem, *flags, tuple(orjson.loads(items)), more)


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which requests: of one key or of all, since when, with which status, problem or event id; before a cursor."""

    key_id: str | None = None
    since_ms: int = 0
    status: int | None = None
    problem: str | None = None
    event_id: str | None = None
    refused_only: bool = False
    before: int | None = None
    limit: int = 100

    def conditions(self) -> tuple[list[str], list[Any]]:
        """SQL conditions with their values."""
        equal = {"key_id": self.key_id, "status": self.status, "problem": self.problem}
        conditions = ["at >= ?", *(f"{name} = ?" for name, value in equal.items() if value is not None)]
        values: list[Any] = [self.since_ms, *(value for value in equal.values() if value is not None)]
        if self.refused_only:
            conditions.append("(status >= 400 OR refused > 0)")
        if self.before is not None:
            conditions.append("total < ?")
            values.append(self.before)
        if self.event_id is not None:
            conditions.append("items LIKE ? ESCAPE '!'")
            text = orjson.dumps({"event_id": self.event_id}).decode()[1:-1]
            values.append("%" + "".join(f"!{sign}" if sign in "!%_" else sign for sign in text) + "%")
        return conditions, values

    def matches(self, record: RequestRecord) -> bool:
        """Whether an item has the event id, to the letter: SQLite's LIKE folds cases."""
        return self.event_id is None or any(item.get("event_id") == self.event_id for item in record.items)


@dataclass(frozen=True, slots=True)
class LogPage:
    """Requests, the newest first, and the cursor of those before them, if there are any."""

    records: list[RequestRecord]
    next_before: int | None = None


@dataclass(slots=True)
class RequestLog:
    """The log in its store. `hours` 0 keeps none; of each key the newest `key_bytes` are kept."""

    dsn: str
    hours: int
    key_bytes: int = 16 * MEBIBYTE
    clock: Callable[[], float] = time.time
    _waiting: deque[RequestRecord] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    _store: Store | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _flushing: "asyncio.Task[None] | None" = None

    def add(self, record: RequestRecord) -> None:
        """Let it be written in a moment; call it on the event loop."""
        if not self.hours:
            return
        self._waiting.append(record)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.get_running_loop().create_task(self._flush_later())

    async def _flush_later(self) -> None:
        while self._waiting:
            await asyncio.sleep(FLUSH_EVERY_S)
            await asyncio.to_thread(self.flush)

    def flush(self) -> None:
        """Write what waits and let go what is too old or too much; while the store is away it waits on."""
        with self._lock:
            records = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not records:
                return
            try:
                self._write(records)
            except (StoreUnavailableError, sqlite3.Error, OSError) as error:
                log.warning("the log of API requests is away: %s", type(error).__name__)
                self._waiting.extendleft(reversed(records))

    def read(self, query: LogQuery) -> LogPage:
        """The newest requests that the query asks for. Raises StoreUnavailableError."""
        self.flush()
        oldest = int(self.clock() * 1000) - self.hours * HOUR_MS
        conditions, values = query.conditions()
        order = "total" if query.key_id else "at"
        sql = f"SELECT {_COLUMNS} FROM api_requests WHERE {' AND '.join(conditions)} ORDER BY {order} DESC LIMIT ?"
        try:
            with self._lock:
                rows = self._opened().run(sql, [max(oldest, values[0]), *values[1:], query.limit])
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailableError(f"the log cannot be read: {type(error).__name__}") from error
        records = [record for record in map(RequestRecord.of_row, rows) if query.matches(record)]
        return LogPage(records, rows[-1][1] if len(rows) == query.limit else None)

    def close(self) -> None:
        """Write what waits, for the last time."""
        self.flush()
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None

    def _opened(self) -> Store:
        if self._store is None:
            self._store = open_store(self.dsn)
            with transaction(self._store):
                self._store.lock_schema()
                for sql in _TABLE:
                    self._store.run(sql)
        return self._store

    def _write(self, records: Sequence[RequestRecord]) -> None:
        oldest = int(self.clock() * 1000) - self.hours * HOUR_MS

        store = self._opened()
        with transaction(store):
            # One process at a time: totals go on where another process stopped.
            store.lock_schema()
            by_key = sorted(records, key=lambda record: record.key_id)
            for key_id, of_key in groupby(by_key, key=lambda record: record.key_id):
                self._append(store, key_id, of_key)
            store.run("DELETE FROM api_requests WHERE at < ?", (oldest,))

    def _append(self, store: Store, key_id: str, records: Iterable[RequestRecord]) -> None:
        """Append a key's records, each with the bytes of all up to it; the oldest beyond the key's bytes go."""
        total = store.run("SELECT coalesce(max(total), 0) FROM api_requests WHERE key_id = ?", (key_id,))[0][0]
        rows = []
        for record in records:
            key, *columns = record.row()
            total += len(columns[-1]) + 100
            rows.append((key, total, *columns, record.items_left_out))
        store.run_many(f"INSERT INTO api_requests ({_COLUMNS}) VALUES ({', '.join('?' * 14)})", rows)
        store.run("DELETE FROM api_requests WHERE key_id = ? AND total <= ?", (key_id, total - self.key_bytes))
