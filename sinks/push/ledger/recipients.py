"""Recipients: people's preferences, consents and subscriptions, kept in the ledger's database."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from runtime.store import Store, chunks, placeholders
from schemas.order_key import OrderKey


@dataclass(frozen=True, slots=True)
class Preference:
    """One person's wishes: only these `milestones` are sent, None for all."""

    opted_out: bool = False
    milestones: frozenset[str] | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Spend:
    """The consent that a send uses up; it is left alone where no more than `keep` remain."""

    person: str
    kind: str
    keep: int


def preferences_of(store: Store, people: Sequence[str]) -> dict[str, Preference]:
    """The preferences of those people who have stated any."""
    preferences: dict[str, Preference] = {}
    for chunk in chunks(people):
        sql = (
            f"SELECT person, opted_out, milestones, time_zone FROM preferences WHERE person IN ({placeholders(chunk)})"
        )
        for person, opted_out, milestones, zone in store.run(sql, chunk):
            allowed = None if milestones is None else frozenset(milestones.split())
            preferences[person] = Preference(bool(opted_out), allowed, zone)
    return preferences


def set_preference(store: Store, person: str, preference: Preference, now: int) -> None:
    """Replace a person's preference."""
    allowed = None if preference.milestones is None else " ".join(sorted(preference.milestones))
    store.run(
        """INSERT INTO preferences (person, opted_out, milestones, time_zone, changed_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (person) DO UPDATE SET opted_out = excluded.opted_out, milestones = excluded.milestones,
           time_zone = excluded.time_zone, changed_at = excluded.changed_at""",
        (person, int(preference.opted_out), allowed, preference.time_zone, now),
    )


def add_consents(store: Store, person: str, kind: str, number: int, now: int) -> None:
    """The customer has agreed to so many more messages of a kind."""
    store.run(
        """INSERT INTO consents (person, kind, remaining, changed_at) VALUES (?, ?, ?, ?) ON CONFLICT (person, kind)
           DO UPDATE SET remaining = consents.remaining + excluded.remaining, changed_at = excluded.changed_at""",
        (person, kind, number, now),
    )


def is_new_grant(store: Store, grant: str, person: str, now: int) -> bool:
    """Note that a customer has agreed once more; False where this grant was noted before."""
    sql = "INSERT INTO grants (id, person, granted_at) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING RETURNING id"
    return bool(store.run(sql, (grant, person, now)))


def drop_consents(store: Store, person: str, kind: str, now: int) -> None:
    """The provider says that the customer has not agreed after all."""
    store.run("UPDATE consents SET remaining = 0, changed_at = ? WHERE person = ? AND kind = ?", (now, person, kind))


def consents_of(store: Store, person: str) -> dict[str, int]:
    """How many messages of each kind the person has agreed to and not yet got."""
    return dict(store.run("SELECT kind, remaining FROM consents WHERE person = ? ORDER BY kind", (person,)))


def use_consent(store: Store, spend: Spend, now: int) -> bool:
    """Use up one consent; False where no more than `keep` remain."""
    sql = """UPDATE consents SET remaining = remaining - 1, changed_at = ?
             WHERE person = ? AND kind = ? AND remaining > ? RETURNING remaining"""
    return bool(store.run(sql, (now, spend.person, spend.kind, spend.keep)))


def subscribe(store: Store, person: str, order: OrderKey, address: str, now: int) -> None:
    """Send an order's notices to this address, too. One address may follow several orders."""
    store.run(
        """INSERT INTO followers (center_id, order_id, person, address, created_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (center_id, order_id, person) DO UPDATE SET address = excluded.address""",
        (*order, person, address, now),
    )


def unsubscribe(store: Store, person: str) -> None:
    """Forget an address that does not exist any more."""
    store.run("DELETE FROM followers WHERE person = ?", (person,))


def subscriptions_of(store: Store, orders: Collection[OrderKey]) -> dict[OrderKey, list[str]]:
    """The further addresses of each of these orders."""
    addresses: dict[OrderKey, list[str]] = defaultdict(list)
    for chunk in chunks(sorted({order.order_id for order in orders})):
        sql = (
            "SELECT center_id, order_id, address FROM followers "
            f"WHERE order_id IN ({placeholders(chunk)}) ORDER BY person"
        )
        for center_id, order_id, address in store.run(sql, chunk):
            if (order := OrderKey(center_id, order_id)) in orders:
                addresses[order].append(address)
    return addresses
