"""One order's state: the set of its events and its running visit, as the bytes that the orders table holds.

The bytes are JSON lines: a header, then one line an entry, in order of arrival. An open order's header carries its
visit, so that an event newer than all before only advances it; a closed order's is folded again when needed. Those of a
closed order are packed (streams.journey.packed_state).
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
import orjson

from schemas.order_key import OrderKey
from schemas.personal import customer_key_of, is_pseudonym, key_id_of, pseudonym, sealed_id_of
from streams.journey import entries as e
from streams.journey.center_hours import hours_in
from streams.journey.content_digest import LENGTH, UNKNOWN, is_other_content
from streams.journey.entries import Entry, decode_entry, sort_key
from streams.journey.order_header import Hour, decode_header
from streams.journey.packed_state import packed_state, plain_state
from streams.journey.visit import Visit, fold
from streams.journey.visit_state import Milestone

# Of an order's events, so that its state and its fact fit into a Kafka message: some twenty thousand of them.
FULL_BYTES = 2 * 1024 * 1024

Outcome = Literal["new", "late", "duplicate", "conflict"]
# Which rules made the visit in a header: one of other rules is folded again from the entries.
RULES = 7
# Of a customer whose check-in is not in the topic any more, so that nothing says by which key analysts know them.
ERASED_CUSTOMER = "erased"


_decode_visit = msgspec.json.Decoder(Visit | None).decode


class Order:
    """An order's state. `offset` is that of the newest record applied.

    `hours` are the center hours that it counts in, and all that it has left, if only from one event to the next: rows
    of these may have been sent by a process that died before it could keep that.
    """

    __slots__ = ("_digests", "_is_packed", "_lines", "_visit", "hours", "key", "offset")

    def __init__(self, key: OrderKey, state: bytes | None = None) -> None:
        self.key = key
        self.offset = -1
        self.hours: list[Hour] = []
        self._lines = b""
        self._digests = ""
        self._visit: Visit | None = Visit()
        self._is_packed = False
        if state is not None:
            plain = plain_state(state)
            self._is_packed = plain is not state
            header, newline, lines = plain.partition(b"\n")
            self._lines = newline + lines
            values = decode_header(header)
            self.offset, self.hours = values.offset, values.hours
            self._digests = values.digests.ljust(LENGTH * self._lines.count(b"\n"))
            self._visit = _decode_visit(values.visit) if values.rules == RULES else None

    @property
    def visit(self) -> Visit:
        """The visit after all events; must not be changed."""
        if self._visit is None:
            self._visit = fold(self.entries())
        return self._visit

    def entries(self) -> list[Entry]:
        """All entries, in order of arrival."""
        return [decode_entry(line) for line in self._lines.split(b"\n") if line]

    @property
    def is_full(self) -> bool:
        """Whether it takes no more events: so many come from a fault upstream, not from a visit."""
        return len(self._lines) > FULL_BYTES

    def has(self, event_id: str) -> bool:
        """Whether an event with this id belongs to the order."""
        return _opening(event_id) in self._lines

    def entry(self, event_id: str) -> Entry:
        """The entry of an event of this order. Raises ValueError where it has none."""
        return decode_entry(self._line(event_id))

    def _line(self, event_id: str) -> bytes:
        start = self._lines.index(_opening(event_id)) + 1
        end = self._lines.find(b"\n", start)
        return self._lines[start:] if end < 0 else self._lines[start:end]

    def _has_content(self, entry: Entry, line: bytes, digest: str) -> bool:
        """Whether the order's event with the entry's id has the same content."""
        start = self._lines.index(_opening(entry.event_id))
        position = LENGTH * self._lines.count(b"\n", 0, start)
        if is_other_content(self._digests[position : position + LENGTH], digest):
            return False
        return _has_same_content(self._line(entry.event_id), line)

    def apply(self, entry: Entry, offset: int, digest: str = UNKNOWN) -> tuple[Outcome, list[Milestone]]:
        """Add an event; what it was, and the milestones that it made known (after a late one, perhaps again).

        The first event accepted under an id counts: one more is a duplicate, or a conflict where its content differs.
        """
        line = msgspec.json.encode(entry)
        if self.has(entry.event_id):
            return ("duplicate" if self._has_content(entry, line, digest) else "conflict"), []
        visit = self._visit
        self._lines += b"\n" + line
        self._digests += digest
        self.offset = max(offset, self.offset)
        if visit is not None and visit.can_advance(entry):
            # Nothing else that comes in order moves it to another hour.
            before = hours_in(self.key.center_id, visit) if entry.code == e.CANCELLATION else []
            milestones = visit.advance(entry)
            self._leave(before, visit)
            return "new", milestones
        before = [] if visit is None else hours_in(self.key.center_id, visit)
        self._visit = fold(self.entries())
        self._leave(before, self._visit)
        since = sort_key(entry)
        # Of a closed order there is no visit to advance; the newest event, such as a survey, is not late for that.
        outcome: Outcome = "new" if self._visit.last == since else "late"
        if entry.code == e.CHECK_IN:
            # What had seemed to close the visit before its check-in did not, so older events may prove more, too.
            return outcome, self._visit.timeline
        # What older events prove was known before.
        return outcome, [step for step in self._visit.timeline if (step.at, step.event_id) >= since]

    def _leave(self, before: list[Hour], visit: Visit) -> None:
        """Record the hours that count the order no longer."""
        if before:
            now = hours_in(self.key.center_id, visit)
            self.hours += [hour for hour in before if hour not in now and hour not in self.hours]

    def erase(self, customers: Mapping[str, str]) -> None:
        """Forget who the order is about: no addresses, and of each check-in's customer (by event id) a pseudonym."""
        lines = [line for line in self._lines.split(b"\n") if line]
        self._lines = b"".join(b"\n" + erased_line(line, customers) for line in lines)
        # A text can be guessed from its digest.
        self._digests = UNKNOWN * len(lines)
        self._visit = None

    def state(self) -> bytes:
        """The bytes to keep; `Order(key, state)` reads them."""
        visit = self._visit
        is_closed = self._is_packed if visit is None else visit.closed_at is not None
        header = self.offset, self.hours, None if is_closed else visit, RULES, self._digests
        state = msgspec.json.encode(header) + self._lines
        return packed_state(state) if is_closed else state


