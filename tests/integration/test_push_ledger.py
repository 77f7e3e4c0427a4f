"""The ledger's promises, the same on SQLite and on PostgreSQL."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runtime.progress import Progress
from runtime.store import PostgresStore, Store, StoreUnavailableError, open_store
from schemas.order_key import OrderKey
from sinks.push.ledger import ledger, recipients, upgrade
from sinks.push.ledger.group_commit import GroupCommitThread
from sinks.push.ledger.ledger import HELD, INTENT, PLANNED, RETRY, SENT, SUPPRESSED, UNKNOWN, Send
from sinks.push.ledger.recipients import Preference, Spend
from tests.providers.messages import HOUR, a_notice, a_send
from tests.unit.sinks.push.ledger.test_upgrade import make_ledger_of_before
from tests.workshop import R1, R2

NOW = 1_772_442_000_000
SHARDS = {0, 1}


@pytest.fixture(params=["sqlite", "postgres"])
def open_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens the same empty ledger as often as it is called, as several processes would."""
    dsn = (
        f"sqlite:///{tmp_path / 'ledger.sqlite3'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    )
    opened: list[Store] = []

    def make() -> Store:
        store = open_store(dsn)
        opened.append(store)
        return store

    store = make()
    within(store, ledger.create_tables)
    for table in ("sends", "preferences", "consents", "followers"):
        within(store, lambda store, table=table: store.run(f"DELETE FROM {table}"))
    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(open_ledger: Callable[[], Store]) -> Store:
    return open_ledger()


def within(store: Store, work: Callable[[Store], Any]) -> Any:
    """What the work returns, once it is committed."""
    store.begin()
    try:
        result = work(store)
    except BaseException:
        store.rollback()
        raise
    store.commit()
    return result


def send(order_id: str = "R1", milestone: str = "repair_started", **fields: Any) -> Send:
    return a_send(a_notice(milestone, order_id=order_id, at=NOW), "sms", **{"id": f"{order_id}-{milestone}", **fields})


def planned(store: Store, *sends: Send) -> None:
    within(store, lambda store: ledger.plan(store, sends))


def due(store: Store, now: int = NOW, limit: int = 10, told_since: int | None = 0, shards: set[int] = SHARDS) -> Any:
    return within(store, lambda store: ledger.due_sends(store, "sms", shards, now, limit, told_since))


def claim(store: Store, *sends: Send, now: int = NOW, spend: Spend | None = None) -> bool:
    return within(store, lambda store: ledger.claim(store, sends, "what was said", "me", now, spend))


def state(store: Store, order_id: str = "R1") -> list[str]:
    return [send.state for send in within(store, lambda store: ledger.log_of(store, OrderKey("C1", order_id)))]


def test_a_notice_planned_twice_is_there_once(store: Store):
    assert within(store, lambda store: ledger.plan(store, [send(), send("R2")])) == 2
    assert within(store, lambda store: ledger.plan(store, [send(), send("R3"), send("R3")])) == 1
    assert within(store, lambda store: ledger.plan(store, [])) == 0


def test_what_is_due_comes_the_oldest_first_and_only_of_the_shards_in_hand(store: Store):
    sends = [send("R1", due_at=NOW - 1), send("R2", due_at=NOW - 2), send("R3", due_at=NOW + 5), send("R4", shard=7)]
    planned(store, *sends)

    assert [row.order_id for row in due(store).sends] == ["R2", "R1"]
    assert [row.order_id for row in due(store, limit=1).sends] == ["R2"]
    assert due(store, NOW - 10).next_due == NOW - 2
    assert due(store, shards=set()).sends == []


def test_of_two_processes_one_gets_the_send(open_ledger: Callable[[], Store]):
    first, second = open_ledger(), open_ledger()
    planned(first, send())

    assert claim(first, send())
    assert not claim(second, send())
    assert state(first) == [INTENT]


def test_at_the_same_moment_too_only_one_gets_it(open_ledger: Callable[[], Store]):
    stores = [open_ledger() for _ in range(4)]
    sends = [send(f"R{number}") for number in range(30)]
    planned(stores[0], *sends)
    won: list[str] = []

    def compete(store: Store) -> None:
        for send_ in sends:
            if claim(store, send_):
                won.append(send_.id)

    threads = [threading.Thread(target=compete, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == sorted(send_.id for send_ in sends)


def test_a_parcel_is_taken_whole_or_not_at_all(open_ledger: Callable[[], Store]):
    first_ledger, second_ledger = open_ledger(), open_ledger()
    first, second = send(), send(milestone="ready")
    planned(first_ledger, first, second)
    assert claim(first_ledger, second)

    assert not claim(second_ledger, first, second)
    assert sorted(state(first_ledger)) == [HELD, INTENT]


def test_a_final_send_has_no_address_any_more(store: Store):
    planned(store, send())
    claim(store, send())
    within(store, lambda store: ledger.finish(store, ["R1-repair_started"], SENT, "", NOW + 7, "ref-1"))

    (row,) = within(store, lambda store: ledger.log_of(store, R1))
    assert (row.address, row.notice, row.told, row.reference) == (None, None, "what was said", "ref-1")
    assert (row.state, row.final_at, row.attempts) == (SENT, NOW + 7, 1)


def test_what_is_final_stays_so(store: Store):
    planned(store, send())
    claim(store, send())
    ids = ["R1-repair_started"]
    within(store, lambda store: ledger.finish(store, ids, SENT, "", NOW))
    within(store, lambda store: ledger.finish(store, ids, UNKNOWN, "x", NOW))
    within(store, lambda store: ledger.hold(store, ids, HELD, "x", NOW))

    assert state(store) == [SENT]
    assert not claim(store, send())


def test_that_it_was_sent_corrects_what_nobody_knew(store: Store):
    planned(store, send())
    claim(store, send())
    within(store, lambda store: ledger.finish(store, ["R1-repair_started"], UNKNOWN, "x", NOW))
    within(store, lambda store: ledger.finish(store, ["R1-repair_started"], SENT, "", NOW))

    assert state(store) == [SENT]


def test_what_was_put_off_for_one_person_and_order_comes_together(store: Store):
    sends = [send(), send(milestone="ready"), send("R2"), send(milestone="part_arrived", person="somebody else")]
    planned(store, *sends)
    within(store, lambda store: ledger.hold(store, [row.id for row in sends], HELD, "quiet hours", NOW, "quiet hours"))

    batch = due(store)
    assert len(batch.sends) == 4
    assert {row.id for row in batch.groups["R1-ready"]} == {"R1-ready", "R1-repair_started"}


def test_why_somebody_was_left_in_peace_outlives_a_failed_attempt(store: Store):
    planned(store, send())
    ids = ["R1-repair_started"]
    within(store, lambda store: ledger.hold(store, ids, HELD, "quiet hours", NOW, "quiet hours"))
    claim(store, send())
    within(store, lambda store: ledger.hold(store, ids, HELD, "HTTP 429", NOW + 5))

    (row,) = due(store, NOW + 5).sends
    assert (row.reason, row.held_for) == ("HTTP 429", "quiet hours")


def test_what_went_as_one_message_counts_once_for_the_day(store: Store):
    planned(store, send(), send(milestone="ready"), send("R2"))
    claim(store, send(), send(milestone="ready"), now=NOW - HOUR)

    batch = due(store)
    assert batch.messaged_at == {"person-+861": [NOW - HOUR]}
    assert due(store, told_since=None).messaged_at == {}


def test_a_consent_is_used_once_and_the_last_ones_are_kept_for_what_matters_more(store: Store):
    person, spend = "person-+861", Spend("person-+861", "progress", 1)
    planned(store, send("R1"), send("R2"), send("R3"))
    within(store, lambda store: recipients.add_consents(store, person, "progress", 1, NOW))
    within(store, lambda store: recipients.add_consents(store, person, "progress", 1, NOW))

    assert claim(store, send("R1"), spend=spend)
    assert not claim(store, send("R2"), spend=spend)
    assert claim(store, send("R3"), spend=Spend(person, "progress", 0))
    assert state(store, "R2") == ["SUPPRESSED"]
    assert within(store, lambda store: recipients.consents_of(store, person)) == {"progress": 0}


def test_what_is_tried_again_uses_no_second_consent(store: Store):
    again = send(state=RETRY)
    planned(store, again)

    assert claim(store, again, spend=Spend("person-+861", "progress", 0))


def test_who_has_begun_and_not_finished_can_be_found(store: Store):
    planned(store, send(), send("R2"), send("R3", shard=7))
    for row in (send(), send("R3", shard=7)):
        claim(store, row)

    (left,) = within(store, lambda store: ledger.unfinished(store, SHARDS))
    assert (left.id, left.owner, left.intent_at) == ("R1-repair_started", "me", NOW)


def test_what_a_customer_wants_is_known_until_it_changes(store: Store):
    preference = Preference(milestones=frozenset({"ready", "quote_ready"}), time_zone="Asia/Urumqi")
    within(store, lambda store: recipients.set_preference(store, "p", preference, NOW))
    assert within(store, lambda store: recipients.preferences_of(store, ["p", "q"])) == {"p": preference}

    within(store, lambda store: recipients.set_preference(store, "p", Preference(opted_out=True), NOW))
    assert within(store, lambda store: recipients.preferences_of(store, ["p"])) == {"p": Preference(opted_out=True)}


def test_a_grant_is_new_once_until_it_is_forgotten(store: Store):
    def is_new() -> bool:
        return within(store, lambda store: recipients.is_new_grant(store, "crm tap-1", "p", NOW))

    assert (is_new(), is_new()) == (True, False)
    within(store, lambda store: ledger.purge(store, NOW + 1, NOW + 1))
    assert is_new()


def test_a_browser_may_follow_several_orders(store: Store):
    """A customer with two cars, or who comes back with the same one."""
    for order_id in ("R1", "R2", "R2"):
        within(
            store,
            lambda store, order_id=order_id: recipients.subscribe(
                store, "p", OrderKey("C1", order_id), "webpush:{}", NOW
            ),
        )
    followed = within(store, lambda store: recipients.subscriptions_of(store, [R1, R2]))
    assert followed == {R1: ["webpush:{}"], R2: ["webpush:{}"]}

    within(store, lambda store: ledger.turn_off(store, "p", R1, NOW))
    assert within(store, lambda store: recipients.subscriptions_of(store, [R1, R2])) == {R2: ["webpush:{}"]}
    within(store, lambda store: recipients.unsubscribe(store, "p"))
    assert within(store, lambda store: recipients.subscriptions_of(store, [R2])) == {}


def test_what_waits_for_a_browser_is_not_sent_once_its_notifications_are_off(store: Store):
    planned(store, send("R1"), send("R2"))
    person = send("R1").person
    within(store, lambda store: ledger.turn_off(store, person, R1, NOW))

    (off,) = within(store, lambda store: ledger.log_of(store, R1))
    assert (off.state, off.reason, off.address) == (SUPPRESSED, ledger.TURNED_OFF, None)
    assert state(store, "R2") == [PLANNED]


def test_what_nobody_asks_for_any_more_is_forgotten_but_nothing_that_waits(store: Store):
    planned(store, send("R1"), send("R2"))
    within(store, lambda store: ledger.finish(store, ["R1-repair_started"], SENT, "", NOW))
    within(store, lambda store: recipients.subscribe(store, "p", R1, "webpush:{}", NOW))
    within(store, lambda store: ledger.purge(store, NOW + 1, NOW + 1))

    assert (state(store, "R1"), state(store, "R2")) == ([], [PLANNED])
    assert within(store, lambda store: recipients.subscriptions_of(store, [R1])) == {}


# Written together


async def test_what_is_asked_at_once_is_all_done(store: Store):
    clerk = GroupCommitThread(store, Progress())
    sends = [send(f"R{number}") for number in range(300)]

    new = await asyncio.gather(
        *(clerk.execute(lambda store, send=new_send: ledger.plan(store, [send])) for new_send in sends)
    )
    due = await clerk.execute(lambda store: ledger.due_sends(store, "sms", SHARDS, NOW, 1000, None))
    await clerk.close()

    assert (sum(new), len(due.sends)) == (300, 300)


def states_of(store: Store) -> list[tuple[str, str]]:
    """Channel and state of every send."""
    return list(store.run("SELECT channel, state FROM sends"))


async def test_one_that_fails_undoes_none_of_the_others(store: Store):
    clerk = GroupCommitThread(store, Progress())

    def spoil(store: Store) -> None:
        ledger.plan(store, [send("bad")])
        raise KeyError("spoilt")

    tasks = [clerk.execute(partial(ledger.plan, sends=[send(f"R{number}")])) for number in range(20)]
    results = await asyncio.gather(*tasks[:10], clerk.execute(spoil), *tasks[10:], return_exceptions=True)
    states = await clerk.execute(states_of)
    await clerk.close()

    assert [result for result in results if result != 1] == [results[10]]
    assert isinstance(results[10], KeyError)
    assert states == [("sms", PLANNED)] * 20


async def test_while_the_database_is_away_everything_waits(store: Store, monkeypatch: pytest.MonkeyPatch):
    away = iter([True, True, False])
    commit = store.commit

    def break_off() -> None:
        if next(away, False):
            raise StoreUnavailableError("gone")
        commit()

    monkeypatch.setattr(store, "commit", break_off)
    clerk = GroupCommitThread(store, Progress())

    assert await clerk.execute(partial(ledger.plan, sends=[send()])) == 1
    assert await clerk.execute(states_of) == [("sms", PLANNED)]
    await clerk.close()


def test_a_lost_connection_is_an_outage_and_not_the_end(postgres: str):
    store, second_store = PostgresStore(postgres), PostgresStore(postgres)
    within(store, ledger.create_tables)
    second_store.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query <> ''"
    )

    with pytest.raises(StoreUnavailableError):
        store.begin()
    store.rollback()
    assert within(store, lambda store: store.run("SELECT 1")) == [(1,)]


def test_a_ledger_that_cannot_be_reached_does_not_tell_its_password():
    with pytest.raises(StoreUnavailableError) as refused:
        open_store("postgresql://ledger:s3cret@127.0.0.1:1/x")

    assert "s3cret" not in str(refused.value)


def test_the_ledger_on_disk_is_nobody_elses_to_read(tmp_path: Path):
    open_store(f"sqlite:///{tmp_path / 'ledger.sqlite3'}").close()

    assert (tmp_path / "ledger.sqlite3").stat().st_mode & 0o077 == 0


def test_a_ledger_of_before_orders_had_a_center_is_taken_over(store: Store):
    within(store, make_ledger_of_before)
    within(store, ledger.create_tables)
    within(store, ledger.create_tables)

    assert [row.state for row in within(store, lambda store: ledger.log_of(store, R1))] == [SENT, PLANNED]
    within(store, lambda store: upgrade.adopt_followers(store, [R1]))
    assert within(store, lambda store: recipients.subscriptions_of(store, [R1])) == {R1: ["webpush:{}"]}
