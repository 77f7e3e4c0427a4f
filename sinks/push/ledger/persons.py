"""What the ledger knows of a person: to be exported, restricted or erased. Over a Store, too."""

from collections.abc import Sequence
from typing import Any

from runtime.store import Store, chunks, placeholders
from schemas.order_key import OrderKey
from sinks.push.ledger.ledger import SUPPRESSED

ERASED, RESTRICTED = "erased", "restricted"

_MESSAGES = (
    "center_id, order_id, milestone, event_id, occurred_at, channel, address, state, reason, told, planned_at, final_at"
)
_WAITING = "state IN ('PLANNED','HELD','RETRY')"


def messages_of(store: Store, orders: Sequence[OrderKey]) -> list[dict[str, Any]]:
    """Every message of these orders, sent or not, with what it said; an address only while it waits."""
    names = _MESSAGES.split(", ")
    rows: list[dict[str, Any]] = []
    for chunk in chunks(orders, 200):
        sql = f"SELECT {_MESSAGES} FROM sends WHERE {_of(chunk)} ORDER BY center_id, order_id, occurred_at, id"
        rows += [dict(zip(names, row, strict=True)) for row in store.run(sql, _flat(chunk))]
    return rows


def subscriptions_of(store: Store, orders: Sequence[OrderKey]) -> list[dict[str, Any]]:
    """The browsers that follow these orders."""
    names = ("center_id", "order_id", "address", "created_at")
    rows: list[dict[str, Any]] = []
    for chunk in chunks(orders, 200):
        sql = f"SELECT {', '.join(names)} FROM followers WHERE {_of(chunk)}"
        rows += [dict(zip(names, row, strict=True)) for row in store.run(sql, _flat(chunk))]
    return rows


def erase_orders(store: Store, orders: Sequence[OrderKey], now: int) -> dict[str, int]:
    """Leave of these orders' messages only that there were some, and no subscriptions; how many of each."""
    changed = {"messages": 0, "subscriptions": 0}
    for chunk in chunks(_also_unnamed(orders), 200):
        within, named = _of(chunk), _flat(chunk)
        store.run(
            f"UPDATE sends SET state = ?, reason = ?, final_at = ? WHERE {within} AND {_WAITING}",
            (SUPPRESSED, ERASED, now, *named),
        )
        sql = f"""UPDATE sends SET person = ?, address = NULL, notice = NULL, told = '', reference = ''
                  WHERE {within} RETURNING id"""
        changed["messages"] += len(store.run(sql, (ERASED, *named)))
        changed["subscriptions"] += len(store.run(f"DELETE FROM followers WHERE {within} RETURNING order_id", named))
    return changed


def forget_people(store: Store, people: Sequence[str]) -> int:
    """Forget what these people agreed to; that somebody wants no messages is kept, or they would get some again."""
    forgotten = 0
    for chunk in chunks(people):
        within = f"person IN ({placeholders(chunk)})"
        for table in ("consents", "grants", "followers"):
            forgotten += len(store.run(f"DELETE FROM {table} WHERE {within} RETURNING person", chunk))
        sql = f"DELETE FROM preferences WHERE {within} AND opted_out = 0 RETURNING person"
        forgotten += len(store.run(sql, chunk))
    return forgotten


def restrict_orders(store: Store, orders: Sequence[OrderKey], now: int) -> int:
    """Send nothing that waits of these orders, nor anything to who follows them; how many messages that were."""
    stopped = 0
    for chunk in chunks(_also_unnamed(orders), 200):
        within, named = _of(chunk), _flat(chunk)
        sql = f"""UPDATE sends SET state = ?, reason = ?, final_at = ?, address = NULL, notice = NULL
                  WHERE {within} AND {_WAITING} RETURNING id"""
        stopped += len(store.run(sql, (SUPPRESSED, RESTRICTED, now, *named)))
        store.run(f"DELETE FROM followers WHERE {within}", named)
    return stopped


def _of(orders: Sequence[OrderKey]) -> str:
    """The condition that a row is about one of these orders."""
    return f"(center_id, order_id) IN (VALUES {', '.join(['(?, ?)'] * len(orders))})"


def _flat(orders: Sequence[OrderKey]) -> list[str]:
    return [text for order in orders for text in order]


def _also_unnamed(orders: Sequence[OrderKey]) -> list[OrderKey]:
    """With what was written of these numbers before orders had a center: it may be about them."""
    return [*orders, *sorted({order._replace(center_id="") for order in orders})]
