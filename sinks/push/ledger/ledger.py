"""The ledger: every send, its state and the reason. Plain functions over a Store.

A send goes PLANNED → INTENT → a final state; HELD waits for `due_at`; RETRY may have been taken and is sent again with
the same id. Every step is a conditional update, so two processes that both think they own a send do not both send it.
Each function is one part of a transaction that the caller begins and commits.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from operator import attrgetter

from runtime.store import Store, chunks, open_store, placeholders, transaction
from schemas.order_key import OrderKey
from schemas.times import MINUTE_MS
from sinks.push.ledger.recipients import Preference, Spend, preferences_of, use_consent
from sinks.push.ledger.upgrade import add_centers

PLANNED, HELD, RETRY, INTENT = "PLANNED", "HELD", "RETRY", "INTENT"
SENT, REJECTED, UNKNOWN = "SENT", "REJECTED", "UNKNOWN"
EXPIRED, SUPERSEDED, SUPPRESSED = "EXPIRED", "SUPERSEDED", "SUPPRESSED"
FINAL = (SENT, REJECTED, UNKNOWN, EXPIRED, SUPERSEDED, SUPPRESSED)

# Written out in each query: a partial index serves only conditions with the same text.
_WAITING = "state IN ('PLANNED','HELD','RETRY')"
_PUT_OFF = "state IN ('HELD','RETRY')"
# Several sinks share the ledger, and their clocks are never quite the same.
_AHEAD_MS = MINUTE_MS
# As long as any notice waits for what may take it back (streams.journey.milestones).
_LONGEST_HOLD_MS = 2 * MINUTE_MS
_FORGET = ", address = NULL, notice = NULL"
_DELIVERED = "state IN ('SENT','UNKNOWN','INTENT','RETRY')"

NO_CONSENT_LEFT = "no consent left for this kind of message"
TURNED_OFF = "no consent: notifications were turned off"

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS sends (
        id TEXT PRIMARY KEY, notice_id TEXT NOT NULL, center_id TEXT NOT NULL DEFAULT '', order_id TEXT NOT NULL,
        shard INTEGER NOT NULL,
        milestone TEXT NOT NULL, event_id TEXT NOT NULL, occurred_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
        channel TEXT NOT NULL, lane TEXT NOT NULL, person TEXT NOT NULL, address TEXT, notice TEXT,
        state TEXT NOT NULL, reason TEXT NOT NULL, due_at BIGINT NOT NULL, attempts INTEGER NOT NULL,
        planned_at BIGINT NOT NULL, held_for TEXT NOT NULL, intent_at BIGINT, final_at BIGINT, owner TEXT,
        carrier TEXT, told TEXT NOT NULL, reference TEXT NOT NULL)""",
    f"CREATE INDEX IF NOT EXISTS sends_waiting ON sends (lane, due_at) WHERE {_WAITING}",
    f"CREATE INDEX IF NOT EXISTS sends_put_off ON sends (person, order_id) WHERE {_PUT_OFF}",
    "CREATE INDEX IF NOT EXISTS sends_intent ON sends (shard) WHERE state = 'INTENT'",
    f"CREATE INDEX IF NOT EXISTS sends_told ON sends (person, intent_at) WHERE {_DELIVERED}",
    "CREATE INDEX IF NOT EXISTS sends_order ON sends (order_id)",
    "CREATE INDEX IF NOT EXISTS sends_planned_at ON sends (planned_at)",
    """CREATE TABLE IF NOT EXISTS preferences (
        person TEXT PRIMARY KEY, opted_out INTEGER NOT NULL, milestones TEXT, time_zone TEXT,
        changed_at BIGINT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS consents (
        person TEXT NOT NULL, kind TEXT NOT NULL, remaining INTEGER NOT NULL, changed_at BIGINT NOT NULL,
        PRIMARY KEY (person, kind))""",
    """CREATE TABLE IF NOT EXISTS grants (
        id TEXT PRIMARY KEY, person TEXT NOT NULL, granted_at BIGINT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS followers (
        center_id TEXT NOT NULL, order_id TEXT NOT NULL, person TEXT NOT NULL, address TEXT NOT NULL,
        created_at BIGINT NOT NULL, PRIMARY KEY (center_id, order_id, person))""",
    "CREATE INDEX IF NOT EXISTS followers_person ON followers (person)",
)


