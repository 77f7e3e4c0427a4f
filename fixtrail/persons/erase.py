"""`fixtrail person erase`: erases who the person's orders were about. No figure changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fixtrail.backups.records import holding_backups
from fixtrail.clickhouse.admin import writing_client
from fixtrail.operations.topics import require_topic
from fixtrail.persons.person import Matcher, OrderRef, PersonKey, contacts_of
from fixtrail.persons.search import Findings, LooseRecord, search
from fixtrail.sealing import vault_of
from fixtrail.settings import PersonsSettings, client_options
from runtime.clock import now_ms
from runtime.failure import NEGATIVE, ExitError
from runtime.kafka.producer import open_producer
from runtime.personal.vault import OrderKeys, Vault
from runtime.store import StoreUnavailableError
from schemas.erasure import Erasure
from schemas.order_key import OrderKey
from schemas.personal import CUSTOMER, is_pseudonym, is_sealed, pseudonym
from schemas.times import DAY_MS
from schemas.topics import JOURNEYS, NOTICES, SERVICE_EVENTS, TOPICS
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.persons import forget_free_text
from sinks.push.ledger import ledger, persons

# The personal keys of an order are written down as erased; so long a backup of the key store may bring them back.
RETENTION_MS = {topic.name: int(topic.config.get("retention.ms", 0)) for topic in TOPICS}


@dataclass(slots=True)
class Erased:
    """What was erased, or would be, by where it is; `remains`: records in clear, with when their topic lets them go.

    `backups`: those in which the person still can be read, with by when their keys have to be deleted.
    """

    dry_run: bool
    orders: list[dict[str, str]] = field(default_factory=list)
    keys: int = 0
    records: int = 0
    journeys: int = 0
    open_orders: int = 0
    messages: int = 0
    subscriptions: int = 0
    consents: int = 0
    clickhouse_texts: int = 0
    remains: list[dict[str, Any]] = field(default_factory=list)
    backups: list[dict[str, Any]] = field(default_factory=list)

    @property
    def remains_until(self) -> int | None:
        """When the last record in clear is gone (ms), None where there is none."""
        return max((record["gone_at"] for record in self.remains), default=None)


async def erase(settings: PersonsSettings, person: PersonKey, *, dry_run: bool) -> Erased:
    """Erase a person from every store. Raises ExitError where one of them is away; then run it again."""
    secret, vault = settings.secret(), vault_of(settings)
    matcher = Matcher(person, secret)
    try:
        findings = await search(settings, matcher, vault)
        people = _people(findings, matcher, vault) if person.kind != "vehicle" else []
        erased = _counted(findings, vault, dry_run=dry_run)
        erased.backups = _backups(settings, findings, in_clear=bool(erased.remains))
        if not dry_run:
            # First what cannot be undone, and what hides it everywhere at once.
            vault.erase(vault.order_keys.order(*order) for order in findings.orders)
            await _tell_workers(settings, findings, OrderKeys(secret))
            _erase_in_ledger(settings, findings.order_keys(), people, erased)
        erased.clickhouse_texts = _erase_in_clickhouse(settings, findings.orders, secret, dry_run=dry_run)
        return erased
    except StoreUnavailableError as error:
        raise ExitError(f"not everything is erased, run it again: {error}", NEGATIVE) from None
    finally:
        vault.close()


def _counted(findings: Findings, vault: Vault, *, dry_run: bool) -> Erased:
    stored = vault.stored([vault.order_keys.order(*order) for order in findings.orders])
    return Erased(
        dry_run,
        orders=[order._asdict() for order in sorted(findings.orders)],
        keys=sum(stored_key.key is not None for stored_key in stored.values()),
        records=len(findings.records),
        journeys=sum(fact.get("status") != "open" for fact in findings.journeys.values()),
        open_orders=sum(fact.get("status") == "open" for fact in findings.journeys.values()),
        remains=[_remaining(record) for record in findings.plain()],
    )


def _backups(settings: PersonsSettings, findings: Findings, *, in_clear: bool) -> list[dict[str, Any]]:
    since = min((record.timestamp for record in findings.records), default=0)
    now = now_ms()
    return [backup.as_json() for backup in holding_backups(settings, since, now, in_clear=in_clear)]


def _remaining(record: LooseRecord) -> dict[str, Any]:
    retention = RETENTION_MS[record.topic] or 180 * DAY_MS
    return {**record.position(), "gone_at": record.timestamp + retention}


def _people(findings: Findings, matcher: Matcher, vault: Vault) -> list[str]:
    """The keyed hashes of the addresses that the person's records name."""
    texts = {text for record in findings.records for text in contacts_of(record.event)}
    unsealed = vault.unseal((text for text in texts if is_sealed(text)), restricted=True)
    readable = (unsealed[text].text if text in unsealed else text for text in texts)
    return sorted({person for text in readable if text and (person := matcher.person_of(text))})


async def _tell_workers(settings: PersonsSettings, findings: Findings, keys: OrderKeys) -> None:
    """Send an erasure of each order behind its events, so that the worker's state and the journeys forget them, too."""
    for topic in (SERVICE_EVENTS, JOURNEYS, NOTICES):
        await require_topic(settings, topic)
    async with open_producer(client_options(settings), linger_ms=5) as producer:
        for erasure in erasures_of(findings, keys):
            key = erasure.vehicle_id.encode()
            await producer.send_and_wait(SERVICE_EVENTS, None, key, headers=erasure.headers())


def erasures_of(findings: Findings, keys: OrderKeys) -> Iterable[Erasure]:
    """An erasure for each order."""
    for order in sorted(findings.orders):
        customers = {
            str(record.event.get("event_id")): pseudonym(keys.customer(customer))
            for record in findings.records
            if record.order == order
            and isinstance(customer := record.event.get(CUSTOMER), str)
            and not is_pseudonym(customer)
        }
        yield Erasure(order.vehicle_id, order.center_id, order.order_id, customers)


def _erase_in_ledger(
    settings: PersonsSettings, orders: Sequence[OrderKey], people: Sequence[str], erased: Erased
) -> None:
    with ledger.opened_ledger(settings.ledger_dsn()) as store:
        changed = persons.erase_orders(store, orders, now_ms())
        erased.messages, erased.subscriptions = changed["messages"], changed["subscriptions"]
        erased.consents = persons.forget_people(store, people)
    ledger.purge_deleted(settings.ledger_dsn())


def _erase_in_clickhouse(settings: PersonsSettings, orders: Iterable[OrderRef], secret: bytes, *, dry_run: bool) -> int:
    keyed = KeyedHash(secret)
    named = sorted({(keyed.vehicle(order.vehicle_id), order.center_id, order.order_id) for order in orders})
    return forget_free_text(writing_client(settings), named, dry_run=dry_run) if named else 0
