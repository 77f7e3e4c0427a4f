"""How rows get into ClickHouse: an outage is told from a refusal, and a refused row does not take others with it."""

from collections.abc import Callable
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError, ProgrammingError

from sinks.clickhouse.connection import ClickHouse, connect
from sinks.clickhouse.insert import ClickHouseUnavailableError, Inserter, RefusedRow, RowsRefusedError
from sinks.clickhouse.tables import RawTable

NUMBERS = RawTable("numbers", ("n",))
SERVER = ClickHouse("http://127.0.0.1:1", "app", "")


class FakeClient:
    """Keeps what it is given; `check` may raise for a block."""

    def __init__(self, check: Callable[[list[int]], None] = lambda _: None) -> None:
        self.rows: list[int] = []
        self.blocks: list[int] = []
        self._check = check

    def create_insert_context(self, *_: Any, **__: Any) -> Any:
        class Context:
            data: list[tuple[int, ...]]

        return Context()

    def insert(self, *, context: Any) -> None:
        block = [*context.data[0]]
        self.blocks.append(len(block))
        self._check(block)
        self.rows += block


def inserter(client: FakeClient) -> Inserter:
    return Inserter(SERVER, lambda _: client)


def rows(numbers: range) -> list[tuple[int]]:
    return [(number,) for number in numbers]


def refuses(*numbers: int) -> Callable[[list[int]], None]:
    def check(block: list[int]) -> None:
        if set(block) & set(numbers):
            raise DatabaseError("no place for it", code=69, name="ARGUMENT_OUT_OF_BOUND")

    return check


def test_rows_go_in_as_one_block() -> None:
    client = FakeClient()

    assert inserter(client).insert(NUMBERS, rows(range(5000))) == []
    assert client.blocks == [5000] and client.rows == [*range(5000)]


def test_only_the_refused_rows_stay_out() -> None:
    client = FakeClient(refuses(0, 17, 99))
    refused = inserter(client).insert(NUMBERS, rows(range(100)))

    assert [row.index for row in refused] == [0, 17, 99]
    assert refused[0] == RefusedRow(0, "row_refused", "ClickHouse error 69 ARGUMENT_OUT_OF_BOUND")
    assert client.rows == [number for number in range(100) if number not in (0, 17, 99)]


@pytest.mark.parametrize("error", [TypeError("'x' is no float"), OverflowError("too large"), AttributeError("encode")])
def test_a_value_that_the_driver_cannot_write_is_a_refusal_that_shows_no_value(error: Exception) -> None:
    def check(block: list[int]) -> None:
        if 3 in block:
            raise error

    refused = inserter(FakeClient(check)).insert(NUMBERS, rows(range(10)))

    assert [(row.index, row.reason) for row in refused] == [(3, type(error).__name__)]


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("connection refused"),
        OSError("no route"),
        MemoryError("of the writer"),
        DatabaseError("too many parts", code=252),
        DatabaseError("too many queries", code=202),
        DatabaseError("memory", code=241),
        DatabaseError("no such table yet", code=60),
        DatabaseError("login", code=516),
    ],
    ids=lambda error: str(error),
)
def test_a_server_that_is_away_busy_or_not_set_up_is_an_outage_and_refuses_no_row(error: Exception) -> None:
    def check(_: list[int]) -> None:
        raise error

    client = FakeClient(check)
    with pytest.raises(ClickHouseUnavailableError):
        inserter(client).insert(NUMBERS, rows(range(100)))
    assert client.blocks == [100]


def test_an_outage_says_what_happened_and_not_only_where() -> None:
    cause = "SSLError(SSLCertVerificationError(1, 'certificate has expired'))"

    def check(_: list[int]) -> None:
        raise OperationalError(f"Error HTTPSConnectionPool(host={'h' * 200}, port=1): Max retries (Caused by {cause})")

    with pytest.raises(ClickHouseUnavailableError, match="certificate has expired"):
        inserter(FakeClient(check)).insert(NUMBERS, rows(range(3)))


def test_a_server_that_does_not_tell_its_columns_is_an_outage_and_refuses_no_row() -> None:
    """With its disk full ClickHouse answers what its columns are with nothing, and the driver raises."""

    class NoColumns(FakeClient):
        def create_insert_context(self, *_: Any, **__: Any) -> Any:
            raise ProgrammingError("Unrecognized column n")

    client = NoColumns()
    with pytest.raises(ClickHouseUnavailableError):
        inserter(client).insert(NUMBERS, rows(range(3)))
    assert client.blocks == []


def test_an_error_of_unknown_meaning_is_waited_out_before_it_costs_a_row() -> None:
    """ClickHouse has some 700 error codes, and a batch may be a single good row."""

    def check(block: list[int]) -> None:
        if 3 in block:
            raise DatabaseError("what is this", code=49, name="LOGICAL_ERROR")

    patient = inserter(FakeClient(check))
    for _ in range(5):
        with pytest.raises(ClickHouseUnavailableError):
            patient.insert(NUMBERS, rows(range(10)))

    refused = patient.insert(NUMBERS, rows(range(10)))
    assert [(row.index, row.reason) for row in refused] == [(3, "ClickHouse error 49 LOGICAL_ERROR")]
    with pytest.raises(ClickHouseUnavailableError):
        patient.insert(NUMBERS, rows(range(10)))


def test_twenty_refused_rows_in_a_row_are_our_fault_not_theirs() -> None:
    with pytest.raises(RowsRefusedError, match=r"20 rows in a row for fixtrail_raw\.numbers"):
        inserter(FakeClient(refuses(*range(100)))).insert(NUMBERS, rows(range(100)))


def test_refused_rows_between_good_ones_stop_nothing() -> None:
    odd = refuses(*range(1, 200, 2))

    assert len(inserter(FakeClient(odd)).insert(NUMBERS, rows(range(200)))) == 100


def test_nobody_listening_is_an_outage() -> None:
    with pytest.raises(ClickHouseUnavailableError):
        Inserter(SERVER).insert(NUMBERS, rows(range(1)))


def test_a_url_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="expected http"):
        connect(ClickHouse("127.0.0.1:8123", "app", ""))
