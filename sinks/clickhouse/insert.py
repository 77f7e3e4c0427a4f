"""Inserts rows into ClickHouse: all but those that it refuses, across outages."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from urllib3.exceptions import HTTPError

from sinks.clickhouse.broken_parts import broken_parts
from sinks.clickhouse.connection import ClickHouse, connect
from sinks.clickhouse.tables import RawTable, Row

log = logging.getLogger(__name__)

REFUSED_IN_A_ROW = 20
# An error of unknown kind counts as an outage this many times, then as a refusal of the rows.
DOUBTS = 5

# Not about the rows: busy, out of a resource, restarting, or not set up (yet) as it must be. All of it can pass.
_OUTAGE_CODES = frozenset(
    {
        *(16, 60, 81, 497, 516),  # no such column, table, database; access denied; login failed: migrate, then go on
        *(74, 75, 76, 173, 198, 241, 243, 1001, 1002),  # files, memory, disk, exceptions outside of the database
        *(159, 201, 202, 203, 209, 210, 236, 252, 394, 439, 473, 745),  # time-outs, limits, too many queries or parts
        *(164, 218, 242, 285, 286, 319, 373, 425, 733, 999, 1000),  # read-only, replicas, restarts, keeper
    }
)
# About the rows: text, numbers, dates, arrays, decimals, strings and NULLs that do not fit their column.
_REFUSAL_CODES = frozenset({6, 27, 32, 33, 36, 38, 41, 43, 53, 69, 70, 72, 117, 128, 131, 190, 321, 349, 407, 469, 691})
_SETTINGS = {"async_insert": 0}


class ClickHouseUnavailableError(RuntimeError):
    """ClickHouse is not there or too busy; the same rows can be tried again."""


class RowsRefusedError(RuntimeError):
    """ClickHouse refuses row after row: the fault is ours or its set-up's, not the data's. Trying again cannot help."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that ClickHouse refuses: its index among the rows given, and the reason without any value."""

    index: int
    code: str
    reason: str


class Inserter:
    """Writes blocks of rows; one call at a time, from any thread."""

    def __init__(self, server: ClickHouse, client: Callable[[ClickHouse], Any] = connect) -> None:
        self._server = server
        self._make_client = client
        self._client: Any = None
        self._contexts: dict[RawTable, Any] = {}
        self._doubts: Counter[RawTable] = Counter()
        # The driver's log of a value that it cannot serialize would show the value.
        logging.getLogger("clickhouse_connect.driver.transform").setLevel(logging.CRITICAL)

    def insert(self, table: RawTable, rows: Sequence[Row]) -> list[RefusedRow]:
        """Write the rows; those that ClickHouse refuses are left out and returned, in order.

        Returns once ClickHouse has acknowledged all others. Writing the same rows again is harmless: every table is a
        ReplacingMergeTree by a key that never changes.

        Raises ClickHouseUnavailableError when it is unreachable or busy; any part of the rows may then be written.
        Raises RowsRefusedError after 20 refused rows in a row.
        """
        refused: list[RefusedRow] = []
        pending = [(0, len(rows))]
        since_accepted = 0
        while pending:
            start, end = pending.pop()
            error = self._try(table, rows[start:end])
            if error is None:
                since_accepted = 0
            elif end - start > 1:
                middle = (start + end) // 2
                pending += [(middle, end), (start, middle)]
            else:
                refused.append(RefusedRow(start, "row_refused", _reason(error)))
                since_accepted += 1
                if since_accepted >= REFUSED_IN_A_ROW:
                    raise RowsRefusedError(
                        f"{since_accepted} rows in a row for {table.full_name}, the last: {_reason(error)}"
                    )
        self._doubts.pop(table, None)
        return refused

    def broken_parts(self) -> dict[str, int]:
        """Parts that ClickHouse has put aside, by table. Raises ClickHouseUnavailableError where it does not say."""
        try:
            return broken_parts(self._connected())
        except (HTTPError, OSError, DatabaseError) as error:
            raise ClickHouseUnavailableError(_reason(error)) from error

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _try(self, table: RawTable, rows: Sequence[Row]) -> Exception | None:
        """Insert the rows as one block; the error where ClickHouse or the driver refuses them."""
        try:
            context = self._context(table)
        except Exception as error:
            # Nothing was said of the rows yet. A ClickHouse whose disk is full answers with no columns at all.
            raise ClickHouseUnavailableError(_reason(error)) from error
        try:
            context.data = list(zip(*rows, strict=True))
            self._client.insert(context=context)
        except (HTTPError, OSError, MemoryError) as error:
            # Of what the machine has no more, no row is to blame either.
            raise ClickHouseUnavailableError(_reason(error)) from error
        except DatabaseError as error:
            if self._is_outage(table, error):
                # The next attempt asks for the columns again: they may be what is missing.
                self._contexts.pop(table, None)
                raise ClickHouseUnavailableError(_reason(error)) from error
            refusal: Exception = error
        except Exception as error:
            # The driver raises TypeError, ValueError, OverflowError … for a value that does not fit its column.
            refusal = error
        else:
            return None
        return refusal

    def _is_outage(self, table: RawTable, error: DatabaseError) -> bool:
        if error.code is None:
            return isinstance(error, OperationalError)
        if error.code in _REFUSAL_CODES or error.code in _OUTAGE_CODES:
            return error.code in _OUTAGE_CODES
        self._doubts[table] += 1
        return self._doubts[table] <= DOUBTS

    def _connected(self) -> Any:
        if self._client is None:
            self._client = self._make_client(self._server)
        return self._client

    def _context(self, table: RawTable) -> Any:
        client = self._connected()
        if table not in self._contexts:
            self._contexts[table] = client.create_insert_context(
                table.full_name, list(table.columns), column_oriented=True, settings=_SETTINGS
            )
        return self._contexts[table]


def _reason(error: Exception) -> str:
    """What went wrong without the values: the code and name that ClickHouse gave, else the kind of exception."""
    if isinstance(error, DatabaseError) and error.code is not None:
        return f"ClickHouse error {error.code} {error.name or ''}".rstrip()
    if isinstance(error, OperationalError):
        # The client names the URL and its tries first, and what happened behind that.
        text = str(error).partition("\n")[0].rpartition("Caused by ")[2]
        return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
    return type(error).__name__
