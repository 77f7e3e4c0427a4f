"""Whether the page shows old data without knowing better: the server's own view of Kafka and of the workers."""

from collections.abc import Iterable

from fixtrail.web.freshness import DataAge

# ClickHouse is none of them: the page does not read it.
_SOURCES = frozenset({"kafka", "worker"})


def behind_since(ages: Iterable[DataAge], now: int) -> int | None:
    """As of when the page's data are (ms), where that is more than a minute ago; None where they are fresh.

    No page is served before Kafka was read once, so what never was current is not measured here.
    """
    stale = [age for age in ages if age.source in _SOURCES and age.level(now) == "stale"]
    return min((age.as_of for age in stale if age.as_of is not None), default=None)
