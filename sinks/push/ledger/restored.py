"""A ledger out of a backup: it lacks what was sent between the backup and the loss, so that is not sent again."""

from collections.abc import Sequence
from dataclasses import replace

from runtime.store import Store
from sinks.push.ledger.ledger import PLANNED, UNKNOWN, Send, create_tables

_TABLE = "CREATE TABLE IF NOT EXISTS restorations (restored_at BIGINT NOT NULL)"
REASON = "it may have been sent between the last backup and the loss"


def note_restored(store: Store, now: int) -> None:
    """Record that the ledger was restored: nothing about an earlier time is sent from now on."""
    create_tables(store)
    store.run(_TABLE)
    store.run("INSERT INTO restorations (restored_at) VALUES (?)", (now,))
    store.run(
        """UPDATE sends SET state = 'UNKNOWN', reason = ?, final_at = ?, address = NULL, notice = NULL
           WHERE state IN ('PLANNED','HELD','RETRY','INTENT')""",
        (REASON, now),
    )


def restored_at(store: Store) -> int:
    """When the ledger was restored last; 0 for one that never was."""
    if not store.columns("restorations"):
        return 0
    ((at,),) = store.run("SELECT max(restored_at) FROM restorations")
    return at or 0


def unsure(sends: Sequence[Send], restored: int) -> list[Send]:
    """The sends, those about a time before the restoration as final: nobody knows whether they were sent."""
    return [
        replace(send, state=UNKNOWN, reason=REASON, final_at=send.planned_at, address=None, notice=None)
        if send.state == PLANNED and send.occurred_at < restored
        else send
        for send in sends
    ]
