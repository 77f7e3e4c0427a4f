"""Rows of `reference_events`: the events of topic reference-events, without who of the staff they are about."""

import hashlib
from collections.abc import Callable

import orjson

from schemas.codes import codes_of, lines_without_address
from schemas.decode import AHEAD_MS, MAX_BYTES
from schemas.events import EARLIEST
from schemas.reference_events import PriceList, ReferenceEvent, StaffGrade, StaffShift, StaffSurvey, admit_reference
from schemas.times import to_ms
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.tables import RawTable, Record, Row

REFERENCE_EVENTS = RawTable(
    "reference_events", ("type", "center_id", "natural_key", "event_id", "version", "occurred_at", "payload")
)

_IN_COLUMNS = {"event_id", "type", "center_id", "occurred_at"}
_DIGEST_BITS = 18


class ReferenceRows:
    """Builds the rows. `clear_staff` keeps the ids of the staff; who answered a survey is a keyed hash always."""

    def __init__(
        self, keyed: KeyedHash, *, clear_staff: bool = False, max_bytes: int = MAX_BYTES, ahead_ms: int = AHEAD_MS
    ) -> None:
        self._staff: Callable[[str, str], str] = (lambda _, staff_id: staff_id) if clear_staff else keyed.staff
        self._respondent = keyed.respondent
        self._max_bytes, self._ahead_ms = max_bytes, ahead_ms

    def row(self, record: Record) -> Row:
        """The record's row. Raises schemas.decode.EventError where it is no reference event."""
        event, _ = admit_reference(record, max_bytes=self._max_bytes, ahead_ms=self._ahead_ms)
        fields = self._without_staff(event)
        payload = _payload(fields, self._persons(event))
        return (
            event.__dict__["type"],
            event.center_id or "",
            fields.natural_key,
            event.event_id,
            _version(fields, payload),
            to_ms(event.occurred_at),
            payload,
        )

    def _without_staff(self, event: ReferenceEvent) -> ReferenceEvent:
        """The event with pseudonyms for whom it names, and no address in texts where none belongs."""
        center_id = event.center_id or ""
        if isinstance(event, StaffGrade) and event.skills:
            event = event.model_copy(update={"skills": tuple(codes_of(event.skills))})
        if isinstance(event, PriceList):
            lists = {"labour": lines_without_address(event.labour), "parts": lines_without_address(event.parts)}
            return event.model_copy(update=lists)
        if isinstance(event, StaffShift | StaffGrade):
            return event.model_copy(update={"staff_id": self._staff(center_id, event.staff_id)})
        if isinstance(event, StaffSurvey):
            return event.model_copy(update={"respondent_key": self._respondent(center_id, event.respondent_key)})
        return event

    def _persons(self, event: ReferenceEvent) -> dict[str, str]:
        """Who it is in whatever center: by that a grade without a center is told to be somebody's."""
        return {"person_key": self._staff("", event.staff_id)} if isinstance(event, StaffShift) else {}


def _payload(event: ReferenceEvent, more: dict[str, str]) -> bytes:
    fields = event.model_dump(mode="json", by_alias=True, exclude=_IN_COLUMNS, exclude_none=True)
    return orjson.dumps({**fields, **more}, option=orjson.OPT_SORT_KEYS)


def _version(event: ReferenceEvent, payload: bytes) -> int:
    """The moment, then a digest of the content: of two events under one id at one moment the same one counts always."""
    digest = int.from_bytes(hashlib.blake2b(payload, digest_size=8).digest())
    return (to_ms(event.occurred_at) - to_ms(EARLIEST)) << _DIGEST_BITS | digest & ((1 << _DIGEST_BITS) - 1)
