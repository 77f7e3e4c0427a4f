"""Whether an item is accepted: the same decision that every reader of the topic makes, and what the key allows."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from fixtrail.web.api.bodies import Item
from fixtrail.web.api.keys import ApiKey
from runtime.kafka.producer import OutgoingRecord
from schemas.decode import EventError
from schemas.event_topics import SERVICE, EventTopic
from schemas.times import to_ms

# So many names of ignored fields are told, and so much of each.
MOST_WARNINGS, LONGEST_NAME = 20, 64
UNKNOWN_CENTER = "center_id: the reference data do not know this center"
NOT_ALLOWED = frozenset({"type_not_allowed", "center_not_allowed"})


@dataclass(frozen=True, slots=True)
class EventLimits:
    """What an event must keep to; the workers are set to the same.

    `centers` are the ids that the reference data know, where there are reference data.
    """

    max_bytes: int
    ahead_ms: int
    centers: Callable[[], Collection[str]] = tuple


@dataclass(frozen=True, slots=True)
class AcceptedEvent(OutgoingRecord):
    """An accepted event as it goes to Kafka: the bytes as they came, the vehicle (or the center) as key.

    `ignored` names the fields that nobody reads: unknown, or optional and unreadable. `warnings` says all that its
    sender may want to know.
    """

    ignored: tuple[str, ...] = ()
    center_is_unknown: bool = False

    @property
    def warnings(self) -> list[str]:
        return [*self.ignored, *([UNKNOWN_CENTER] if self.center_is_unknown else [])]


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """Why an item is not accepted: the code of a dead letter, a sentence without any value, and the field if one."""

    code: str
    reason: str
    field: str | None = None


def judge(
    item: Item, key: ApiKey, now_ms: int, limits: EventLimits, topic: EventTopic = SERVICE
) -> AcceptedEvent | RefusedItem:
    """The record that every reader of the topic admits, or why there is none."""
    try:
        event, extras = topic.decoder.decode(item.value, item.headers, max_bytes=limits.max_bytes)
    except EventError as error:
        return RefusedItem(error.code, error.reason, _field(error))
    if to_ms(event.occurred_at) > now_ms + limits.ahead_ms:
        return RefusedItem("too_far_ahead", "occurred_at lies in the future", "occurred_at")
    if not key.allows(type_=event.type):
        return RefusedItem("type_not_allowed", "the API key may not send events of this type", "type")
    if not key.allows(center=event.center_id or ""):
        return RefusedItem("center_not_allowed", _not_of_center(event.center_id), "center_id")
    ignored = tuple(name[:LONGEST_NAME] for name in sorted(extras)[:MOST_WARNINGS])
    centers = limits.centers()
    is_unknown = bool(centers and event.center_id) and event.center_id not in centers
    return AcceptedEvent(topic.key_of(event).encode(), item.value, item.headers, now_ms, ignored, is_unknown)


def _not_of_center(center_id: str | None) -> str:
    if center_id is None:
        return "the API key may not send what holds for all centers: name one"
    return "the API key may not send events of this center"


def strictly(verdict: AcceptedEvent | RefusedItem) -> AcceptedEvent | RefusedItem:
    """The verdict where nothing may be ignored: a record of which a field would be is refused."""
    if isinstance(verdict, RefusedItem) or not verdict.warnings:
        return verdict
    if not verdict.ignored:
        return RefusedItem("unknown_center", UNKNOWN_CENTER.partition(": ")[2], "center_id")
    return RefusedItem("ignored_field", f"nobody reads {', '.join(verdict.ignored)}", verdict.ignored[0])


def within_size(record: AcceptedEvent, max_bytes: int) -> AcceptedEvent | RefusedItem:
    """The record, unless it is too large as it would go to Kafka: encrypted, its personal fields are longer."""
    if len(record.value) <= max_bytes:
        return record
    return RefusedItem("too_large", f"encrypted {len(record.value)} bytes, at most {max_bytes} are accepted")


def _field(error: EventError) -> str | None:
    """The first field that the reason names."""
    if error.code == "unknown_type":
        return "type"
    if error.code not in ("missing_field", "invalid_field"):
        return None
    name = error.reason.partition(":")[0]
    return None if name == "event" else name
