"""What each box reads and writes in Kafka: the topics that it needs, and so the rights that its user needs."""

from dataclasses import dataclass

from schemas.topics import (
    ALERT_ACKS,
    ALERTS,
    CALL_REQUESTS,
    CENTER_HOURS,
    DEAD_LETTERS,
    ESTIMATES,
    JOURNEYS,
    NOTICES,
    REFERENCE_DEAD_LETTERS,
    REFERENCE_EVENTS,
    SERVICE_EVENTS,
    STAFF_SESSIONS,
    STORED,
    TOPICS,
    TRACKING_REVOCATIONS,
    Topic,
)

_ALL = tuple(topic.name for topic in TOPICS)


@dataclass(frozen=True, slots=True)
class BoxRights:
    """`group` is what its consumer group has behind the app id; None where it has none.

    `looks` are topics of which it asks the ends only. `changelogs`: it also has the app's changelogs, and creates them.
    `all_groups`: it asks how far every group of the app is.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()
    group: str | None = None
    changelogs: bool = False
    creates: bool = False
    all_groups: bool = False

    @property
    def topics(self) -> list[Topic]:
        """The topics that it needs, as they are to be."""
        names = {*self.reads, *self.writes, *self.looks}
        return [topic for topic in TOPICS if topic.name in names]


BOX_RIGHTS = {
    "worker": BoxRights(
        reads=(SERVICE_EVENTS,), writes=(JOURNEYS, CENTER_HOURS, NOTICES, DEAD_LETTERS), group="", changelogs=True
    ),
    "clickhouse": BoxRights(reads=STORED, writes=(DEAD_LETTERS, REFERENCE_DEAD_LETTERS), group="-clickhouse"),
    "push": BoxRights(reads=(NOTICES, JOURNEYS), writes=(DEAD_LETTERS,), group="-push"),
    "watch": BoxRights(
        reads=(JOURNEYS, NOTICES, CENTER_HOURS, ALERTS, ALERT_ACKS),
        writes=(NOTICES, ALERTS, ALERT_ACKS, DEAD_LETTERS),
        group="-watch",
    ),
    "web": BoxRights(
        reads=(JOURNEYS, ALERTS, ALERT_ACKS, TRACKING_REVOCATIONS, STAFF_SESSIONS, CALL_REQUESTS),
        writes=(SERVICE_EVENTS, REFERENCE_EVENTS, ALERT_ACKS, STAFF_SESSIONS, ESTIMATES, CALL_REQUESTS),
    ),
    "pulse": BoxRights(reads=(JOURNEYS,), writes=(SERVICE_EVENTS, JOURNEYS), looks=STORED, all_groups=True),
    "migrate": BoxRights(looks=_ALL, creates=True),
    "send": BoxRights(writes=(SERVICE_EVENTS, REFERENCE_EVENTS)),
    # Commands by hand: status, dead-letters, person, orders, tracking.
    "operator": BoxRights(reads=_ALL, writes=_ALL, all_groups=True),
}