@dataclass(frozen=True, slots=True)
class Send:
    """One notice to one recipient. Address and notice are there until it is final."""

    id: str
    notice_id: str
    center_id: str
    order_id: str
    shard: int
    milestone: str
    event_id: str
    occurred_at: int
    expires_at: int
    channel: str
    lane: str
    person: str
    address: str | None = field(repr=False)
    notice: str | None = field(repr=False)
    state: str
    reason: str
    due_at: int
    attempts: int
    planned_at: int
    held_for: str = ""
    intent_at: int | None = None
    final_at: int | None = None
    owner: str | None = None
    carrier: str | None = None
    told: str = ""
    reference: str = ""

    @property
    def order(self) -> OrderKey:
        return OrderKey(self.center_id, self.order_id)


_COLUMNS = (
    "id, notice_id, center_id, order_id, shard, milestone, event_id, occurred_at, expires_at, channel, lane, person, "
    "address, notice, state, reason, due_at, attempts, planned_at, held_for, intent_at, final_at, owner, carrier, "
    "told, reference"
)
_values = attrgetter(*_COLUMNS.split(", "))
_INSERT = f"INSERT INTO sends ({_COLUMNS}) VALUES ({', '.join('?' * 26)}) ON CONFLICT (id) DO NOTHING"


@dataclass(slots=True)
class DueSends:
    """The sends that are due in a lane, with all that a decision needs of the ledger; `next_due` where none is due yet.

    `groups`: by send, what was put off for the same person about the same order and may go now, itself included.
    `delivered_events`: by person, order and milestone, the events (id, time) whose notices were sent.
    """

    sends: list[Send] = field(default_factory=list)
    preferences: dict[str, Preference] = field(default_factory=dict)
    messaged_at: dict[str, list[int]] = field(default_factory=dict)
    groups: dict[str, list[Send]] = field(default_factory=dict)
    delivered_events: dict[tuple[str, OrderKey, str], list[tuple[str, int]]] = field(default_factory=dict)
    next_due: int | None = None


@contextmanager
def opened_ledger(dsn: str) -> Iterator[Store]:
    """A ledger with its tables, in one transaction: committed at the end, undone by an exception.

    Raises StoreUnavailableError where the database is away.
    """
    with closing(open_store(dsn)) as store, transaction(store):
        create_tables(store)
        yield store


def purge_deleted(dsn: str) -> None:
    """Leave nothing in the database's files of what was deleted. Raises StoreUnavailableError where it is away."""
    with closing(open_store(dsn)) as store:
        store.purge_deleted()


def create_tables(store: Store) -> None:
    """Create what is not there yet; two processes may do so at once."""
    store.lock_schema()
    add_centers(store)
    for statement in SCHEMA:
        store.run(statement)


def plan(store: Store, sends: Sequence[Send]) -> int:
    """Insert the sends; returns how many of them are new."""
    if not sends:
        return 0
    return store.run_many(_INSERT, [_values(send) for send in sends])


def due_sends(
    store: Store, lane: str, shards: Collection[int], now: int, limit: int, messaged_since: int | None
) -> DueSends:
    """What is due in the lane, the oldest first; `messaged_since` None leaves out when people were sent messages."""
    if not shards:
        return DueSends()
    condition = f"lane = ? AND shard IN ({_numbers(shards)}) AND {_WAITING}"
    sql = f"SELECT {_COLUMNS} FROM sends WHERE {condition} AND due_at <= ? ORDER BY due_at LIMIT {int(limit)}"
    due = DueSends([Send(*row) for row in store.run(sql, (lane, now))])
    if not due.sends:
        ((due.next_due,),) = store.run(f"SELECT min(due_at) FROM sends WHERE {condition}", (lane,))
        return due
    people = sorted({send.person for send in due.sends})
    due.preferences = preferences_of(store, people)
    if messaged_since is not None:
        due.messaged_at = _messaged_at(store, people, messaged_since)
    due.delivered_events = _delivered_events(store, sorted({send.order_id for send in due.sends}))
    due.groups = {send.id: _put_off(store, send, now) for send in due.sends if send.held_for or send.carrier}
    return due


