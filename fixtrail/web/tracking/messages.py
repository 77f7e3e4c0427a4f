"""What was sent to a customer, out of the push sink's ledger: when, about what, how, and if not, why."""

from dataclasses import dataclass

from fixtrail.failure import Failure
from fixtrail.notices import log_of, push_settings
from fixtrail.settings import Settings
from fixtrail.web.tracking.words import catalogue
from sinks.push import ledger
from sinks.push.address import AddressKeys, parse_recipient

_OUTCOMES = {
    ledger.SENT: "sent",
    ledger.UNKNOWN: "unknown",
    ledger.REJECTED: "rejected",
    ledger.EXPIRED: "expired",
    ledger.SUPERSEDED: "superseded",
    ledger.SUPPRESSED: "suppressed",
}
_CHANNELS = ("webhook", "wechat", "webpush", "mailto", "sms")


@dataclass(frozen=True, slots=True)
class Told:
    """One message: the key of what it was about, what became of it, and by which channel."""

    at: int
    about: str
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
    texts = next(iter(catalogue().values()))
    found = []
    for send in sends:
        about = next((key for key in (f"log_{send.milestone}", f"notice_{send.milestone}") if key in texts), None)
        if about is None or send.person in own:
            continue
        channel = send.channel if send.channel in _CHANNELS else "other"
        at = send.final_at or send.intent_at or send.planned_at
        found.append(Told(at, about, _OUTCOMES.get(send.state, "waiting"), channel))
    return sorted(found, key=lambda each: -each.at)
