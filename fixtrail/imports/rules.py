"""Maps rows of a log to events by the rules of a mapping, with a reason for rows without event."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from fixtrail.imports.errors import BadValueError
from fixtrail.imports.log import LogRow
from fixtrail.imports.mapping import Mapping, MappingRule
from fixtrail.imports.spreadsheet import damage_of
from schemas.decode import EventError

NO_RULE = "no rule matches"
NO_TIME = "it has no time for any of its events"


@dataclass(frozen=True, slots=True)
class MappedEvent:
    """An event as it goes to Kafka; `notes` tell what was assumed to make it (a clock change, a value left out).

    `at` is the time of the event as `value` has it.
    """

    row: LogRow
    event: Any
    key: bytes
    value: bytes
    at: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A row that no rule is for; `on_purpose`, where the mapping says why."""

    row: LogRow
    reason: str
    on_purpose: bool = False


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """An event that a rule should have made and could not. `reason` holds no value of the row, `value` the culprit."""

    row: LogRow
    type: str | None
    rule: int | None
    reason: str
    value: str = ""


Outcome = MappedEvent | Unmapped | RejectedRow


def map_row(row: LogRow, mapping: Mapping) -> list[Outcome]:
    """The events a row makes, those it should have made and could not, or the reason why it makes none."""
    problem = row.problem or _problem(row, mapping)
    if problem:
        return [RejectedRow(row, None, None, problem)]
    outcomes: list[Outcome] = []
    is_order_log, applied = mapping.log.rows == "orders", False
    for rule in mapping.rules:
        if not rule.applies(row.columns):
            continue
        applied = True
        outcome = _make(row, rule, mapping)
        if outcome is not None:
            outcomes.append(outcome)
        if not (is_order_log or rule.also):
            break
    if outcomes:
        return outcomes
    reason = next((reason for test, reason in mapping.ignored if test(row.columns)), None)
    return [Unmapped(row, reason or (NO_TIME if applied else NO_RULE), reason is not None)]


def _problem(row: LogRow, mapping: Mapping) -> str | None:
    if not row.case:
        return f"no case: column {' or '.join(mapping.case_key)} is empty"
    damage = damage_of(row.case)
    if damage:
        return f"case: {damage}"
    if row.ordinal >= 10**DIGITS:
        return f"the case has more than {10**DIGITS - 1} rows"
    if row.ordinal > 1 and mapping.log.rows == "orders" and not mapping.derived & {"@first", "@last", "@ordinal"}:
        # Its repair would look like a second one. A mapping that tells rows of an order apart knows what it does.
        return "a second row of the same order"
    return None


def _make(row: LogRow, rule: MappingRule, mapping: Mapping) -> MappedEvent | RejectedRow | None:
    """None where a row of a whole order has no time for this event: it has not happened."""
    notes: list[str] = []
    fields: dict[str, object] = {}
    try:
        at = _time(row, rule, notes)
        if at is None:
            if rule.optional or mapping.log.rows == "orders":
                return None
            return RejectedRow(row, rule.type, rule.number, "time: nothing in the row for it")
        for name, read in rule.fields:
            value = read(row.columns, notes)
            if value is not None:
                fields[name] = value
            elif name in rule.required:
                return RejectedRow(row, rule.type, rule.number, f"{name}: nothing in the row for it")
    except BadValueError as error:
        return RejectedRow(row, rule.type, rule.number, error.reason, error.value)
    number = rule.number if mapping.many else None
    identity = event_id(mapping.namespace, row.case, row.ordinal, number)
    try:
        value_bytes = orjson.dumps({"event_id": identity, "type": rule.type, "occurred_at": at, **fields})
        event, unreadable = mapping.topic.decoder.decode(value_bytes)
    except EventError as error:
        return RejectedRow(row, rule.type, rule.number, f"{error.code}: {error.reason}")
    except orjson.JSONEncodeError:
        return RejectedRow(row, rule.type, rule.number, "text that cannot be written as UTF-8")
    if unreadable:
        # The contract lets go an optional field that cannot be read; the event is sent without it.
        notes += [f"left out: {name}: the contract does not allow this value" for name in sorted(unreadable)]
        readable = {name: value for name, value in fields.items() if name not in unreadable}
        value_bytes = orjson.dumps({"event_id": identity, "type": rule.type, "occurred_at": at, **readable})
    return MappedEvent(row, event, mapping.topic.key_of(event).encode(), value_bytes, at, tuple(notes))


def _time(row: LogRow, rule: MappingRule, notes: list[str]) -> str | None:
    try:
        at: str | None = rule.time(row.columns, notes)
        return at
    except BadValueError as error:
        raise BadValueError(f"time: {error.reason}", error.value) from None


LONGEST = 128
# The digits that an ordinal is padded to: ids of one case then sort as its rows do.
DIGITS = 6


def event_id(namespace: str, case: str, ordinal: int, rule: int | None) -> str:
    """`namespace:case:ordinal`, with `:rule` where one row can make several events; at most 128 characters.

    Events of one time sort by id (CONTRACT section 2), so the zero-padded ordinal keeps the log's order. A case too
    long for an id gives its beginning and a hash of the whole.
    """
    tail = f":{ordinal:0{DIGITS}}" if rule is None else f":{ordinal:0{DIGITS}}:{rule:02}"
    room = LONGEST - len(namespace) - 1 - len(tail)
    if len(case) > room:
        digest = sha256(case.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        case = f"{case[: room - 25]}~{digest}"
    return f"{namespace}:{case}{tail}"
