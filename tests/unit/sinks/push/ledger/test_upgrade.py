"""A ledger of before an order was center and number together: nothing in it is lost, and nobody is told twice."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from runtime.store import SqliteStore, Store
from schemas.order_key import OrderKey
from sinks.push.ledger import ledger, recipients, upgrade
from sinks.push.ledger.ledger import PLANNED, SENT, Send
from sinks.push.sink import _not_planned_before
from tests.providers.messages import a_notice, a_send
from tests.workshop import R1

NOW = 1_772_438_400_000
ELSEWHERE = OrderKey("C2", "R1")
TABLES_OF_BEFORE = (
    "DROP TABLE IF EXISTS upgrades",
    "DROP TABLE IF EXISTS sends",
    "DROP TABLE IF EXISTS followers",
    """CREATE TABLE sends (
        id TEXT PRIMARY KEY, notice_id TEXT NOT NULL, order_id TEXT NOT NULL, shard INTEGER NOT NULL,
        milestone TEXT NOT NULL, event_id TEXT NOT NULL, occurred_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
        channel TEXT NOT NULL, lane TEXT NOT NULL, person TEXT NOT NULL, address TEXT, notice TEXT,
        state TEXT NOT NULL, reason TEXT NOT NULL, due_at BIGINT NOT NULL, attempts INTEGER NOT NULL,
        planned_at BIGINT NOT NULL, held_for TEXT NOT NULL, intent_at BIGINT, final_at BIGINT, owner TEXT,
        carrier TEXT, told TEXT NOT NULL, reference TEXT NOT NULL)""",
    """CREATE TABLE followers (
        order_id TEXT NOT NULL, person TEXT NOT NULL, address TEXT NOT NULL, created_at BIGINT NOT NULL,
        PRIMARY KEY (order_id, person))""",
    "CREATE INDEX followers_person ON followers (person)",
)


def told_before() -> Send:
    """What was sent: neither its address nor its content are there any more."""
    send = a_send(a_notice("checked_in", at=NOW), id="old-sent", state=SENT)
    return replace(send, address=None, notice=None)


def waiting_before() -> Send:
    return a_send(a_notice("ready", at=NOW + 1), id="old-waiting")


def make_ledger_of_before(store: Store) -> None:
    """The tables as the version before had them, with one message sent, one waiting, and one follower."""
    for statement in TABLES_OF_BEFORE:
        store.run(statement)
    for send in (told_before(), waiting_before()):
        row = {name: value for name, value in asdict(send).items() if name != "center_id"}
        marks = ", ".join("?" * len(row))
        store.run(f"INSERT INTO sends ({', '.join(row)}) VALUES ({marks})", list(row.values()))
    store.run("INSERT INTO followers VALUES ('R1', 'p', 'webpush:{}', ?)", (NOW,))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = SqliteStore(tmp_path / "ledger.sqlite3")
    store.begin()
    make_ledger_of_before(store)
    ledger.create_tables(store)
    yield store
    store.commit()
    store.close()


def test_what_was_sent_and_what_waits_is_in_the_log_of_the_only_order_with_the_number(store: Store):
    assert [(send.id, send.state) for send in ledger.log_of(store, R1)] == [
        ("old-sent", SENT),
        ("old-waiting", PLANNED),
    ]


def test_what_waits_has_its_center_and_goes_on(store: Store):
    (waiting,) = ledger.due_sends(store, "sms", {0}, NOW + 10, 10, None).sends

    assert waiting.order == R1


def test_what_was_sent_is_nobody_s_once_another_center_uses_the_number(store: Store):
    ledger.plan(store, [a_send(a_notice("checked_in", center_id="C2"), id="new")])

    assert [send.id for send in ledger.log_of(store, R1)] == ["old-waiting"]
    assert [send.id for send in ledger.log_of(store, ELSEWHERE)] == ["new"]


def test_a_follower_goes_on_where_only_one_center_has_the_number(store: Store):
    assert recipients.subscriptions_of(store, [R1]) == {}

    upgrade.adopt_followers(store, [R1])

    assert recipients.subscriptions_of(store, [R1, ELSEWHERE]) == {R1: ["webpush:{}"]}


def test_a_replay_plans_nothing_again_that_was_planned_before(store: Store):
    again = [a_send(a_notice(name), id=f"new-{name}") for name in ("checked_in", "ready", "handed_off")]

    assert upgrade.is_upgraded(store)
    assert [send.id for send in _not_planned_before(store, again)] == ["new-handed_off"]


def test_a_new_ledger_has_nothing_to_take_over(tmp_path: Path):
    fresh = SqliteStore(tmp_path / "fresh.sqlite3")
    fresh.begin()
    ledger.create_tables(fresh)

    assert not upgrade.is_upgraded(fresh)
    fresh.commit()
    fresh.close()
