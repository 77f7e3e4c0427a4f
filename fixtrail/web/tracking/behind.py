"""Whether the page shows old data without knowing better: the server's own view of Kafka and of the workers."""

from collections.abc import Iterable

from fixtrail.web.freshness import DataAge

# ClickHouse is none of them: the page does not read it.
_SOURCES = frozenset({"kafka", "worker"})
BEHIND_AFTER_MS = 15_000


def behind_since(ages: Iterable[DataAge], now: int) -> int | None:
    """As of when the page's data are (ms), where that is 15 s ago and two beats were missed; None where they are fresh.

    No page is served before Kafka was read once, so what never was current is not measured here.
    """
    late = (age.as_of for age in ages if age.source in _SOURCES and age.level(now) in ("late", "stale"))
    return min((as_of for as_of in late if as_of is not None and now - as_of > BEHIND_AFTER_MS), default=None)
