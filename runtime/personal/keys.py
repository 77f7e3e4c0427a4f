"""The key store: one key an order, in SQLite on one host or PostgreSQL for several. To delete a key is to erase.

An order is named by a keyed hash, so the store alone says of nobody that they were here. What is erased stays in it
without a key: whatever comes for that order later is not sealed, but dropped.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runtime.personal.seal import Key, new_key
from runtime.store import Row, Store, chunks, placeholders, transaction
from schemas.personal import is_sealed, key_id_of

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS person_keys (
        id TEXT PRIMARY KEY, order_key TEXT NOT NULL UNIQUE, secret TEXT, created_at BIGINT NOT NULL,
        restricted_at BIGINT, erased_at BIGINT)""",
    "CREATE INDEX IF NOT EXISTS person_keys_created_at ON person_keys (created_at)",
)
_ERASE = "UPDATE person_keys SET secret = NULL, erased_at = ? WHERE order_key = ? AND secret IS NOT NULL"
_COLUMNS = "id, order_key, secret, created_at, restricted_at, erased_at"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An order's key; None once it is erased. While it is restricted, nobody is to be shown or told anything by it."""

    id: str
    order_key: str
    key: Key | None
    created_at: int
    restricted_at: int | None
    erased_at: int | None

    def is_by_it(self, text: str) -> bool:
        """Whether a text is sealed with this key."""
        return is_sealed(text) and key_id_of(text) == self.id


def create_tables(store: Store) -> None:
    """Create what is not there yet; two processes may do so at once."""
    with transaction(store):
        store.lock_schema()
        for statement in SCHEMA:
            store.run(statement)


def keys_of_orders(store: Store, order_keys: Iterable[str], now: int) -> dict[str, StoredKey]:
    """The key of each of the orders by its `order_key`, made where there is none yet."""
    unique_keys = sorted(set(order_keys))
    stored = stored_orders(store, unique_keys)
    if missing := [order_key for order_key in unique_keys if order_key not in stored]:
        _add(store, missing, now)
        stored |= stored_orders(store, missing)
    return stored


def _add(store: Store, order_keys: Sequence[str], now: int) -> None:
    sql = """INSERT INTO person_keys (id, order_key, secret, created_at) VALUES (?, ?, ?, ?)
             ON CONFLICT (order_key) DO NOTHING"""
    fresh = [(new_key(), order_key) for order_key in order_keys]
    with transaction(store):
        store.run_many(sql, [(key.id, order_key, b64encode(key.secret).decode(), now) for key, order_key in fresh])


def stored_orders(store: Store, order_keys: Sequence[str]) -> dict[str, StoredKey]:
    """The stored keys of the orders that have or had one, by order key."""
    return {stored.order_key: stored for stored in _rows(store, "order_key", order_keys)}


def stored_keys(store: Store, ids: Sequence[str]) -> dict[str, StoredKey]:
    """The stored keys by their own ids."""
    return {stored.id: stored for stored in _rows(store, "id", ids)}


def _rows(store: Store, column: str, values: Sequence[str]) -> Iterable[StoredKey]:
    for chunk in chunks(values):
        rows = store.run(f"SELECT {_COLUMNS} FROM person_keys WHERE {column} IN ({placeholders(chunk)})", chunk)
        yield from (_stored(*row) for row in rows)


def _stored(
    key_id: str, order_key: str, secret: str | None, created_at: int, restricted_at: int | None, erased_at: int | None
) -> StoredKey:
    key = None if secret is None else Key(key_id, b64decode(secret))
    return StoredKey(key_id, order_key, key, created_at, restricted_at, erased_at)


def erase(store: Store, order_keys: Iterable[str], now: int) -> int:
    """Delete the keys of these orders for good, and have later ones refused; how many there were."""
    unique_keys = sorted(set(order_keys))
    keys_of_orders(store, unique_keys, now)
    with transaction(store):
        erased = store.run_many(_ERASE, [(now, order_key) for order_key in unique_keys]) if unique_keys else 0
    store.purge_deleted()
    return erased


def erased_rows(store: Store) -> list[Row]:
    """The rows of erased and restricted orders, for `erase_again`."""
    return store.run(
        "SELECT id, order_key, created_at, restricted_at, erased_at FROM person_keys "
        "WHERE erased_at IS NOT NULL OR restricted_at IS NOT NULL"
    )


def erase_again(store: Store, rows: Sequence[Row]) -> int:
    """Have it so again in a store out of an older backup, within a transaction; how many keys were deleted by it."""
    erased = [row for row in rows if row[-1] is not None]
    restricted = [(restricted_at, order_key) for _, order_key, _, restricted_at, _ in rows if restricted_at is not None]
    if restricted:
        store.run_many(
            "UPDATE person_keys SET restricted_at = ? WHERE order_key = ? AND restricted_at IS NULL", restricted
        )
    if not erased:
        return 0
    store.run_many(
        "INSERT INTO person_keys (id, order_key, created_at, restricted_at, erased_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        erased,
    )
    return store.run_many(_ERASE, [(erased_at, order_key) for _, order_key, _, _, erased_at in erased])


def restrict(store: Store, order_keys: Iterable[str], now: int, *, lift: bool = False) -> int:
    """Let nobody be shown or told anything by the keys of these orders, or again; how many they are."""
    unique_keys = sorted(set(order_keys))
    keys_of_orders(store, unique_keys, now)
    sql = "UPDATE person_keys SET restricted_at = ? WHERE order_key = ?"
    return store.run_many(sql, [(None if lift else now, order_key) for order_key in unique_keys]) if unique_keys else 0


def forget_before(store: Store, created_before: int) -> int:
    """Delete keys of orders so old that nothing sealed with them is left anywhere; how many."""
    deleted = store.run("DELETE FROM person_keys WHERE created_at < ? RETURNING id", (created_before,))
    if deleted:
        store.purge_deleted()
    return len(deleted)
