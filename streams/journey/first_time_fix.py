"""Was the car fixed the first time? CONTRACT section 3: one order against the vehicle's other visits."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from streams.journey import entries as e
from streams.journey.visit import Visit

COMEBACK_WINDOW_MS = 30 * 24 * 3600 * 1000
COMEBACK_KM = 1000

Cause = Literal["rework", "open_part", "comeback"]


@dataclass(frozen=True, slots=True)
class Digest:
    """What other visits of the vehicle need to know of one: enough to tell comebacks."""

    order_id: str
    checked_in_at: int | None
    odometer: float | None
    fault_groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FirstTimeFix:
    """`fixed` is None for an order that is not judged; then so is the rest."""

    fixed: bool | None
    cause: Cause | None
    comeback_order_id: str | None


NOT_JUDGED = FirstTimeFix(None, None, None)


def digest_of(order_id: str, visit: Visit) -> Digest:
    """The digest of an order's visit."""
    return Digest(order_id, visit.started_at, visit.odometer, tuple(visit.fault_groups))


def first_time_fix(order_id: str, visit: Visit, others: Iterable[Digest]) -> FirstTimeFix:
    """The judgement of an order; `others` are the vehicle's orders (its own is passed over)."""
    if visit.closed_by != e.HANDOFF or not visit.any_repair:
        return NOT_JUDGED
    comebacks = [other for other in others if other.order_id != order_id and is_comeback(other, visit)]
    first = min(comebacks, key=lambda other: (other.checked_in_at, other.order_id), default=None)
    cause: Cause | None = None
    if visit.rework or visit.failed_ever:
        cause = "rework"
    elif visit.open_parts:
        cause = "open_part"
    elif first:
        cause = "comeback"
    return FirstTimeFix(cause is None, cause, first.order_id if first else None)


def is_comeback(later: Digest, visit: Visit) -> bool:
    """Whether `later` brings the vehicle back with the same concern, soon after this visit's handoff."""
    if later.checked_in_at is None or visit.closed_at is None:
        return False
    if not 0 < later.checked_in_at - visit.closed_at <= COMEBACK_WINDOW_MS:
        return False
    if visit.odometer is not None and later.odometer is not None and _km(visit.odometer, later.odometer) > COMEBACK_KM:
        return False
    return not set(visit.fault_groups).isdisjoint(later.fault_groups)


def _km(before: float, after: float) -> Decimal:
    # As written: in binary fractions 5000.1 is more than 1,000 after 4000.1.
    return Decimal(str(after)) - Decimal(str(before))