def claim(store: Store, sends: Sequence[Send], text: str, owner: str, now: int, spend: Spend | None) -> bool:
    """Write INTENT for the sends of one message, the first carries the others; False where it is not to be sent.

    It is not where another process has claimed part of it, or where the consent that it needs is used up.
    """
    ids = [send.id for send in sends]
    claimed = store.run(
        f"""UPDATE sends SET state = 'INTENT', owner = ?, intent_at = ?, attempts = attempts + 1, carrier = ?, told = ?
            WHERE id IN ({placeholders(ids)}) AND {_WAITING} RETURNING id""",
        (owner, now, ids[0], text, *ids),
    )
    if len(claimed) < len(ids):
        hold(store, [send_id for (send_id,) in claimed], HELD, "taken apart by another process", now)
        return False
    # What is tried again has used its consent already.
    if spend is not None and sends[0].state != RETRY and not use_consent(store, spend, now):
        finish(store, ids, SUPPRESSED, NO_CONSENT_LEFT, now)
        return False
    return True


def finish(store: Store, ids: Iterable[str], state: str, reason: str, now: int, reference: str = "") -> None:
    """Write a final state and forget the address. SENT also replaces an earlier UNKNOWN."""
    corrected = ",'UNKNOWN'" if state == SENT else ""
    store.run_many(
        f"""UPDATE sends SET state = ?, reason = ?, final_at = ?, reference = ?{_FORGET}
            WHERE id = ? AND state IN ('PLANNED','HELD','RETRY','INTENT'{corrected})""",
        [(state, reason, now, reference, send_id) for send_id in ids],
    )


def hold(store: Store, ids: Iterable[str], state: str, reason: str, until: int, held_for: str | None = None) -> None:
    """Put off until then; `state` is HELD, or RETRY for what may have been taken already.

    `held_for` is kept over later holds that do not give one: why the customer was not disturbed.
    """
    store.run_many(
        """UPDATE sends SET state = ?, reason = ?, due_at = ?, held_for = COALESCE(?, held_for)
           WHERE id = ? AND state IN ('PLANNED','HELD','RETRY','INTENT')""",
        [(state, reason, until, held_for, send_id) for send_id in ids],
    )


