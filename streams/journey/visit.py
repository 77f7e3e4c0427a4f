"""The fold of one order's events: what the car is waiting for, and where its time went (CONTRACT section 2).

`Visit` is a running state that is fed entries in their sort order. `fold` makes it from all entries at once; an entry
newer than all before it may be fed to a running visit instead and gives the same (`takes` says when).
"""

from collections.abc import Iterable
from typing import Any

from streams.journey import entries as e
from streams.journey.entries import Entry, sort_key

REPAIR, DIAGNOSIS, QUALITY, PARTS = "repair", "diagnosis", "quality", "parts"
APPROVAL, PICKUP, RECEPTION, BAY = "approval", "pickup", "reception", "bay"
ACTIVITIES = (REPAIR, DIAGNOSIS, QUALITY, PARTS, APPROVAL, PICKUP, RECEPTION, BAY)

Run = list[Any]  # [activity, start_ms, end_ms], and for pickup the promise told before it
Part = list[Any]  # [part_no, quantity, urgent, requested, backordered, fulfilled, cancelled, expected, unit_price]
Milestone = list[Any]  # [name, event_id, at_ms]

_JOB_ENDS = frozenset({"paused", "completed"})


class Visit:
    """One order's visit after some of its events, in order. Times in ms, None = not (yet) known."""

    # Only what has been set is in the instance's dict, and so in its snapshot; these are the values of the rest.
    last: list[Any] | None = None  # [at_ms, event_id] of the newest entry
    count = 0
    linking = 0
    first_at: int | None = None
    first_center: str | None = None
    center_changed = False
    awaits_check_in = False
    negative_gap = False
    late_activity = False
    # from the first check-in
    started_at: int | None = None
    center: str | None = None
    customer: str | None = None
    lane: str | None = None
    odometer: float | None = None
    locale: str | None = None
    # from the closing event
    closed_at: int | None = None
    closed_by: str | None = None
    final_amount: str | None = None
    # what is going on
    diagnosing = False
    any_diagnosis = False
    quality_running = False
    failed_check = False
    failed_ever = False
    running = 0
    paused = 0
    any_repair = False
    any_completed = False
    rework = False
    open_parts = 0
    quote_pending = False
    refused = False
    quote: list[Any] | None = None  # [total, labour_hours, labour_rate, currency, [[part_no, quantity, unit_price]]]
    approved_amount: str | None = None
    promised_at: int | None = None
    fault_origin: str | None = None
    # where the time went: the current activity, since when, and the promise told before that
    activity: str | None = None
    since = 0
    promise_then: int | None = None

    def __init__(self) -> None:
        self.jobs: dict[str, list[Any]] = {}  # job_id -> [last phase, was it ever completed]
        self.parts: dict[str, list[Any]] = {}
        self.fault_groups: list[str] = []
        self.contact: list[str] = []
        self.promises: list[list[int]] = []  # [told at, promised time]
        self.timeline: list[list[Any]] = []  # [milestone, event_id, at]
        self.runs: list[Run] = []
        # these count after the close, too
        self.surveys: list[list[Any]] = []
        self.complaints: list[list[Any]] = []

    def snapshot(self) -> dict[str, Any]:
        """The visit as a JSON-normal dict; `restore` reads it."""
        return self.__dict__

    @classmethod
    def restore(cls, values: dict[str, Any]) -> "Visit":
        """The visit that `snapshot` gave `values` of; takes over the dict."""
        visit = cls.__new__(cls)
        visit.__dict__ = values
        return visit

    def takes(self, entry: Entry) -> bool:
        """Whether `advance` with this entry gives what a fold of all entries gives.

        It does for an entry newer than all before it, but for a check-in that turns up behind a closing event:
        then that event did not close the visit after all.
        """
        if self.last is not None and [entry[e.AT], entry[e.EVENT_ID]] <= self.last:
            return False
        return not (entry[e.CODE] == e.CHECK_IN and self.started_at is None and self.closed_at is not None)

    def advance(self, entry: Entry) -> list[Milestone]:
        """Take the next entry in sort order; the milestones that it proves."""
        at, code = entry[e.AT], entry[e.CODE]
        self._count(entry)
        if code == e.SURVEY:
            self.surveys.append([entry[e.EVENT_ID], at, *entry[e.FIELDS :]])
            return []
        if code == e.COMPLAINT:
            self.complaints.append([entry[e.EVENT_ID], at, *entry[e.FIELDS :]])
            return []
        if self.closed_at is not None:
            self.late_activity = True
            return []
        names: list[str] = _APPLY[code](self, entry)
        if code not in e.TERMINAL:
            self._move(at, names)
        proven: list[Milestone] = [[name, entry[e.EVENT_ID], at] for name in names]
        self.timeline += proven
        return proven

    def _count(self, entry: Entry) -> None:
        self.count += 1
        self.linking += entry[e.CODE] in e.LINKING
        self.last = [entry[e.AT], entry[e.EVENT_ID]]
        if self.first_at is None:
            self.first_at, self.first_center = entry[e.AT], entry[e.CENTER]
        elif entry[e.CENTER] != self.first_center:
            self.center_changed = True

    def _move(self, at: int, names: list[str]) -> None:
        """Note the activity from `at` on, where it is another one than before."""
        if self.started_at is None:
            return
        activity = self._current()
        if activity == self.activity:
            return
        self._end_run(at)
        if self.runs and self.runs[-1][0] == activity and self.runs[-1][2] == at:
            # What lay between lasted no time: the stretch before it never ended.
            _, self.since, _, *told = self.runs.pop()
            self.activity, self.promise_then = activity, told[0] if told else None
            return
        self.activity, self.since, self.promise_then = activity, at, self.promised_at
        if activity == PICKUP:
            names.append("ready")

    def _end_run(self, at: int, *, even_if_empty: bool = False) -> None:
        if self.activity is None or (at == self.since and not even_if_empty):
            return
        run = [self.activity, self.since, at]
        self.runs.append([*run, self.promise_then] if self.activity == PICKUP else run)

    def _current(self) -> str:
        """The activity at this instant: the first of CONTRACT section 2's eight that holds."""
        if self.running:
            return REPAIR
        if self.diagnosing:
            return DIAGNOSIS
        if self.quality_running:
            return QUALITY
        if self.open_parts:
            return PARTS
        if self.quote_pending:
            return APPROVAL
        if (self.any_completed or self.refused) and not self.paused and not self.failed_check:
            return PICKUP
        if not self.any_diagnosis and not self.any_repair:
            return RECEPTION
        return BAY

    def _close(self, entry: Entry) -> list[str]:
        at, code = entry[e.AT], entry[e.CODE]
        if self.awaits_check_in and self.started_at is None:
            return []  # stamped before the check-in: it cannot have ended the visit
        # Ready at the very moment of the handoff is ready, too.
        self._end_run(at, even_if_empty=self.activity == PICKUP)
        self.closed_at, self.closed_by, self.activity = at, code, None
        if code == e.HANDOFF:
            self.final_amount = entry[e.FIELDS]
        return ["handed_off" if code == e.HANDOFF else "cancelled"]

    def _check_in(self, entry: Entry) -> list[str]:
        customer, lane, odometer, promised, locale, contact = entry[e.FIELDS :]
        first = self.started_at is None
        if first:
            self.started_at, self.center, self.awaits_check_in = entry[e.AT], entry[e.CENTER], False
            self.customer, self.lane, self.odometer, self.locale = customer, lane, odometer, locale
            self.negative_gap = self.first_at is not None and self.first_at < entry[e.AT]
        changed = promised is not None and promised != self.promised_at
        if changed:
            self.promises.append([entry[e.AT], promised])
            self.promised_at = promised
        if contact:
            self.contact = contact
        return ["checked_in"] if first else ["promise_changed"] if changed else []

    def _diagnosis_started(self, entry: Entry) -> list[str]:
        first, self.any_diagnosis, self.diagnosing = not self.any_diagnosis, True, True
        return ["diagnosis_started"] if first else []

    def _diagnosis_completed(self, entry: Entry) -> list[str]:
        groups, origin, quote = entry[e.FIELDS :]
        self.any_diagnosis, self.diagnosing = True, False
        if not set(groups) <= set(self.fault_groups):
            self.fault_groups = sorted({*self.fault_groups, *groups})
        if origin is not None:
            self.fault_origin = origin
        if quote is None:
            return []
        self.quote, self.quote_pending = quote, True
        return ["quote_ready"]

    def _quote_decision(self, entry: Entry) -> list[str]:
        approved, amount = entry[e.FIELDS :]
        self.quote_pending, self.refused = False, not approved
        self.approved_amount = (amount if amount is not None else self.quoted_amount()) if approved else None
        return []

    def quoted_amount(self) -> str | None:
        """The total of the last quote."""
        return self.quote[0] if self.quote else None

    def _part_request(self, entry: Entry) -> list[str]:
        phase, request_id, part_no, quantity, urgent, expected, price = entry[e.FIELDS :]
        part = self.parts.get(request_id)
        if part is None:
            part = self.parts[request_id] = [part_no, quantity, urgent, None, None, None, None, None, None]
        was_known, was_open = part[3] is not None or part[4] is not None, part_is_open(part)
        was_settled = part[5] is not None or part[6] is not None
        part[0], part[1] = part_no, quantity
        part[2] = part[2] or urgent
        slot = _PART_PHASES.index(phase) + 3
        told_before, is_first = part[7], part[slot] is None
        if is_first:
            part[slot] = entry[e.AT]
        if expected is not None:
            part[7] = expected
        if price is not None:
            part[8] = price
        self.open_parts += part_is_open(part) - was_open
        if was_settled or phase == "cancelled":
            return []
        if phase == "fulfilled":
            return ["part_arrived"]
        if part[7] == told_before and was_known and not (phase == "backordered" and is_first):
            return []  # nothing new
        is_later = told_before is not None and part[7] > told_before
        return ["part_delayed" if part[4] is not None or is_later else "part_ordered"]

    def _repair(self, entry: Entry) -> list[str]:
        phase, job_id = entry[e.FIELDS :]
        before, was_completed = self.jobs.get(job_id, (None, False))
        first, self.any_repair = not self.any_repair, True
        if phase == "started":
            self.rework = self.rework or was_completed
            self.failed_check = False
        completed = phase == "completed"
        self.jobs[job_id] = [phase, was_completed or completed]
        self.running += (phase not in _JOB_ENDS) - (before is not None and before not in _JOB_ENDS)
        self.paused += (phase == "paused") - (before == "paused")
        self.any_completed = self.any_completed or completed
        return ["repair_started"] if first else []

    def _check_started(self, entry: Entry) -> list[str]:
        self.quality_running = True
        return []

    def _check_completed(self, entry: Entry) -> list[str]:
        self.quality_running = False
        if entry[e.FIELDS]:
            return []
        self.failed_check = self.failed_ever = True
        return ["extra_check"]


