"""`fixtrail notices`: what customers were told and why not, what they would read, and what they agree to."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fixtrail.failure import NEGATIVE, REFUSED, USAGE, Failure
from fixtrail.printable import cell, printable
from fixtrail.settings import Settings
from schemas.times import is_time_zone
from sinks.clickhouse.centers import Center, CentersError, read_centers
from sinks.push import audience, ledger
from sinks.push.address import AddressKeys, Recipient, parse_recipient
from sinks.push.audience import Preference
from sinks.push.compose import Link, said_at
from sinks.push.config import PushConfigError, PushSettings, read_push_settings
from sinks.push.ledger import Send
from sinks.push.store import Store, StoreOutage
from streams.journey.by_clock import BY_CLOCK
from streams.journey.notices import MILESTONES

ALL_MILESTONES = (*MILESTONES, *BY_CLOCK)


def push_settings(settings: Settings) -> PushSettings:
    """The push sink's settings. Raises Failure (78) where the file is wrong."""
    try:
        return read_push_settings(settings.push)
    except PushConfigError as error:
        raise Failure(str(error), REFUSED) from None


def centers_of(settings: Settings) -> Mapping[str, Center]:
    """The centers of the reference file, or of centers.toml in the data folder, by id; none without one.

    Raises Failure (78) where the file is wrong.
    """
    from fixtrail.web.config import CENTERS_FILE

    path = settings.centers or settings.data / CENTERS_FILE
    if settings.centers is None and not path.exists():
        return {}
    try:
        return {center.id: center for center in read_centers(path).center}
    except CentersError as error:
        raise Failure(str(error), REFUSED) from None


def links_of(settings: Settings) -> Link:
    """What gives an order's link to its tracking page; "" where nobody says how customers reach the pages.

    A link is issued as of what it is sent with: a message that is tried again says the same again.
    """
    from fixtrail.web.config import public_url
    from fixtrail.web.tracking.command import tracking_url

    base = public_url(settings)
    if not base:
        return lambda order_id, at: ""
    secret = settings.secret()
    return lambda order_id, at: tracking_url(base, secret, order_id, at)


# What was sent


def log_of(settings: Settings, order_id: str) -> list[Send]:
    """Everything the ledger knows of an order's notices."""
    with _ledger(settings) as store:
        return ledger.log_of(store, order_id)


def log_as_json(sends: list[Send]) -> list[dict[str, Any]]:
    """The log for scripts; no address is in it."""
    return [
        {
            "milestone": send.milestone,
            "event_id": send.event_id,
            "occurred_at": said_at(send.occurred_at),
            "channel": send.channel,
            "person": send.person,
            "state": send.state,
            "reason": send.reason,
            "told": send.told,
            "planned_at": said_at(send.planned_at),
            "held_for": send.held_for,
            "due_at": said_at(send.due_at) if send.final_at is None else None,
            "sent_at": said_at(send.intent_at),
            "final_at": said_at(send.final_at),
            "expires_at": said_at(send.expires_at),
            "attempts": send.attempts,
            "with": send.carrier if send.carrier != send.id else None,
            "reference": send.reference,
            "id": send.id,
        }
        for send in sends
    ]


def print_log(order_id: str, sends: list[Send], time_zone: str) -> None:
    """The log for people, on stdout, in local time."""
    from rich.console import Console
    from rich.table import Table

    if not sends:
        print(f"nothing was to be told about order {printable(order_id)}: the push sink has seen no notice of it")
        return
    zone = ZoneInfo(time_zone)
    columns = ("happened", "milestone", "by event", "channel", "outcome", "when", "what was said, or why not")
    table = Table(*columns, title=cell(order_id))
    for send in sends:
        at = send.final_at if send.final_at is not None else send.due_at
        said = "; ".join(filter(None, (send.told if send.state == ledger.SENT else "", send.reason, _held(send))))
        outcome = send.state if send.final_at is not None else f"{send.state} until"
        table.add_row(
            _clock(send.occurred_at, zone),
            cell(send.milestone),
            cell(send.event_id),
            cell(send.channel),
            outcome,
            _clock(at, zone),
            cell(said),
            style=_style(send),
        )
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)


def _held(send: Send) -> str:
    return f"was held for {send.held_for}" if send.held_for and send.held_for != send.reason else ""


def _style(send: Send) -> str:
    return {ledger.SENT: "green", ledger.UNKNOWN: "red", ledger.REJECTED: "red"}.get(send.state, "")


def _clock(at: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at / 1000, zone):%m-%d %H:%M:%S}"


# What would be said


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


def change_consent(settings: Settings, address: str, change: Consent) -> dict[str, Any]:
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


def subscribe(settings: Settings, order_id: str, address: str) -> str:
    """Tell this address, such as webpush:{…}, everything about an order, too; the person's key."""
    person = AddressKeys(settings.secret()).person(_recipient(address))
    with _ledger(settings) as store:
        audience.subscribe(store, person, order_id, address, int(time.time() * 1000))
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


def webhook_secret(settings: Settings, url: str) -> str:
    """The secret with which the receiver behind a URL checks signatures. Raises Failure for what is no URL."""
    from sinks.push.channels.webhook import said_secret
    from sinks.push.http import origin_of

    origin = origin_of(url)
    if origin is None:
        raise Failure(f"{url} is no URL of a receiver", USAGE)
    return said_secret(AddressKeys(settings.secret()).target_secret(origin))


def vapid_keys() -> tuple[str, str]:
    """A fresh private key for Web Push, and the public one for the pages."""
    from sinks.push.channels.webpush import new_private_key, public_key

    private = new_private_key()
    return private, public_key(private)


def _recipient(address: str) -> Recipient:
    try:
        return parse_recipient(address)
    except ValueError:
        raise Failure("the address is not SCHEME:ADDRESS, such as sms:+8613800000000", USAGE) from None


@contextmanager
def _ledger(settings: Settings) -> Iterator[Store]:
    """The ledger within one transaction. Raises Failure where it is away."""
    try:
        with ledger.opened(settings.ledger_dsn()) as store:
            yield store
    except StoreOutage as error:
        raise Failure(str(error), NEGATIVE) from None
