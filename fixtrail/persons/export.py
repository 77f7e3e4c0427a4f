"""`fixtrail person export`: all that is kept of a person, readable, as one JSON document."""

from collections.abc import Iterable
from typing import Any

from fixtrail.clickhouse.admin import writing_client
from fixtrail.persons.person import Matcher, OrderRef, PersonKey, contacts_of
from fixtrail.persons.search import Findings, LooseRecord, PersonRecord, search
from fixtrail.sealing import vault_of
from fixtrail.settings import PersonsSettings
from runtime.clock import now_ms
from runtime.failure import NEGATIVE, ExitError
from runtime.personal.vault import Vault
from runtime.store import StoreUnavailableError
from schemas.personal import CUSTOMER
from schemas.times import from_ms
from schemas.topics import DEAD_LETTERS
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.persons import rows_of
from sinks.push.ledger import ledger, persons, recipients
from sinks.push.ledger.recipients import Preference

Json = dict[str, Any]


async def export(settings: PersonsSettings, person: PersonKey) -> Json:
    """Everything that is kept of a person. Raises ExitError where a store is away: half of it would look like all."""
    vault = vault_of(settings)
    matcher = Matcher(person, settings.secret())
    try:
        findings = await search(settings, matcher, vault)
        document: Json = {
            "person": {person.kind: person.value},
            "exported_at": _time(now_ms()),
            "orders": [_order(order, findings, vault) for order in sorted(findings.orders)],
            "other_records": [_loose(record) for record in findings.loose],
        }
        document |= _from_ledger(settings, findings, matcher, vault)
        return document | {"clickhouse": _from_clickhouse(settings, findings.orders)}
    except StoreUnavailableError as error:
        raise ExitError(f"nothing is exported, run it again: {error}", NEGATIVE) from None
    finally:
        vault.close()


def _order(order: OrderRef, findings: Findings, vault: Vault) -> Json:
    records = [record for record in findings.records if record.order == order]
    order_key = vault.order_keys.order(*order)
    stored = vault.stored([order_key]).get(order_key)
    restricted_at = None if stored is None else stored.restricted_at
    journey = findings.journeys.get(order)
    return {
        **order._asdict(),
        "restricted_since": None if restricted_at is None else _time(restricted_at),
        "journey": None if journey is None else _journey(journey, vault),
        "events": [_event(record, vault) for record in records if record.topic != DEAD_LETTERS],
        "refused": [_event(record, vault) for record in records if record.topic == DEAD_LETTERS],
    }


def _event(record: PersonRecord, vault: Vault) -> Json:
    return {
        **{name: item for name, item in record.position().items() if name != "timestamp"},
        "received_at": _time(record.timestamp),
        "encrypted": not record.plain,
        "event": vault.readable(record.event),
    }


def _loose(record: LooseRecord) -> Json:
    position = {name: item for name, item in record.position().items() if name != "timestamp"}
    return {**position, "received_at": _time(record.timestamp), "text": record.value.decode(errors="replace")}


def _journey(fact: Json, vault: Vault) -> Json:
    return {**fact, CUSTOMER: vault.readable(fact).get(CUSTOMER)}


def _from_ledger(settings: PersonsSettings, findings: Findings, matcher: Matcher, vault: Vault) -> Json:
    orders = findings.order_keys()
    with ledger.opened_ledger(settings.ledger_dsn()) as store:
        consents = {
            text: _consent(store, person)
            for text in sorted(_addresses(findings, vault))
            if (person := matcher.person_of(text)) is not None
        }
        messages = [_with_times(row) for row in persons.messages_of(store, orders)]
        followers = [_with_times(row) for row in persons.subscriptions_of(store, orders)]
    return {"addresses": consents, "messages": messages, "subscriptions": followers}


def _addresses(findings: Findings, vault: Vault) -> Iterable[str]:
    return {text for record in findings.records for text in contacts_of(vault.readable(record.event))}


def _consent(store: Any, person: str) -> Json:
    preference = recipients.preferences_of(store, [person]).get(person, Preference())
    return {
        "opted_out": preference.opted_out,
        "milestones": None if preference.milestones is None else sorted(preference.milestones),
        "time_zone": preference.time_zone,
        "consents": recipients.consents_of(store, person),
    }


def _from_clickhouse(settings: PersonsSettings, orders: Iterable[OrderRef]) -> Json:
    keyed = KeyedHash(settings.secret())
    named = sorted({(keyed.vehicle(order.vehicle_id), order.center_id, order.order_id) for order in orders})
    return rows_of(writing_client(settings), named) if named else {}


def _with_times(row: Json) -> Json:
    return {name: _time(item) if name.endswith("_at") and item is not None else item for name, item in row.items()}


def _time(ms: int) -> str:
    return from_ms(ms).isoformat(timespec="milliseconds")
