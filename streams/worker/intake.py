"""Admits records: they become events or dead letters, and too many dead letters stop the worker."""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas.codes import free_text_fields
from schemas.dead_letter import DeadLetter
from schemas.decode import AHEAD_MS, MAX_BYTES, EventError, admit
from schemas.erasure import Erasure, read_erasure
from schemas.events import Event
from schemas.heartbeat import heartbeat_sent_at
from schemas.history_mark import HistoryMark, read_history_mark
from schemas.version import require_known, require_no_newer_type
from streams.worker.crash_marks import CRASHES

LONGEST_RUN = 50
SHARE = 0.05
SHARE_OF = 5_000
_NAMES = 100
_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")


class DeadLetterLimitError(RuntimeError):
    """So many records of a partition are refused that it is more likely our fault, or the sender's as a whole."""


@dataclass(slots=True)
class Admitted:
    """A partition batch by kind: events by offset, and dead letters with their records.

    `heartbeat_ms` is when the newest heartbeat among the records was sent, 0 where there was none.
    """

    events: list[tuple[int, Event]] = field(default_factory=list)
    refused: list[tuple[Any, DeadLetter]] = field(default_factory=list)
    heartbeat_ms: int = 0
    erasures: list[tuple[int, Erasure]] = field(default_factory=list)
    marks: list[tuple[int, HistoryMark]] = field(default_factory=list)


@dataclass(slots=True)
class _Refusals:
    """How many records of a partition were looked at, and the numbers of those lately refused, counted from 1."""

    records: int = 0
    in_a_row: int = 0
    lately: deque[int] = field(default_factory=deque)

    def note(self) -> None:
        """One more record, and it is refused."""
        self.records += 1
        is_next = bool(self.lately) and self.lately[-1] == self.records - 1
        self.in_a_row = self.in_a_row + 1 if is_next else 1
        self.lately.append(self.records)
        while self.lately[0] <= self.records - SHARE_OF:
            self.lately.popleft()


class Intake:
    """Admits the records of one partition after another and keeps count of what was refused.

    Raises DeadLetterLimitError where 50 records of a partition in a row are refused, or more than 5 % of its last
    5,000; `limits=False` turns that off.
    """

    def __init__(self, *, max_bytes: int = MAX_BYTES, ahead_ms: int = AHEAD_MS, limits: bool = True) -> None:
        self._max_bytes, self._ahead_ms, self._limits = max_bytes, ahead_ms, limits
        self._refusals: defaultdict[int, _Refusals] = defaultdict(_Refusals)
        self.extras: Counter[str] = Counter()
        self.free_text: Counter[str] = Counter()

    def admit(self, records: Iterable[Any], crashed: Collection[tuple[int, int]] = ()) -> Admitted:
        """Admit a partition's records; `crashed` names the (partition, offset) that our own rules fail on.

        Raises NewerSchemaError at a record of a newer version of Fixtrail.
        """
        admitted = Admitted()
        for record in records:
            if record.value is None and _take_mark(record, admitted):
                continue
            if record.headers:
                require_known(*_position(record))
            try:
                if crashed and (record.partition, record.offset) in crashed:
                    raise EventError("internal_error", f"ended the worker {CRASHES} times")
                event, extras = admit(record, max_bytes=self._max_bytes, ahead_ms=self._ahead_ms)
            except EventError as error:
                require_no_newer_type(*_position(record), error.code)
                admitted.refused.append((record, dead_letter(record, error.code, error.reason)))
                self._refuse(record.partition, str(error))
                continue
            admitted.events.append((record.offset, event))
            self._refusals[record.partition].records += 1
            if extras:
                self._count(extras)
            if no_codes := free_text_fields(event):
                self.free_text.update(no_codes)
        return admitted

    def _count(self, extras: Collection[str]) -> None:
        for name in extras:
            # Whoever sends names without end must not fill our memory or the metrics, nor put anybody's number there.
            is_countable = name in self.extras or (len(self.extras) < _NAMES and _PLAIN_NAME.fullmatch(name))
            self.extras[name if is_countable else "(other)"] += 1

    def _refuse(self, partition: int, reason: str) -> None:
        refusals = self._refusals[partition]
        refusals.note()
        if not self._limits:
            return
        in_a_row, share = refusals.in_a_row, len(refusals.lately) / SHARE_OF
        if in_a_row >= LONGEST_RUN or share > SHARE:
            raise DeadLetterLimitError(
                f"partition {partition}: {in_a_row} records in a row and {share:.1%} of the last {SHARE_OF:,} were "
                f"refused, the last one as {reason}. Look at what is sent; if it is really to be diverted, "
                "set FIXTRAIL_DEAD_LETTER_LIMITS=false"
            )


def _position(record: Any) -> tuple[str, int, int, Any]:
    """Topic, partition, offset and headers, as schemas.version asks for them."""
    return record.topic, record.partition, record.offset, record.headers


def _take_mark(record: Any, admitted: Admitted) -> bool:
    """Note what a record without a value says; False where it is none of ours."""
    if (sent_ms := heartbeat_sent_at(record)) is not None:
        admitted.heartbeat_ms = max(admitted.heartbeat_ms, sent_ms)
    elif (erasure := read_erasure(record)) is not None:
        admitted.erasures.append((record.offset, erasure))
    elif (mark := read_history_mark(record)) is not None:
        admitted.marks.append((record.offset, mark))
    else:
        return False
    return True


def dead_letter(record: Any, code: str, reason: str) -> DeadLetter:
    """The dead letter that names this record as its origin."""
    return DeadLetter(code, reason, record.topic, record.partition, record.offset, record.timestamp)