def _has_same_content(line: bytes, second_line: bytes) -> bool:
    """Whether two entries' lines have the same content; a line of an older version may lack the last fields.

    So may the arrays within it, such as a quote's parts.
    """
    if _is_continued(line, second_line):
        return True
    first_entry, second_entry = decode_entry(line), decode_entry(second_line)
    if first_entry == second_entry:
        return True
    if (
        not isinstance(first_entry, e.CheckInEntry)
        or not isinstance(second_entry, e.CheckInEntry)
        or _form(first_entry) == _form(second_entry)
    ):
        return False
    # Who it is about stands in them in clear, sealed, or not any more: that cannot be compared.
    return _is_continued(_impersonal(first_entry), _impersonal(second_entry))


def _form(entry: e.CheckInEntry) -> str:
    """How an entry names people: in clear, sealed with which key, or not any more."""
    if not is_pseudonym(entry.customer):
        return "clear"
    sealed_id = sealed_id_of(entry.customer)
    return "erased" if sealed_id is None else key_id_of(sealed_id)


def _is_continued(line: bytes, second_line: bytes) -> bool:
    fields = line[:-1]
    return second_line.startswith(fields) and second_line[len(fields) : len(fields) + 1] in (b"]", b",")


def erased_line(line: bytes, customers: Mapping[str, str]) -> bytes:
    """An entry's line without address, its customer as pseudonym; any other line as it is."""
    entry = decode_entry(line)
    if not isinstance(entry, e.CheckInEntry):
        return line
    customer_key = customer_key_of(entry.customer)
    entry.customer = pseudonym(customer_key) if customer_key else customers.get(entry.event_id, ERASED_CUSTOMER)
    entry.contact, entry.vehicle_label, entry.advisor = [], None, None
    return msgspec.json.encode(entry)


def is_erased(line: bytes) -> bool:
    """Whether it is the line of a check-in whose customer was erased."""
    entry = decode_entry(line) if line else None
    if not isinstance(entry, e.CheckInEntry) or entry.contact:
        return False
    return entry.customer == ERASED_CUSTOMER or (is_pseudonym(entry.customer) and sealed_id_of(entry.customer) is None)


def _impersonal(entry: e.CheckInEntry) -> bytes:
    replaced = msgspec.structs.replace(entry, customer="", contact=[], vehicle_label=None, advisor=None)
    return msgspec.json.encode(replaced)


def _opening(event_id: str) -> bytes:
    # JSON escapes newlines, so a line that begins like this is the entry of that id and nothing else.
    return b"\n[" + orjson.dumps(event_id) + b","
