"""Orders as live screens show them: `pickup` a while after the last work, by center (CONTRACT section 2)."""

from collections.abc import Mapping

from schemas.centers import Center
from schemas.facts import JourneyFact
from streams.journey.ready_setting import CheckHistory, ready_after_ms, ready_by_setting_at, ready_fields

Centers = Mapping[str, Center]


def as_shown(fact: JourneyFact, centers: Centers, checks: CheckHistory, now: int) -> JourneyFact:
    """The fact with activity `pickup` where the work has been done for long enough by the center's setting."""
    changed = ready_fields(vars(fact), _after_ms(fact, centers, checks, now), now)
    return fact.model_copy(update=changed) if changed else fact


def shown_ready_at(fact: JourneyFact, centers: Centers, checks: CheckHistory, now: int) -> int | None:
    """When the screens will show an order as ready without another event (ms); None where they will not."""
    return ready_by_setting_at(vars(fact), _after_ms(fact, centers, checks, now))


def _after_ms(fact: JourneyFact, centers: Centers, checks: CheckHistory, now: int) -> int | None:
    return ready_after_ms(centers.get(fact.center_id or ""), fact.center_id, checks, now)
