"""Which pack was sent where: INTENT before the call, the outcome after it; in the push ledger's store.

Killed in between, nobody knows whether it arrived: the send becomes UNKNOWN and is not tried again.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, replace

from runtime.store import Store, open_store, transaction

INTENT, RETRY, SENT, REJECTED, UNKNOWN, EXPIRED = "INTENT", "RETRY", "SENT", "REJECTED", "UNKNOWN", "EXPIRED"
# An INTENT of another process that is so old has no process any more.
ABANDONED_MS = 15 * 60 * 1000
CUT_OFF = "the process ended while it was sent"
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS pack_schedules (name TEXT PRIMARY KEY, since BIGINT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS pack_sends (
        id TEXT PRIMARY KEY, schedule TEXT NOT NULL, period TEXT NOT NULL, until TEXT NOT NULL, form TEXT NOT NULL,
        channel TEXT NOT NULL, due_at BIGINT NOT NULL, sha256 TEXT NOT NULL, state TEXT NOT NULL,
        reason TEXT NOT NULL, owner TEXT NOT NULL, attempts INTEGER NOT NULL, intent_at BIGINT NOT NULL,
        retry_at BIGINT NOT NULL)""",
)


@dataclass(frozen=True, slots=True)
class PackSend:
    """One pack to one channel, by one schedule.

    `intent_at` is the first call, `retry_at` the newest one, or when another one is allowed.
    """

    id: str
    schedule: str
    period: str
    until: str
    form: str
    channel: str
    due_at: int
    sha256: str = ""
    state: str = INTENT
    reason: str = ""
    owner: str = ""
    attempts: int = 0
    intent_at: int = 0
    retry_at: int = 0


_COLUMNS = (
    "id, schedule, period, until, form, channel, due_at, sha256, state, reason, owner, attempts, intent_at, retry_at"
)


@contextmanager
def opened_ledger(dsn: str) -> Iterator[Store]:
    """The store with its tables, in one transaction. Raises StoreUnavailableError where the database is away."""
    with closing(open_store(dsn)) as store, transaction(store):
        store.lock_schema()
        for statement in SCHEMA:
            store.run(statement)
        yield store


def first_known(store: Store, schedule: str, now: int) -> int:
    """Since when a schedule is known: what it would have told before that was never asked of it."""
    store.run("INSERT INTO pack_schedules (name, since) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (schedule, now))
    ((since,),) = store.run("SELECT since FROM pack_schedules WHERE name = ?", (schedule,))
    return int(since)


def is_pending(store: Store, send_id: str, now: int) -> bool:
    """Whether a send has not been begun yet, or may be tried again by now."""
    rows = store.run("SELECT state, retry_at FROM pack_sends WHERE id = ?", (send_id,))
    return not rows or (rows[0][0] == RETRY and rows[0][1] <= now)


def claim(store: Store, send: PackSend) -> tuple[int, int] | None:
    """Write INTENT: the time of the first call, and the calls before; None where it is another process's, or final."""
    columns = ", ".join("?" * len(_COLUMNS.split(", ")))
    insert = f"INSERT INTO pack_sends ({_COLUMNS}) VALUES ({columns}) ON CONFLICT (id) DO NOTHING RETURNING id"
    if store.run(insert, astuple(replace(send, retry_at=send.intent_at))):
        return send.intent_at, 0
    update = """UPDATE pack_sends SET state = 'INTENT', owner = ?, retry_at = ?, attempts = attempts + 1
                WHERE id = ? AND state = 'RETRY' AND retry_at <= ? RETURNING intent_at, attempts"""
    rows = store.run(update, (send.owner, send.intent_at, send.id, send.intent_at))
    return (int(rows[0][0]), int(rows[0][1])) if rows else None


def finish(store: Store, send_id: str, state: str, reason: str, retry_at: int = 0) -> None:
    """Write what became of an INTENT."""
    store.run(
        "UPDATE pack_sends SET state = ?, reason = ?, retry_at = ? WHERE id = ? AND state = 'INTENT'",
        (state, reason, retry_at, send_id),
    )


def cut_off(store: Store, owner: str, now: int) -> int:
    """Make UNKNOWN what this owner, or one that is gone, began before and did not finish; how many.

    Call between sends: what the owner sends now would be among them.
    """
    rows = store.run(
        """UPDATE pack_sends SET state = 'UNKNOWN', reason = ?
           WHERE state = 'INTENT' AND (owner = ? OR (intent_at < ? AND retry_at < ?)) RETURNING id""",
        (CUT_OFF, owner, now - ABANDONED_MS, now - ABANDONED_MS),
    )
    return len(rows)


def all_sends(store: Store) -> list[PackSend]:
    """Every send, the newest first."""
    return [PackSend(*row) for row in store.run(f"SELECT {_COLUMNS} FROM pack_sends ORDER BY due_at DESC, id")]
