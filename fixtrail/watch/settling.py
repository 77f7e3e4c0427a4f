"""When a fact may be believed to be all there is: in an import more of an order's events come right behind."""

from schemas.times import MINUTE_MS

# Events so old when they come are an import's, or late.
_OLD_NEWS_MS = 2 * MINUTE_MS
_SETTLING_MS = MINUTE_MS


def settles_at(received_at: int, last_event_at: int) -> int:
    """When a fact that came then may be believed to be all there is; 0 where it may at once."""
    return received_at + _SETTLING_MS if received_at - last_event_at > _OLD_NEWS_MS else 0


def is_settled(settled_at: int, now: int) -> bool:
    """Whether that time is over; one too far ahead is by a clock that went wrong, and holds nothing up."""
    return not now < settled_at <= now + _SETTLING_MS
