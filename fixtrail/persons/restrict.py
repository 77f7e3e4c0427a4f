"""`fixtrail person restrict`: the data stay, but nobody is told or shown anything by them."""

from dataclasses import dataclass
from typing import Any

from fixtrail.customers.consents import Consent, change_consent
from fixtrail.persons.person import Matcher, PersonKey
from fixtrail.persons.search import search
from fixtrail.sealing import vault_of
from fixtrail.settings import PersonsSettings
from runtime.clock import now_ms
from runtime.failure import NEGATIVE, ExitError
from runtime.store import StoreUnavailableError
from schemas.order_key import OrderKey
from sinks.push.ledger import ledger, persons


@dataclass(frozen=True, slots=True)
class Restricted:
    """What was restricted, or would be: orders, messages that will not be sent, an address that gets none at all."""

    dry_run: bool
    lifted: bool
    orders: list[dict[str, str]]
    messages: int = 0
    opted_out: bool = False
    plain_records: int = 0


async def restrict(settings: PersonsSettings, person: PersonKey, *, dry_run: bool, lift: bool) -> Restricted:
    """Restrict a person's orders, or lift that again. Raises ExitError where a store is away; then run it again."""
    vault = vault_of(settings)
    try:
        findings = await search(settings, Matcher(person, settings.secret()), vault)
        orders = [order._asdict() for order in sorted(findings.orders)]
        counted: dict[str, Any] = {"orders": orders, "plain_records": len(findings.plain())}
        if dry_run:
            return Restricted(dry_run, lift, **counted)
        vault.restrict((vault.order_keys.order(*order) for order in findings.orders), lift=lift)
        is_address = person.kind == "contact"
        if is_address:
            change_consent(settings, person.value, Consent(opted_out=not lift))
        messages = 0 if lift else _stop(settings, findings.order_keys())
        return Restricted(dry_run, lift, messages=messages, opted_out=is_address and not lift, **counted)
    except StoreUnavailableError as error:
        raise ExitError(f"not everything is restricted, run it again: {error}", NEGATIVE) from None
    finally:
        vault.close()


def _stop(settings: PersonsSettings, orders: list[OrderKey]) -> int:
    with ledger.opened_ledger(settings.ledger_dsn()) as store:
        return persons.restrict_orders(store, orders, now_ms())
