"""Rows of `events`: the content of an accepted record of service-events, without personal data."""

from collections.abc import Callable
from datetime import datetime

from schemas.codes import CODE_FIELDS, TEXT_FIELDS, with_codes_only
from schemas.decode import AHEAD_MS, MAX_BYTES, admit
from schemas.events import EVENT_TYPES, VEHICLE_CORRECTED, Event
from schemas.fast_path import replaced
from schemas.origin import origin_of
from schemas.personal import is_sealed
from schemas.times import DAY_MS, EPOCH
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.tables import RawTable, Record, Row, timestamp_of

EVENTS = RawTable(
    "events",
    (
        "vehicle_key",
        "event_id",
        "kafka_offset",
        "kafka_partition",
        "type",
        "order_id",
        "center_id",
        "occurred_at",
        "received_at",
        "customer_key",
        "phase",
        "technician_id",
        "bay_id",
        "job_id",
        "request_id",
        "part_no",
        "payload",
        "source",
        "sent_at",
    ),
)

# In columns of their own, or personal: never in the payload.
_NOT_IN_PAYLOAD = {"event_id", "type", "order_id", "vehicle_id", "center_id", "occurred_at", "customer_id", "contact"}
_NOT_IN_PAYLOAD |= {"vehicle_label", "advisor"}
# Who of the staff it was.
_STAFF = ("technician_id", "handler_id")
_FREE_TEXT = {"survey": "comment", "cancellation": "reason", "complaint": "resolution"}


class EventRows:
    """Builds the rows of `events`. `keep_free_text` keeps customers' comments and reasons in the payload.

    `clear_staff` keeps the ids of technicians and of who handles complaints; without it they are pseudonyms.
    """

    def __init__(
        self,
        keyed: KeyedHash,
        *,
        keep_free_text: bool = False,
        clear_staff: bool = False,
        max_bytes: int = MAX_BYTES,
        ahead_ms: int = AHEAD_MS,
        unseal: Callable[[str], str | None] = lambda text: None,
    ) -> None:
        self._vehicle_key, self._customer_key = keyed.vehicle, keyed.customer
        self._staff_key = None if clear_staff else keyed.staff
        self._max_bytes, self._ahead_ms = max_bytes, ahead_ms
        self._payload = {
            name: _payload_writer(model, set() if keep_free_text else {_FREE_TEXT.get(name, "")})
            for name, model in EVENT_TYPES.items()
        }
        if keep_free_text:
            for name, field in _FREE_TEXT.items():
                self._payload[name] = _with_text(self._payload[name], field, unseal)
        else:
            for name in {*CODE_FIELDS, *TEXT_FIELDS}:
                self._payload[name] = _with_codes(self._payload[name])
            cancellation = _payload_writer(EVENT_TYPES["cancellation"], set())
            self._payload["cancellation"] = _with_correction(self._payload["cancellation"], cancellation)

    def is_event(self, record: Record) -> bool:
        """Whether `row` would give a row for this record."""
        try:
            admit(record, max_bytes=self._max_bytes, ahead_ms=self._ahead_ms)
        except ValueError:
            return False
        return True

    def row(self, record: Record) -> Row:
        """The record's row. Raises schemas.decode.EventError where it is no event."""
        event, _ = admit(record, max_bytes=self._max_bytes, ahead_ms=self._ahead_ms)
        return self.row_of(event, record)

    def row_of(self, event: Event, record: Record) -> Row:
        """The row of an event that the record carries."""
        if self._staff_key is not None:
            event = _without_staff(event, self._staff_key)
        fields = event.__dict__
        get = fields.get
        customer_id = get("customer_id")
        kind: str = fields["type"]
        return (
            self._vehicle_key(fields["vehicle_id"]),
            fields["event_id"],
            record.offset,
            record.partition,
            kind,
            fields["order_id"],
            fields["center_id"],
            _ms(fields["occurred_at"]),
            timestamp_of(record),
            None if customer_id is None else self._customer_key(customer_id),
            get("phase"),
            get("technician_id"),
            get("bay_id"),
            get("job_id"),
            get("request_id"),
            get("part_no"),
            self._payload[kind](event),
            *origin_of(record.headers, record.value),
        )


def _without_staff(event: Event, staff_key: Callable[[str, str], str]) -> Event:
    """The event with pseudonyms for the staff whom it names."""
    named = {name: staff_id for name in _STAFF if (staff_id := event.__dict__.get(name)) is not None}
    if not named:
        return event
    return replaced(event, {name: staff_key(event.center_id, staff_id) for name, staff_id in named.items()})


def _payload_writer(model: type[Event], free_text: set[str]) -> Callable[[Event], bytes]:
    """A function that gives the type's own fields as compact JSON; absent ones are left out."""
    to_json = model.__pydantic_serializer__.to_json
    elsewhere = _NOT_IN_PAYLOAD | free_text
    include = {name for name in model.model_fields if name not in elsewhere}

    def payload(event: Event) -> bytes:
        return to_json(event, include=include, exclude_none=True)

    return payload if include else lambda _: b"{}"


def _with_text(
    payload: Callable[[Event], bytes], field: str, unseal: Callable[[str], str | None]
) -> Callable[[Event], bytes]:
    """The same payload, with the free text in `field` readable; left out where it is erased or restricted."""

    def readable(event: Event) -> bytes:
        text = getattr(event, field)
        return payload(event.model_copy(update={field: unseal(text)}) if is_sealed(text) else event)

    return readable


def _with_correction(
    payload: Callable[[Event], bytes], full_payload: Callable[[Event], bytes]
) -> Callable[[Event], bytes]:
    """The same payload, with the reason that takes an order out of every figure: nobody has typed it."""
    return lambda event: (full_payload if event.__dict__["reason"] == VEHICLE_CORRECTED else payload)(event)


def _with_codes(payload: Callable[[Event], bytes]) -> Callable[[Event], bytes]:
    """The same payload, without free text where codes belong, nor addresses where names do."""
    return lambda event: payload(with_codes_only(event))


def _ms(at: datetime) -> int:
    past = at - EPOCH
    return past.days * DAY_MS + past.seconds * 1000 + past.microseconds // 1000
