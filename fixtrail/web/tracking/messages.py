"""The messages of an order's customer, from the push sink's ledger: when, about what, how, and if not, why.

And whether the customer wants to be sent anything.
"""

from dataclasses import dataclass, replace

from fixtrail.configuration import push_settings
from fixtrail.settings import LedgerSettings
from fixtrail.web.tracking.words import catalogue
from runtime.store import StoreUnavailableError
from schemas.order_key import OrderKey
from sinks.push.address import AddressKeys, parse_recipient
from sinks.push.decide import CAP, GAP, QUIET
from sinks.push.ledger import ledger, recipients
from sinks.push.ledger.ledger import Send
from sinks.push.ledger.recipients import Preference

_OUTCOMES = {
    ledger.SENT: "sent",
    ledger.UNKNOWN: "unknown",
    ledger.REJECTED: "rejected",
    ledger.EXPIRED: "expired",
    ledger.SUPERSEDED: "superseded",
}
# Why nothing went or goes, by how the ledger's reason begins; what is not among these is said without a reason.
_REASONS = {
    ledger.NO_CONSENT_LEFT: "no_consent",
    "no consent": "unwanted",
    QUIET: "quiet",
    CAP: "enough",
    GAP: "enough",
    "no address": "no_address",
    "the address": "no_address",
    "channel": "no_channel",
}
_CHANNELS = ("webhook", "wechat", "webpush", "mailto", "sms")
NO_CHANNEL = "none"


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One message: what it was about and when that happened, what became of it at which time, by which channel.

    `at` lies ahead for what waits. `channel` is NO_CHANNEL where there was no address at all.
    """

    at: int
    about: str
    happened_at: int
    outcome: str
    channel: str


@dataclass(frozen=True, slots=True)
class Messages:
    """All messages about an order, the newest first; whether its customer wants them, None where there is nobody."""

    entries: list[SentMessage]
    are_wanted: bool | None = None


def messages_about(settings: LedgerSettings, order: OrderKey) -> Messages:
    """Without what goes to the workshop's own systems; nothing while the ledger is away."""
    try:
        with ledger.opened_ledger(settings.ledger_dsn()) as store:
            sends = _of_customer(settings, ledger.log_of(store, order))
            people = _people(sends)
            preferences = recipients.preferences_of(store, people)
    except StoreUnavailableError:
        return Messages([])
    entries = [entry for send in sends if (entry := _sent_message(send)) is not None]
    are_wanted = not all(person in preferences and preferences[person].opted_out for person in people)
    return Messages(sorted(entries, key=lambda entry: -entry.at), are_wanted if people else None)


def want_messages(settings: LedgerSettings, order: OrderKey, *, are_wanted: bool, now: int) -> bool:
    """Write down that whoever is told about this order wants to be told, or not; False while the ledger is away.

    It holds for the addresses, so for their other orders, too; what waits to be sent is judged by it.
    """
    try:
        with ledger.opened_ledger(settings.ledger_dsn()) as store:
            people = _people(_of_customer(settings, ledger.log_of(store, order)))
            preferences = recipients.preferences_of(store, people)
            for person in people:
                preference = replace(preferences.get(person, Preference()), opted_out=not are_wanted)
                recipients.set_preference(store, person, preference, now)
    except StoreUnavailableError:
        return False
    return bool(people)


def _of_customer(settings: LedgerSettings, sends: list[Send]) -> list[Send]:
    keys = AddressKeys(settings.secret())
    workshop_keys = {keys.person(parse_recipient(address)) for address in push_settings(settings).also}
    return [send for send in sends if send.person not in workshop_keys]


def _people(sends: list[Send]) -> list[str]:
    return sorted({send.person for send in sends if send.channel != NO_CHANNEL})


def outcome_of(send: Send) -> str:
    """What became of a message, as the page has words for it: `message_…`."""
    if send.state in _OUTCOMES:
        return _OUTCOMES[send.state]
    why = next((name for begins, name in _REASONS.items() if send.reason.startswith(begins)), "")
    if send.state == ledger.SUPPRESSED:
        return f"not_{why}" if why else "suppressed"
    return "waiting_quiet" if why == "quiet" else "waiting"


def _sent_message(send: Send) -> SentMessage | None:
    """None for a milestone that the page has no words for."""
    texts = next(iter(catalogue().values()))
    about = next((key for key in (f"log_{send.milestone}", f"notice_{send.milestone}") if key in texts), None)
    if about is None:
        return None
    channel = send.channel if send.channel in (*_CHANNELS, NO_CHANNEL) else "other"
    at = send.final_at if send.final_at is not None else max(send.due_at, send.intent_at or 0)
    return SentMessage(at, about, send.occurred_at, outcome_of(send), channel)
