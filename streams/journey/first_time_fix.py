"""First-time fix (CONTRACT section 3): judges one order against the vehicle's other visits."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from schemas.order_key import OrderKey
from schemas.times import DAY_MS
from streams.journey import entries as e
from streams.journey.visit import Visit

COMEBACK_WINDOW_MS = 30 * DAY_MS
COMEBACK_KM = 1000

Cause = Literal["rework", "open_part", "reopened", "comeback"]


@dataclass(frozen=True, slots=True)
class Digest:
    """The fields of a visit that decide whether another one is its comeback."""

    order: OrderKey
    checked_in_at: int | None
    odometer: float | None
    fault_groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FirstTimeFix:
    """`fixed` is None for an order that is not judged; then so is the rest."""

    fixed: bool | None
    cause: Cause | None
    comeback: OrderKey | None


NOT_JUDGED = FirstTimeFix(None, None, None)


def digest_of(order: OrderKey, visit: Visit) -> Digest:
    """The digest of an order's visit."""
    checked_in_at = None if visit.vehicle_corrected else visit.started_at
    return Digest(order, checked_in_at, visit.odometer, tuple(visit.fault_groups))


def by_check_in(digests: Iterable[Digest]) -> list[Digest]:
    """Those that were checked in, in that order; of two at once the one whose center, then order id sorts first."""
    return sorted((digest for digest in digests if digest.checked_in_at is not None), key=_rank)


def first_time_fix(order: OrderKey, visit: Visit, others: Sequence[Digest]) -> FirstTimeFix:
    """The judgement of an order; `others` are the vehicle's orders `by_check_in` (its own is skipped)."""
    if visit.closed_by != e.HANDOFF or not visit.any_repair or visit.vehicle_corrected:
        return NOT_JUDGED
    first = _comeback(order, visit, others)
    cause: Cause | None = None
    if visit.rework or visit.failed_ever:
        cause = "rework"
    elif visit.open_parts:
        cause = "open_part"
    elif visit.reopened:
        cause = "reopened"
    elif first:
        cause = "comeback"
    return FirstTimeFix(cause is None, cause, first.order if first else None)


def _comeback(order: OrderKey, visit: Visit, others: Sequence[Digest]) -> Digest | None:
    """The first to bring the vehicle back with the same concern, soon after this visit's handoff."""
    handed_off = visit.closed_at or 0
    for number in range(bisect_right(others, handed_off, key=_checked_in_at), len(others)):
        later = others[number]
        if _checked_in_at(later) > handed_off + COMEBACK_WINDOW_MS:
            break
        if later.order != order and _has_same_concern(visit, later):
            return later
    return None


def _has_same_concern(visit: Visit, later: Digest) -> bool:
    if visit.odometer is not None and later.odometer is not None and _km(visit.odometer, later.odometer) > COMEBACK_KM:
        return False
    return not set(visit.fault_groups).isdisjoint(later.fault_groups)


def _checked_in_at(digest: Digest) -> int:
    return digest.checked_in_at or 0


def _rank(digest: Digest) -> tuple[int, OrderKey]:
    return _checked_in_at(digest), digest.order


def _km(before: float, after: float) -> Decimal:
    # As written: in binary fractions 5000.1 is more than 1,000 after 4000.1.
    return Decimal(str(after)) - Decimal(str(before))