_PART_PHASES = ("requested", "backordered", "fulfilled", "cancelled")
_APPLY: dict[str, Any] = {
    e.HANDOFF: Visit._close,
    e.CANCELLATION: Visit._close,
    e.CHECK_IN: Visit._check_in,
    e.DIAGNOSIS_STARTED: Visit._diagnosis_started,
    e.DIAGNOSIS_COMPLETED: Visit._diagnosis_completed,
    e.QUOTE_DECISION: Visit._quote_decision,
    e.PART_REQUEST: Visit._part_request,
    e.REPAIR: Visit._repair,
    e.CHECK_STARTED: Visit._check_started,
    e.CHECK_COMPLETED: Visit._check_completed,
}


def part_is_open(part: Part) -> bool:
    """Whether a part is waited for: requested or backordered, neither fulfilled nor cancelled."""
    _, _, _, requested, backordered, fulfilled, cancelled, *_ = part
    return (requested is not None or backordered is not None) and fulfilled is None and cancelled is None


def fold(entries: Iterable[Entry]) -> Visit:
    """The visit after all these distinct entries, in whatever order they come."""
    ordered = sorted(entries, key=sort_key)
    visit = Visit()
    visit.awaits_check_in = any(entry[e.CODE] == e.CHECK_IN for entry in ordered)
    for entry in ordered:
        visit.advance(entry)
    return visit
