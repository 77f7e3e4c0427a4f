"""A ledger whose disk is full: what is under way waits, the box is not ready, and all of it is written once."""

import asyncio
from pathlib import Path

from runtime.progress import Progress
from runtime.store import SqliteStore, Store
from sinks.push.ledger import ledger
from sinks.push.ledger.group_commit import GroupCommitThread
from tests.providers.messages import a_notice, a_send

ROOMY = 100_000


def pages(store: Store) -> int:
    return int(store.run("PRAGMA page_count")[0][0])


async def test_sends_wait_for_room_and_are_planned_once(tmp_path: Path):
    store, progress = SqliteStore(tmp_path / "ledger.sqlite3"), Progress()
    store.begin()
    ledger.create_tables(store)
    store.commit()
    store.run(f"PRAGMA max_page_count = {pages(store)}")
    thread = GroupCommitThread(store, progress)
    sends = [a_send(a_notice("ready", order_id=f"R{number}"), id=f"send-{number}") for number in range(50)]

    planning = asyncio.create_task(thread.execute(lambda store: ledger.plan(store, sends)))
    while not progress.outages:
        await asyncio.sleep(0.01)
    assert not planning.done()

    store.run(f"PRAGMA max_page_count = {ROOMY}")
    assert await planning == 50
    assert await thread.execute(lambda store: store.run("SELECT count(*) FROM sends")) == [(50,)]
    assert progress.outages == 0
    await thread.close()
