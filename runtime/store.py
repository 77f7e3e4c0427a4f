"""One SQL for two databases: SQLite in a file on one host, PostgreSQL for several. Placeholders are `?`.

Both promise the same: what `commit` has returned for is on disk.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import psycopg

Row = tuple[Any, ...]
T = TypeVar("T")

BUSY_LIMIT_S = 30.0


# SQLite's codes for what passes by itself or once somebody makes room: another process writes, the disk is full or does
# not take a write, no file can be opened (the limit of open files).
_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
}
_PRIMARY_CODE = 0xFF


class StoreUnavailableError(Exception):
    """The database is away or busy, or its disk is full. Trying the same again later helps."""


class Store(Protocol):
    """A connection with at most one transaction, used by one thread at a time."""

    def begin(self) -> None: ...
    def commit(self) -> None: ...
    def lock_schema(self) -> None:
        """Take the lock that serialises the creation of tables until this transaction ends."""

    def rollback(self) -> None:
        """Undo what was not committed; quiet where the connection is gone."""

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """The rows that the statement returns."""

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """How many rows changed. Raises StoreUnavailableError, as all of these do."""

    def purge_deleted(self) -> None:
        """Leave nothing of what was deleted or replaced in the database's files. Outside of any transaction."""

    def columns(self, table: str) -> set[str]:
        """The names of a table's columns; none where there is no such table."""

    def close(self) -> None: ...


def is_absent(dsn: str) -> bool:
    """Whether the DSN names a file of SQLite that is not there: opening would make it."""
    return dsn.startswith("sqlite:///") and not Path(dsn.removeprefix("sqlite:///")).exists()


def open_store(dsn: str) -> Store:
    """The store that a DSN names: sqlite:///path, a plain path, or postgresql://…

    Raises StoreUnavailableError where it cannot be reached.
    """
    if dsn.startswith(("postgresql://", "postgres://")):
        return PostgresStore(dsn)
    return SqliteStore(Path(dsn.removeprefix("sqlite:///")))


@contextmanager
def transaction(store: Store) -> Iterator[None]:
    """One transaction of the store: committed at the end, undone by an exception."""
    try:
        store.begin()
        yield
        store.commit()
    except BaseException:
        store.rollback()
        raise


class SqliteStore:
    """SQLite with a write-ahead log that is synced at every commit."""

    def __init__(self, path: Path) -> None:
        # It holds addresses for as long as they are needed: nobody else's to read.
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._database = sqlite3.connect(path, timeout=BUSY_LIMIT_S, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            self.run(f"PRAGMA {pragma}")

    def begin(self) -> None:
        self.run("BEGIN IMMEDIATE")

    def lock_schema(self) -> None:
        pass  # BEGIN IMMEDIATE has locked the database

    def commit(self) -> None:
        self.run("COMMIT")

    def rollback(self) -> None:
        if self._database.in_transaction:
            self.run("ROLLBACK")

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._tried(lambda: self._database.execute(sql, values).fetchall())

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        return self._tried(lambda: self._database.executemany(sql, rows).rowcount)

    def purge_deleted(self) -> None:
        # Freed pages are overwritten at once (secure_delete); the write-ahead log still has them as they were.
        self.run("PRAGMA wal_checkpoint(TRUNCATE)")

    def columns(self, table: str) -> set[str]:
        return {name for (name,) in self.run("SELECT name FROM pragma_table_info(?)", (table,))}

    def close(self) -> None:
        self._database.close()

    @staticmethod
    def _tried(work: Callable[[], T]) -> T:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY_CODE in _PASSING:
                raise StoreUnavailableError(f"SQLite: {error}") from error
            raise


class PostgresStore:
    """PostgreSQL with its usual durability; connects again by itself at the next transaction."""

    def __init__(self, dsn: str) -> None:
        import psycopg

        self._psycopg, self._dsn = psycopg, dsn
        self._connection: psycopg.Connection | None = None
        self._connected()

    def begin(self) -> None:
        self.run("BEGIN")

    def lock_schema(self) -> None:
        self.run("SELECT pg_advisory_xact_lock(7230455)")

    def commit(self) -> None:
        self.run("COMMIT")

    def rollback(self) -> None:
        try:
            if self._connection is not None:
                self._connection.execute("ROLLBACK")
        except self._psycopg.Error:
            self.close()

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        def work() -> list[Row]:
            cursor = self._connected().execute(sql.replace("?", "%s").encode(), values)
            return cursor.fetchall() if cursor.description else []

        return self._tried(work)

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        def work() -> int:
            with self._connected().cursor() as cursor:
                cursor.executemany(sql.replace("?", "%s").encode(), rows)
                return cursor.rowcount

        return self._tried(work)

    def purge_deleted(self) -> None:
        self.run("VACUUM")

    def columns(self, table: str) -> set[str]:
        here = "table_schema = current_schema() AND table_name = ?"
        sql = f"SELECT column_name FROM information_schema.columns WHERE {here}"
        return {name for (name,) in self.run(sql, (table,))}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> "psycopg.Connection":
        if self._connection is None or self._connection.closed:
            try:
                self._connection = self._psycopg.connect(self._dsn, autocommit=True, connect_timeout=10)
            except self._psycopg.OperationalError as error:
                # Not the error's own text: it may repeat the DSN.
                raise StoreUnavailableError(f"PostgreSQL cannot be reached: {type(error).__name__}") from None
        return self._connection

    def _tried(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (self._psycopg.OperationalError, self._psycopg.InterfaceError) as error:
            # Also a deadlock or a conflict with another process: nothing of the transaction has happened.
            raise StoreUnavailableError(f"PostgreSQL: {type(error).__name__}") from error


def chunks(values: Sequence[T], size: int = 500) -> Iterable[Sequence[T]]:
    """The values in chunks that one statement can take."""
    return (values[start : start + size] for start in range(0, len(values), size))


def placeholders(values: Sequence[str]) -> str:
    """The placeholders of a statement for these values."""
    return ", ".join("?" * len(values))
