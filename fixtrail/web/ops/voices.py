"""The list of complaints and bad scores: what is due of each, the most urgent first. No I/O."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fixtrail.voices.cases import VoiceCase
from fixtrail.voices.limits import VoiceLimits
from schemas.centers import Center
from schemas.opening_hours import opening_ms_between
from schemas.order_key import OrderKey
from schemas.times import from_ms, rfc3339

Show = Literal["waiting", "open", "done"]
SHOWN: tuple[Show, ...] = ("open", "waiting", "done")
# What a manager may record.
RECORDED = ("contacted", "no_answer", "resolved")
_FAR = 1 << 62


@dataclass(frozen=True, slots=True)
class VoiceItem:
    """One case. `due_at`: when the next level is reached, or the last one was; None where nobody has to get in touch.

    `level`: how many levels were passed. `age_s` in opening time.
    """

    order: OrderKey
    case: VoiceCase
    due_at: int | None
    level: int
    age_s: float

    @property
    def is_waiting(self) -> bool:
        """Whether somebody still has to get in touch."""
        return self.due_at is not None

    @property
    def steps(self) -> int:
        """How much was known of it when it was shown."""
        return len(self.case.phases) + self.case.attempts


def voice_item(
    order: OrderKey, case: VoiceCase, limits: VoiceLimits, centers: Mapping[str, Center], now: int
) -> VoiceItem:
    center = centers.get(order.center_id)
    age_s = opening_ms_between(case.opened_at, now, center) / 1000
    if case.is_contacted or not case.is_open:
        return VoiceItem(order, case, None, 0, age_s)
    times = limits.due_at(case, center)
    level = sum(at <= now for at in times)
    return VoiceItem(order, case, times[min(level, len(times) - 1)], level, age_s)


def is_shown(item: VoiceItem, show: Show) -> bool:
    if show == "waiting":
        return item.is_waiting
    return item.case.is_open is (show == "open")


def sorted_items(items: Iterable[VoiceItem]) -> list[VoiceItem]:
    """Those past a level first, by level and age; then by what is due next; then those that were contacted, the oldest
    first.
    """
    return sorted(items, key=lambda item: (-item.level, item.due_at or _FAR, item.case.opened_at, item.case.case_id))


def follow_up_event(item: VoiceItem, vehicle_id: str, phase: str, handler: str, now: int, key: bytes) -> dict[str, Any]:
    """What is recorded, as an event. The same of what was shown is the same event, however often it is sent."""
    content = "\x1f".join((*item.order, item.case.case_id, phase, str(item.steps))).encode()
    event_id = hashlib.blake2b(content, digest_size=16, key=key).hexdigest()
    at = max(now, item.case.opened_at, *(at for _, at in item.case.phases))
    return {
        "event_id": f"page-follow-up-{event_id}",
        "type": "follow_up",
        "order_id": item.order.order_id,
        "vehicle_id": vehicle_id,
        "center_id": item.order.center_id,
        "occurred_at": rfc3339(from_ms(at)),
        "of": item.case.case_id,
        "phase": phase,
        "handler_id": handler_id(handler),
    }


def handler_id(identity: str) -> str:
    """The account as an event may name it: as it is, or a hash of one that is too long."""
    if 0 < len(identity) <= 64 and identity.isprintable():
        return identity
    return hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()
