"""What was sent to a customer, out of the push sink's ledger: when, about what, how, and if not, why."""

from dataclasses import dataclass

from fixtrail.failure import Failure
from fixtrail.notices import log_of, push_settings
from fixtrail.settings import Settings
from fixtrail.web.tracking.words import catalogue
from sinks.push import ledger
from sinks.push.address import AddressKeys, parse_recipient
from sinks.push.decide import CAP, GAP, QUIET
from sinks.push.ledger import Send

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
class Told:
    """One message: what it was about and when that happened, what became of it at which time, by which channel.

    `at` lies ahead for what waits. `channel` is NO_CHANNEL where there was no address at all.
    """

    at: int
    about: str
    happened_at: int
    outcome: str
    channel: str


def sent_about(settings: Settings, order_id: str) -> list[Told]:
    """The newest first; without what goes to the workshop's own systems. Empty while the ledger is away."""
    try:
        sends = log_of(settings, order_id)
    except Failure:
        return []
    keys = AddressKeys(settings.secret())
    own = {keys.person(parse_recipient(each)) for each in push_settings(settings).also}
    found = [told for send in sends if send.person not in own and (told := _told(send)) is not None]
    return sorted(found, key=lambda each: -each.at)


def outcome_of(send: Send) -> str:
    """What became of a message, as the page has words for it: `message_…`."""
    if send.state in _OUTCOMES:
        return _OUTCOMES[send.state]
    why = next((name for begins, name in _REASONS.items() if send.reason.startswith(begins)), "")
    if send.state == ledger.SUPPRESSED:
        return f"not_{why}" if why else "suppressed"
    return "waiting_quiet" if why == "quiet" else "waiting"


def _told(send: Send) -> Told | None:
    """None for a milestone that the page has no words for."""
    texts = next(iter(catalogue().values()))
    about = next((key for key in (f"log_{send.milestone}", f"notice_{send.milestone}") if key in texts), None)
    if about is None:
        return None
    channel = send.channel if send.channel in (*_CHANNELS, NO_CHANNEL) else "other"
    at = send.final_at if send.final_at is not None else max(send.due_at, send.intent_at or 0)
    return Told(at, about, send.occurred_at, outcome_of(send), channel)
