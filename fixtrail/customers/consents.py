"""`fixtrail notices`: what customers were told and why not, what they would read, and what they agree to."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fixtrail.settings import LedgerSettings
from runtime.failure import NEGATIVE, USAGE, Failure
from runtime.store import Store, StoreOutage
from schemas.order_key import OrderKey
from schemas.times import is_time_zone
from sinks.push.address import AddressKeys, Recipient, parse_recipient
from sinks.push.ledger import audience, ledger
from sinks.push.ledger.audience import Preference
from streams.journey.clock_notices import BY_CLOCK
from streams.journey.notices import MILESTONES

ALL_MILESTONES = (*MILESTONES, *BY_CLOCK)


# What customers agree to


@dataclass(frozen=True, slots=True)
class Consent:
    """What a customer says; None leaves it as it is.

    `add`: by kind, how many more messages they agree to; once only where it comes again under the same `grant`.
    """

    opted_out: bool | None = None
    milestones: frozenset[str] | None = None
    all_milestones: bool = False
    time_zone: str | None = None
    add: Mapping[str, int] = field(default_factory=dict)
    grant: str | None = None


def change_consent(settings: LedgerSettings, address: str, change: Consent) -> dict[str, Any]:
    """Write down what the customer behind an address says; what holds from now on. The address is not kept."""
    person = AddressKeys(settings.secret()).person(_recipient(address))
    if change.time_zone is not None and not is_time_zone(change.time_zone):
        raise Failure(f"there is no time zone {change.time_zone}", USAGE)
    now = int(time.time() * 1000)
    with _ledger(settings) as store:
        known = audience.preferences_of(store, [person]).get(person, Preference())
        only = None if change.all_milestones else change.milestones or known.milestones
        wanted = Preference(
            known.opted_out if change.opted_out is None else change.opted_out,
            only,
            change.time_zone or known.time_zone,
        )
        if wanted != known:
            audience.prefer(store, person, wanted, now)
        is_new = change.grant is None or audience.is_new_grant(store, change.grant, person, now)
        for kind, number in change.add.items() if is_new else ():
            audience.add_consents(store, person, kind, number, now)
        consents = audience.consents_of(store, person)
    return {
        "person": person,
        "opted_out": wanted.opted_out,
        "milestones": None if wanted.milestones is None else sorted(wanted.milestones),
        "time_zone": wanted.time_zone,
        "consents": consents,
        "repeated": not is_new,
    }


def subscribe(settings: LedgerSettings, order: OrderKey, address: str) -> str:
    """Tell this address, such as webpush:{…}, everything about an order, too; the person's key."""
    person = AddressKeys(settings.secret()).person(_recipient(address))
    with _ledger(settings) as store:
        audience.subscribe(store, person, order, address, int(time.time() * 1000))
    return person


def parse_milestones(text: str) -> frozenset[str]:
    """Milestones by comma. Raises Failure for one that does not exist: its customer would wait for it in vain."""
    named = frozenset(each.strip() for each in text.split(","))
    if wrong := sorted(named.difference(ALL_MILESTONES)):
        raise Failure(f"there is no milestone {', '.join(wrong)}, but {', '.join(ALL_MILESTONES)}", USAGE)
    return named


def parse_consents(text: str) -> tuple[str, int]:
    """KIND=NUMBER, such as a WeChat template id and how many messages were agreed to. Raises Failure."""
    kind, _, number = text.rpartition("=")
    if not kind or not number.isdigit():
        raise Failure(f"{text!r} is not KIND=NUMBER", USAGE)
    return kind, int(number)


def _recipient(address: str) -> Recipient:
    try:
        return parse_recipient(address)
    except ValueError:
        raise Failure("the address is not SCHEME:ADDRESS, such as sms:+8613800000000", USAGE) from None


@contextmanager
def _ledger(settings: LedgerSettings) -> Iterator[Store]:
    """The ledger within one transaction. Raises Failure where it is away."""
    try:
        with ledger.opened(settings.ledger_dsn()) as store:
            yield store
    except StoreOutage as error:
        raise Failure(str(error), NEGATIVE) from None