def bring_forward(store: Store, now: int) -> None:
    """Plan anew what seems to have been planned in the future: else it waits until the time of a wrong clock comes."""
    store.run(
        f"UPDATE sends SET due_at = ?, planned_at = ? WHERE planned_at > ? AND {_WAITING}",
        (now + _LONGEST_HOLD_MS, now, now + _AHEAD_MS),
    )


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An INTENT without an outcome: who wrote it and when."""

    id: str
    channel: str
    owner: str
    intent_at: int


def unfinished(store: Store, shards: Collection[int]) -> list[Unfinished]:
    """Every send of these shards that somebody has begun and not finished."""
    if not shards:
        return []
    sql = f"SELECT id, channel, owner, intent_at FROM sends WHERE state = 'INTENT' AND shard IN ({_numbers(shards)})"
    return [Unfinished(*row) for row in store.run(sql)]


def give_up(store: Store, intent: Unfinished, state: str, reason: str, now: int) -> None:
    """Set the state of an INTENT whose owner has ended: RETRY or UNKNOWN. Nothing where it has changed meanwhile."""
    is_retry = state == RETRY
    store.run(
        f"""UPDATE sends SET state = ?, reason = ?, due_at = ?, final_at = ?{"" if is_retry else _FORGET}
            WHERE id = ? AND state = 'INTENT' AND owner = ? AND intent_at = ?""",
        (state, reason, now, None if is_retry else now, intent.id, intent.owner, intent.intent_at),
    )


def lanes(store: Store, shards: Collection[int]) -> list[tuple[str, str]]:
    """(lane, channel) of all that waits in these shards."""
    if not shards:
        return []
    sql = f"SELECT DISTINCT lane, channel FROM sends WHERE shard IN ({_numbers(shards)}) AND {_WAITING}"
    return [(lane, channel) for lane, channel in store.run(sql)]


def waiting_in(store: Store, lane: str, shards: Collection[int]) -> list[Send]:
    """All waiting sends of a lane, due or not."""
    sql = f"SELECT {_COLUMNS} FROM sends WHERE lane = ? AND shard IN ({_numbers(shards)}) AND {_WAITING}"
    return [Send(*row) for row in store.run(sql, (lane,))] if shards else []


def log_of(store: Store, order: OrderKey) -> list[Send]:
    """All sends of an order's notices, in the order of what happened.

    What was sent before orders had a center is the order's where no other center has one with its number.
    """
    sql = f"""SELECT {_COLUMNS} FROM sends WHERE order_id = ? AND center_id IN (?, '')
              ORDER BY occurred_at, milestone, channel, id"""
    sends = [Send(*row) for row in store.run(sql, (order.order_id, order.center_id))]
    is_alone = {*centers_of(store, order.order_id)} <= {order.center_id, ""}
    return sends if is_alone else [send for send in sends if send.center_id]


def centers_of(store: Store, order_id: str) -> list[str]:
    """The centers of which the ledger knows an order with this number."""
    sql = "SELECT DISTINCT center_id FROM sends WHERE order_id = ? ORDER BY center_id"
    return [center_id for (center_id,) in store.run(sql, (order_id,))]


def purge(store: Store, final_before: int, subscribed_before: int) -> None:
    """Forget what has been final, or granted, for long, and subscriptions of orders that must be closed by now."""
    final = ", ".join(f"'{state}'" for state in FINAL)
    store.run(f"DELETE FROM sends WHERE planned_at < ? AND state IN ({final})", (final_before,))
    store.run("DELETE FROM grants WHERE granted_at < ?", (final_before,))
    store.run("DELETE FROM followers WHERE created_at < ?", (subscribed_before,))


def turn_off(store: Store, person: str, order: OrderKey, now: int) -> None:
    """Send nothing more about an order to a subscribed address, nor what waits to be sent."""
    store.run("DELETE FROM followers WHERE person = ? AND center_id = ? AND order_id = ?", (person, *order))
    store.run(
        f"""UPDATE sends SET state = ?, reason = ?, final_at = ?{_FORGET}
            WHERE person = ? AND center_id = ? AND order_id = ? AND state IN ('PLANNED','HELD')""",
        (SUPPRESSED, TURNED_OFF, now, person, *order),
    )


def _put_off(store: Store, send: Send, now: int) -> list[Send]:
    sql = f"""SELECT {_COLUMNS} FROM sends WHERE person = ? AND center_id = ? AND order_id = ? AND lane = ?
              AND shard = ? AND {_PUT_OFF} AND due_at <= ? ORDER BY occurred_at, id"""
    return [Send(*row) for row in store.run(sql, (send.person, *send.order, send.lane, send.shard, now))]


def _messaged_at(store: Store, people: Sequence[str], since: int) -> dict[str, list[int]]:
    """When each person was sent messages; sends in one message count once."""
    times: dict[str, list[int]] = defaultdict(list)
    for chunk in chunks(people):
        sql = f"""SELECT person, max(intent_at) FROM sends
                  WHERE person IN ({placeholders(chunk)}) AND intent_at > ? AND {_DELIVERED} GROUP BY person, carrier"""
        for person, at in store.run(sql, (*chunk, since)):
            times[person].append(at)
    return times


def _delivered_events(store: Store, order_ids: Sequence[str]) -> dict[tuple[str, OrderKey, str], list[tuple[str, int]]]:
    events: dict[tuple[str, OrderKey, str], list[tuple[str, int]]] = defaultdict(list)
    for chunk in chunks(order_ids):
        sql = f"""SELECT person, center_id, order_id, milestone, event_id, occurred_at FROM sends
                  WHERE order_id IN ({placeholders(chunk)}) AND {_DELIVERED}"""
        for person, center_id, order_id, milestone, event_id, occurred_at in store.run(sql, chunk):
            events[person, OrderKey(center_id, order_id), milestone].append((event_id, occurred_at))
    return events


def _numbers(shards: Collection[int]) -> str:
    return ", ".join(str(int(shard)) for shard in sorted(shards))
