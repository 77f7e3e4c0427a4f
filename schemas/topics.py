"""The topics of Fixtrail: their names, what each is created with, and creating them."""

from dataclasses import dataclass, field

from schemas.times import DAY_MS

SERVICE_EVENTS = "service-events"
JOURNEYS = "journeys"
CENTER_HOURS = "center-hours"
NOTICES = "notices"
DEAD_LETTERS = "service-events.dead-letter"
ALERTS = "alerts"
ALERT_ACKS = "alert-acks"
CALL_REQUESTS = "call-requests"
ESTIMATES = "estimates"
PART_FORECASTS = "part-forecasts"
TRACKING_REVOCATIONS = "tracking-revocations"
STAFF_SESSIONS = "staff-sessions"
REFERENCE_EVENTS = "reference-events"
REFERENCE_DEAD_LETTERS = "reference-events.dead-letter"
# Exists only while the topics get another number of partitions: what is left to do then.
PARTITION_MOVE = "fixtrail-partition-move"
# Those whose records ClickHouse stores.
STORED = (
    *(SERVICE_EVENTS, JOURNEYS, CENTER_HOURS, DEAD_LETTERS, ALERTS, ESTIMATES, PART_FORECASTS),
    *(REFERENCE_EVENTS, REFERENCE_DEAD_LETTERS),
)

MAX_SENT_BYTES = 8 * 1024 * 1024
_ENVELOPE_BYTES = 64 * 1024
LARGEST_DEAD_LETTER = 9 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    config: dict[str, str] = field(default_factory=dict)


def _retention(days: int, **config: str) -> dict[str, str]:
    return {"retention.ms": str(days * DAY_MS), **{name.replace("_", "."): value for name, value in config.items()}}


# Larger than any valid event, so that what is too large still arrives and is named in the dead letters; a dead letter
# carries the same bytes and more headers. 180 days hold every visit that is still in the workers' state, with room.
TOPICS = (
    Topic(SERVICE_EVENTS, _retention(180, max_message_bytes=str(MAX_SENT_BYTES + _ENVELOPE_BYTES))),
    Topic(JOURNEYS, {"cleanup.policy": "compact", "max.message.bytes": str(MAX_SENT_BYTES)}),
    Topic(CENTER_HOURS, _retention(180)),
    # The watch box finds here where the customers of open orders are reached.
    Topic(NOTICES, _retention(30)),
    Topic(DEAD_LETTERS, _retention(180, max_message_bytes=str(LARGEST_DEAD_LETTER))),
    Topic(ALERTS, {"cleanup.policy": "compact"}),
    Topic(ALERT_ACKS, {"cleanup.policy": "compact"}),
    # Customers who want to be called; a request ends with its visit.
    Topic(CALL_REQUESTS, _retention(60, cleanup_policy="compact,delete")),
    # What was shown of ready times, for the record.
    Topic(ESTIMATES, _retention(180)),
    # For the supply chain's system; a forecast is of one first day, so that a year of them is a record.
    Topic(PART_FORECASTS, _retention(400, cleanup_policy="compact,delete")),
    Topic(TRACKING_REVOCATIONS, {"cleanup.policy": "compact"}),
    # The longest session lasts 30 days.
    Topic(STAFF_SESSIONS, _retention(31, cleanup_policy="compact,delete")),
    # By center, as senders key them: compaction would keep one of all that a center has told. ClickHouse keeps the
    # latest of each (docs/decisions/reference-events.md).
    Topic(REFERENCE_EVENTS, _retention(400, max_message_bytes=str(MAX_SENT_BYTES + _ENVELOPE_BYTES))),
    Topic(REFERENCE_DEAD_LETTERS, _retention(180, max_message_bytes=str(LARGEST_DEAD_LETTER))),
)


def dead_letters_of(topic: str) -> str:
    """The topic for what is refused of a topic."""
    return REFERENCE_DEAD_LETTERS if topic == REFERENCE_EVENTS else DEAD_LETTERS
