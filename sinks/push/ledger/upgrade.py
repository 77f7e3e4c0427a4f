"""A ledger of before an order was center and number together: its tables get the center, and nobody is told twice."""

from collections.abc import Iterable, Sequence

import orjson

from runtime.store import Store, chunks, placeholders
from schemas.order_key import OrderKey

_UPGRADES = "CREATE TABLE IF NOT EXISTS upgrades (name TEXT PRIMARY KEY)"
_FOLLOWERS = (
    "DROP INDEX IF EXISTS followers_person",
    "ALTER TABLE followers RENAME TO followers_before",
    """CREATE TABLE followers (
        center_id TEXT NOT NULL, order_id TEXT NOT NULL, person TEXT NOT NULL, address TEXT NOT NULL,
        created_at BIGINT NOT NULL, PRIMARY KEY (center_id, order_id, person))""",
    """INSERT INTO followers (center_id, order_id, person, address, created_at)
        SELECT '', order_id, person, address, created_at FROM followers_before""",
    "DROP TABLE followers_before",
)

SendKey = tuple[str, str, str, str]  # person, number, milestone, event


def add_centers(store: Store) -> None:
    """Give the tables of an earlier version their column `center_id`: empty, but for what still waits."""
    store.run(_UPGRADES)
    columns = store.columns("sends")
    if columns and "center_id" not in columns:
        store.run("ALTER TABLE sends ADD COLUMN center_id TEXT NOT NULL DEFAULT ''")
        waiting = store.run("SELECT notice, id FROM sends WHERE notice IS NOT NULL")
        named = [(orjson.loads(notice).get("center_id") or "", send_id) for notice, send_id in waiting]
        store.run_many("UPDATE sends SET center_id = ? WHERE id = ?", named)
        store.run("INSERT INTO upgrades (name) VALUES ('centers') ON CONFLICT (name) DO NOTHING")
    columns = store.columns("followers")
    if columns and "center_id" not in columns:
        for statement in _FOLLOWERS:
            store.run(statement)


def is_upgraded(store: Store) -> bool:
    """Whether the ledger may hold what was written before orders had a center."""
    return bool(store.run("SELECT 1 FROM upgrades WHERE name = 'centers'"))


def adopt_followers(store: Store, orders: Iterable[OrderKey]) -> None:
    """Let those who followed these numbers follow these orders: no other center has an order with the number."""
    for center_id, order_id in orders:
        store.run(
            """DELETE FROM followers WHERE center_id = '' AND order_id = ? AND person IN
               (SELECT person FROM followers WHERE center_id = ? AND order_id = ?)""",
            (order_id, center_id, order_id),
        )
        sql = "UPDATE followers SET center_id = ? WHERE center_id = '' AND order_id = ?"
        store.run(sql, (center_id, order_id))


def planned_before(store: Store, order_ids: Sequence[str]) -> dict[SendKey, tuple[str, set[str]]]:
    """What the ledger has of these numbers: the id of the send, and the centers that it may be of."""
    planned: dict[SendKey, tuple[str, set[str]]] = {}
    for chunk in chunks(order_ids):
        sql = f"""SELECT id, person, center_id, order_id, milestone, event_id FROM sends
                  WHERE order_id IN ({placeholders(chunk)})"""
        for send_id, person, center_id, order_id, milestone, event_id in store.run(sql, chunk):
            planned.setdefault((person, order_id, milestone, event_id), (send_id, set()))[1].add(center_id)
    return planned
