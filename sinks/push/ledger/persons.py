"""What the ledger knows of a person: to be exported, restricted or erased. Over a Store, too."""

from collections.abc import Sequence
from typing import Any

from runtime.store import Store, marks, pieces
from sinks.push.ledger.ledger import SUPPRESSED

ERASED, RESTRICTED = "erased", "restricted"

_MESSAGES = "order_id, milestone, event_id, occurred_at, channel, address, state, reason, told, planned_at, final_at"
_WAITING = "state IN ('PLANNED','HELD','RETRY')"


def messages_of(store: Store, order_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Every message of these orders, sent or not, with what it said; an address only while it waits."""
    names = _MESSAGES.split(", ")
    rows: list[dict[str, Any]] = []
    for some in pieces(order_ids):
        sql = f"SELECT {_MESSAGES} FROM sends WHERE order_id IN ({marks(some)}) ORDER BY order_id, occurred_at, id"
        rows += [dict(zip(names, row, strict=True)) for row in store.run(sql, some)]
    return rows


def subscriptions_of(store: Store, order_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The browsers that follow these orders."""
    rows: list[dict[str, Any]] = []
    for some in pieces(order_ids):
        sql = f"SELECT order_id, address, created_at FROM followers WHERE order_id IN ({marks(some)})"
        rows += [dict(zip(("order_id", "address", "created_at"), row, strict=True)) for row in store.run(sql, some)]
    return rows


def people_of(store: Store, order_ids: Sequence[str]) -> list[str]:
    """The keyed hashes of the addresses that were, or were to be, sent something about these orders."""
    people: set[str] = set()
    for some in pieces(order_ids):
        sql = f"SELECT DISTINCT person FROM sends WHERE order_id IN ({marks(some)})"
        people.update(person for (person,) in store.run(sql, some))
    return sorted(people - {ERASED})


def erase_orders(store: Store, order_ids: Sequence[str], now: int) -> dict[str, int]:
    """Leave of these orders' messages only that there were some, and no subscriptions; how many of each."""
    changed = {"messages": 0, "subscriptions": 0}
    for some in pieces(order_ids):
        within = f"order_id IN ({marks(some)})"
        store.run(
            f"UPDATE sends SET state = ?, reason = ?, final_at = ? WHERE {within} AND {_WAITING}",
            (SUPPRESSED, ERASED, now, *some),
        )
        sql = f"""UPDATE sends SET person = ?, address = NULL, notice = NULL, told = '', reference = ''
                  WHERE {within} RETURNING id"""
        changed["messages"] += len(store.run(sql, (ERASED, *some)))
        changed["subscriptions"] += len(store.run(f"DELETE FROM followers WHERE {within} RETURNING order_id", some))
    return changed


def forget_people(store: Store, people: Sequence[str]) -> int:
    """Forget what these people agreed to; that somebody wants no messages is kept, or they would get some again."""
    forgotten = 0
    for some in pieces(people):
        within = f"person IN ({marks(some)})"
        for table in ("consents", "grants", "followers"):
            forgotten += len(store.run(f"DELETE FROM {table} WHERE {within} RETURNING person", some))
        sql = f"DELETE FROM preferences WHERE {within} AND opted_out = 0 RETURNING person"
        forgotten += len(store.run(sql, some))
    return forgotten


def restrict_orders(store: Store, order_ids: Sequence[str], now: int) -> int:
    """Send nothing that waits of these orders, nor anything to who follows them; how many messages that were."""
    stopped = 0
    for some in pieces(order_ids):
        within = f"order_id IN ({marks(some)})"
        sql = f"""UPDATE sends SET state = ?, reason = ?, final_at = ?, address = NULL, notice = NULL
                  WHERE {within} AND {_WAITING} RETURNING id"""
        stopped += len(store.run(sql, (SUPPRESSED, RESTRICTED, now, *some)))
        store.run(f"DELETE FROM followers WHERE {within}", some)
    return stopped
