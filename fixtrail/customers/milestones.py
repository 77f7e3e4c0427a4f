"""Which part a journey's milestone is about, as far as the newest fact shows it."""

from schemas.facts import JourneyFact, PartRequestFact

_PHASES = {"part_ordered": "requested_at", "part_delayed": "backordered_at", "part_arrived": "fulfilled_at"}


def part_of_milestone(fact: JourneyFact, index: int) -> PartRequestFact | None:
    """The part that the milestone at this place of the timeline is about; None for others, and where it is not sure.

    The part whose phase began then. That a part is expected at another time begins no phase: then it is the one part
    that was waited for, if there was only one.
    """
    name, _, at = fact.timeline[index]
    if name not in _PHASES:
        return None
    candidates = [part for part in fact.parts if getattr(part, _PHASES[name]) == at]
    if candidates:
        # Several may have begun at the same instant: each is told of once.
        earlier = sum(
            earlier_name == name and earlier_at == at for earlier_name, _, earlier_at in fact.timeline[:index]
        )
        return candidates[min(earlier, len(candidates) - 1)]
    awaited = [part for part in fact.parts if _was_awaited(part, at)]
    return awaited[0] if len(awaited) == 1 else None


def _was_awaited(part: PartRequestFact, at: int) -> bool:
    starts = [began for began in (part.requested_at, part.backordered_at) if began is not None]
    ends = [end for end in (part.fulfilled_at, part.cancelled_at) if end is not None]
    return bool(starts) and min(starts) <= at and all(end > at for end in ends)
