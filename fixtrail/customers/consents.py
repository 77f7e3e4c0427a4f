"""`fixtrail notices consent`: what customers agree to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fixtrail.settings import LedgerSettings
from runtime.clock import now_ms
from runtime.failure import USAGE, ExitError, exit_on
from runtime.store import Store, StoreUnavailableError
from schemas.times import is_time_zone
from sinks.push.address import AddressKeys, Recipient, parse_recipient
from sinks.push.ledger import ledger, recipients
from sinks.push.ledger.recipients import Preference
from streams.journey.clock_notices import BY_CLOCK
from streams.journey.notices import MILESTONES

ALL_MILESTONES = (*MILESTONES, *BY_CLOCK)


# What customers agree to


@dataclass(frozen=True, slots=True)
class Consent:
    """A customer's consent; None leaves a field as it is.

    `add`: by kind, how many more messages they agree to; once only where it comes again under the same `grant`.
    """

    opted_out: bool | None = None
    milestones: frozenset[str] | None = None
    all_milestones: bool = False
    time_zone: str | None = None
    add: Mapping[str, int] = field(default_factory=dict)
    grant: str | None = None


def change_consent(settings: LedgerSettings, address: str, change: Consent) -> dict[str, Any]:
    """Store what the customer behind an address says; returns what holds from now on. The address is not stored."""
    person = AddressKeys(settings.secret()).person(_recipient(address))
    if change.time_zone is not None and not is_time_zone(change.time_zone):
        raise ExitError(f"there is no time zone {change.time_zone}", USAGE)
    now = now_ms()
    with open_ledger(settings) as store:
        current = recipients.preferences_of(store, [person]).get(person, Preference())
        milestones = None if change.all_milestones else change.milestones or current.milestones
        preference = Preference(
            current.opted_out if change.opted_out is None else change.opted_out,
            milestones,
            change.time_zone or current.time_zone,
        )
        if preference != current:
            recipients.set_preference(store, person, preference, now)
        is_new = change.grant is None or recipients.is_new_grant(store, change.grant, person, now)
        for kind, number in change.add.items() if is_new else ():
            recipients.add_consents(store, person, kind, number, now)
        consents = recipients.consents_of(store, person)
    return {
        "person": person,
        "opted_out": preference.opted_out,
        "milestones": None if preference.milestones is None else sorted(preference.milestones),
        "time_zone": preference.time_zone,
        "consents": consents,
        "repeated": not is_new,
    }


def parse_milestones(text: str) -> frozenset[str]:
    """Milestones by comma. Raises ExitError for one that does not exist: its customer would wait for it in vain."""
    milestones = frozenset(name.strip() for name in text.split(","))
    if unknown := sorted(milestones.difference(ALL_MILESTONES)):
        raise ExitError(f"there is no milestone {', '.join(unknown)}, but {', '.join(ALL_MILESTONES)}", USAGE)
    return milestones


def parse_consents(text: str) -> tuple[str, int]:
    """KIND=NUMBER, such as a WeChat template id and how many messages were agreed to. Raises ExitError."""
    kind, _, number = text.rpartition("=")
    if not kind or not number.isdigit():
        raise ExitError(f"{text!r} is not KIND=NUMBER", USAGE)
    return kind, int(number)


def _recipient(address: str) -> Recipient:
    try:
        return parse_recipient(address)
    except ValueError:
        raise ExitError("the address is not SCHEME:ADDRESS, such as sms:+8613800000000", USAGE) from None


@contextmanager
def open_ledger(settings: LedgerSettings) -> Iterator[Store]:
    """The ledger within one transaction. Raises ExitError where it is away."""
    with exit_on(StoreUnavailableError), ledger.opened_ledger(settings.ledger_dsn()) as store:
        yield store
