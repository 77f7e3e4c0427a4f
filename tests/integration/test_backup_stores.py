"""A ledger and its key store out of a backup are what they were, whichever of the two databases they were in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtrail.backups.files import ItemWriter
from fixtrail.backups.stores import KEYS, LEDGER, fill_store, is_empty, write_store
from runtime.failure import ExitError
from runtime.personal import keys
from runtime.store import Store, open_store
from schemas.order_key import OrderKey
from sinks.push.ledger import ledger, recipients
from sinks.push.ledger.ledger import opened_ledger
from sinks.push.ledger.recipients import Preference
from tests.providers.messages import a_notice, a_send
from tests.providers.postgres import a_database

NOW = 1_772_442_000_000
KINDS = ("sqlite", "postgres")


@pytest.fixture(params=[(before, after) for before in KINDS for after in KINDS], ids="-to-".join)
def dsns(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two empty databases: of the backup, and of the restoration."""

    def dsn(when: str, kind: str) -> str:
        name = f"{when}-{tmp_path.name}"
        if kind == "postgres":
            return a_database(request.getfixturevalue("postgres"), name)
        return f"sqlite:///{tmp_path / name}.sqlite3"

    yield dsn("backup", request.param[0]), dsn("restoration", request.param[1])


def rows(store: Store, table: str) -> list[tuple[object, ...]]:
    columns = ", ".join(sorted(store.columns(table)))
    return sorted((tuple(row) for row in store.run(f"SELECT {columns} FROM {table}")), key=str)


def test_what_was_sent_to_whom_and_who_wants_what_comes_back(dsns: tuple[str, str], tmp_path: Path) -> None:
    before, after = dsns
    with opened_ledger(before) as store:
        ledger.plan(store, [a_send(a_notice("repair_started", at=NOW), "sms", id=f"S{n}") for n in range(3)])
        recipients.set_preference(store, "K1", Preference(opted_out=True), NOW)
        recipients.add_consents(store, "K1", "template", 2, NOW)
        recipients.subscribe(store, "K2", OrderKey("C1", "R1"), "push:x", NOW)
    assert not is_empty(LEDGER, before)
    assert is_empty(LEDGER, after)

    files = write_store(tmp_path / "backup", LEDGER, before)
    with opened_ledger(after) as store:
        count = fill_store(store, tmp_path / "backup", LEDGER)

    assert count == sum(file.items for file in files) >= 6
    with opened_ledger(before) as first, opened_ledger(after) as second:
        for table in ("sends", "preferences", "consents", "followers"):
            assert rows(second, table) == rows(first, table)
            assert rows(first, table)


def test_the_keys_of_personal_fields_open_the_same_fields(dsns: tuple[str, str], tmp_path: Path) -> None:
    before, after = map(open_store, dsns)
    for store in (before, after):
        keys.create_tables(store)
    stored = keys.keys_of_orders(before, ["C1/R1", "C1/R2"], NOW)

    write_store(tmp_path / "backup", KEYS, dsns[0])
    after.begin()
    assert fill_store(after, tmp_path / "backup", KEYS) == 2
    after.commit()

    assert keys.stored_orders(after, ["C1/R1", "C1/R2"]) == stored
    for store in (before, after):
        store.close()


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([["person", "person"], ["a", "b"]], "refuses its rows"),
        ([["person", "opted_out"], ["a"]], "refuses its rows"),
        ([["person", "opted_out", "changed_at"], ["a", (1 << 64) - 1, 1]], "refuses its rows"),
        ([["person", "opted_out", "changed_at"], [["CANARY"], {"a": 1}, None]], "refuses its rows"),
        ([["person) VALUES ('x'); DROP TABLE sends; --"], ["a"]], "has other columns"),
        ([[1, 2], [1, 2]], "has other columns"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_somebody_else_s_change_nothing(
    kind: str, items: list[list[object]], reason: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name = f"hostile-{tmp_path.name}"
    dsn = f"sqlite:///{tmp_path / name}.sqlite3"
    if kind == "postgres":
        dsn = a_database(request.getfixturevalue("postgres"), name)
    (tmp_path / LEDGER).mkdir()
    with ItemWriter(tmp_path / LEDGER / "preferences.rows") as writer:
        writer.write_all(items)
    with opened_ledger(dsn) as store:
        recipients.set_preference(store, "K1", Preference(opted_out=True), NOW)

    with pytest.raises(ExitError, match=reason) as refusal, opened_ledger(dsn) as store:
        fill_store(store, tmp_path, LEDGER)
    assert "CANARY" not in str(refusal.value)
    with opened_ledger(dsn) as store:
        assert store.columns("sends")
        assert store.run("SELECT person FROM preferences") == [("K1",)]
