"""The fold of one order's events: what the car is waiting for, and where its time went (CONTRACT section 2).

`Visit` is a running state that is fed entries in their sort order. `fold` makes it from all entries at once; an entry
newer than all before it may be fed to a running visit instead and gives the same (`can_advance` says when).
"""

from collections.abc import Callable, Iterable
from typing import Any

from schemas.times import DAY_MS
from streams.journey import entries as e
from streams.journey.entries import (
    CancellationEntry,
    CheckEntry,
    CheckInEntry,
    DecisionEntry,
    DiagnosisEntry,
    Entry,
    HandoffEntry,
    PartEntry,
    RepairEntry,
    sort_key,
)
from streams.journey.visit_state import (
    Decision,
    Job,
    Milestone,
    Part,
    Promise,
    Run,
    VisitFields,
    hear,
)

REPAIR, DIAGNOSIS, QUALITY, PARTS = "repair", "diagnosis", "quality", "parts"
APPROVAL, PICKUP, FINISHING, RECEPTION, BAY = "approval", "pickup", "finishing", "reception", "bay"
ACTIVITIES = (REPAIR, DIAGNOSIS, QUALITY, PARTS, APPROVAL, PICKUP, FINISHING, RECEPTION, BAY)
# The work is done: proven to be ready, or not yet.
DONE = frozenset({PICKUP, FINISHING})

_JOB_ENDS = frozenset({"paused", "completed"})
_REOPENED_WITHIN_MS = 30 * DAY_MS


class Visit(VisitFields):
    """One order's visit after some of its events, in order."""

    def can_advance(self, entry: Entry) -> bool:
        """Whether `advance` with this entry gives what a fold of all entries gives.

        It does for an entry newer than all before it, but for a check-in that turns up behind a closing event:
        then that event did not close the visit after all.
        """
        if self.last is not None and sort_key(entry) <= self.last:
            return False
        return not (entry.code == e.CHECK_IN and self.started_at is None and self.closed_at is not None)

    def advance(self, entry: Entry) -> list[Milestone]:
        """Apply the next entry in sort order; the milestones that it proves."""
        self._count_pauses(entry.at)
        self._count(entry)
        if entry.code in e.AFTERWARDS:
            hear(entry, self.surveys, self.complaints, self.follow_ups)
            return []
        if isinstance(entry, CancellationEntry) and entry.corrects_vehicle:
            self._correct_vehicle(entry)
            return []
        if self.closed_at is not None:
            self._reopen(entry, self.closed_at)
            return []
        names = _APPLY[entry.code](self, entry)
        if entry.code not in e.TERMINAL:
            self._move(entry.at, names)
        proven = [Milestone(name, entry.event_id, entry.at) for name in names]
        self.timeline += proven
        return proven

    def _count(self, entry: Entry) -> None:
        self.count += 1
        self.aside += entry.code in e.ASIDE
        self.linking += entry.code in e.LINKING
        self.last = sort_key(entry)
        if self.first_at is None and entry.code != e.APPOINTMENT:
            self.first_at = entry.at

    def _count_pauses(self, until: int) -> None:
        """Add what has passed since the last entry to the waits under paused jobs."""
        if self.activity != BAY or self.last is None or not self.paused:
            return
        passed, reasons = until - max(self.last[0], self.since), self.pause_reasons()
        self.bay_expert += passed if "expert" in reasons else 0
        self.bay_shift_end += passed if "shift_end" in reasons else 0

    @property
    def is_none(self) -> bool:
        """Whether no visit is known: all there is are bookings and a customer's words, and nobody brought a car."""
        return self.aside == self.count

    def pause_reasons(self) -> list[str]:
        """Why jobs are paused, as far as somebody has said so."""
        return sorted({job.pause_reason for job in self.jobs.values() if job.pause_reason is not None})

    def _reopen(self, entry: Entry, closed_at: int) -> None:
        """Note what came after the close."""
        self.late_activity = True
        if isinstance(entry, RepairEntry) and entry.phase == "started" and self.closed_by == e.HANDOFF:
            self.reopened = self.reopened or entry.at - closed_at <= _REOPENED_WITHIN_MS

    def _correct_vehicle(self, entry: Entry) -> None:
        """End what never was: the order goes on under its right vehicle, and its customer is not told of this."""
        self.vehicle_corrected = True
        if self.closed_at is None:
            self._close(entry)

    def _move(self, at: int, names: list[str]) -> None:
        """Note the activity from `at` on, where it is another one than before."""
        if self.started_at is None:
            return
        activity = self._current()
        if activity == self.activity:
            return
        self._end_run(at)
        if self.runs and self.runs[-1].activity == activity and self.runs[-1].ended_at == at:
            # What lay between lasted no time: the stretch before it never ended.
            run = self.runs.pop()
            self.activity, self.since, self.promise_then = activity, run.started_at, run.promised_at
            return
        self.activity, self.since, self.promise_then = activity, at, self.promised_at
        # Of a car whose quote was declined nobody knows whether it may be fetched before the workshop says so.
        if activity == PICKUP and (self.any_completed or self.checked):
            names.append("ready")

    def _end_run(self, at: int, *, even_if_empty: bool = False) -> None:
        if self.activity is None or (at == self.since and not even_if_empty):
            return
        promised_at = self.promise_then if self.activity in DONE else None
        self.runs.append(Run(self.activity, self.since, at, promised_at))

    def _current(self) -> str:
        """The activity at this instant: the first of CONTRACT section 2 that holds."""
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
            return PICKUP if self.proven else FINISHING
        if not self.any_diagnosis and not self.any_repair:
            return RECEPTION
        return BAY

    def _close(self, entry: Entry) -> list[str]:
        at, code = entry.at, entry.code
        if self.awaits_check_in and self.started_at is None:
            return []  # stamped before the check-in: it cannot have ended the visit
        # Ready at the very moment of the handoff is ready, too.
        self._end_run(at, even_if_empty=self.activity in DONE)
        self.closed_at, self.closed_by = at, code
        self.ended_in, self.activity = self.activity, None
        if isinstance(entry, HandoffEntry):
            self.final_amount = entry.amount
        return ["handed_off" if code == e.HANDOFF else "cancelled"]

    def _check_in(self, entry: CheckInEntry) -> list[str]:
        first = self.started_at is None
        if first:
            self.started_at, self.awaits_check_in = entry.at, False
            self.passed_check = False
            self.customer, self.lane = entry.customer, entry.lane
            self.odometer, self.locale = entry.odometer, entry.locale
            self.negative_gap = self.first_at is not None and self.first_at < entry.at
        promised, is_new_promise = entry.promised_at, False
        if promised is not None and promised != self.promised_at:
            is_new_promise = True
            self.promises.append(Promise(entry.at, promised))
            self.promised_at = promised
        self.contact = entry.contact or self.contact
        if entry.vehicle_label:
            self.vehicle_label = entry.vehicle_label
        if entry.advisor:
            self.advisor = entry.advisor
        return ["checked_in"] if first else ["promise_changed"] if is_new_promise else []

    def _diagnosis_started(self, entry: Entry) -> list[str]:
        first, self.any_diagnosis, self.diagnosing = not self.any_diagnosis, True, True
        self.proven = False
        return ["diagnosis_started"] if first else []

    def _diagnosis_completed(self, entry: DiagnosisEntry) -> list[str]:
        self.any_diagnosis, self.diagnosing, self.proven = True, False, False
        if not set(entry.fault_groups) <= set(self.fault_groups):
            self.fault_groups = sorted({*self.fault_groups, *entry.fault_groups})
        if entry.fault_origin is not None:
            self.fault_origin = entry.fault_origin
        if entry.quote is None:
            return []
        self.quote, self.quote_pending = entry.quote, True
        return ["quote_ready"]

    def _quote_decision(self, entry: DecisionEntry) -> list[str]:
        self.quote_pending, self.refused = False, not entry.approved
        self.proven = self.proven or self.refused
        amount = self.quoted_amount() if entry.amount is None else entry.amount
        self.approved_amount = amount if entry.approved else None
        self.decisions.append(Decision(entry.at, entry.approved, self.approved_amount, entry.lines))
        return []

    def quoted_amount(self) -> str | None:
        """The total of the last quote."""
        return self.quote.total if self.quote else None

    def _part_request(self, entry: PartEntry) -> list[str]:
        part = self.parts.get(entry.request_id)
        if part is None:
            part = self.parts[entry.request_id] = Part(entry.part_no, entry.quantity, entry.urgent)
        was_requested, was_open, was_settled = part.is_requested, part.is_open, part.is_settled
        expected_before = part.expected
        part.part_no, part.quantity, part.urgent = entry.part_no, entry.quantity, part.urgent or entry.urgent
        is_first = part.reach(entry.phase, entry.at)
        if entry.expected_at is not None:
            part.expected = entry.expected_at
        if entry.unit_price is not None:
            part.unit_price = entry.unit_price
        self.open_parts += part.is_open - was_open
        if was_settled or entry.phase == "cancelled":
            return []
        if entry.phase == "fulfilled":
            return ["part_arrived"]
        if part.expected == expected_before and was_requested and not (entry.phase == "backordered" and is_first):
            return []  # nothing new
        is_later = expected_before is not None and (part.expected or 0) > expected_before
        return ["part_delayed" if part.backordered is not None or is_later else "part_ordered"]

    def _repair(self, entry: RepairEntry) -> list[str]:
        phase, job = entry.phase, self.jobs.get(entry.job_id)
        before, was_completed = (None, False) if job is None else (job.phase, job.was_completed)
        first, self.any_repair, self.proven = not self.any_repair, True, False
        self.passed_check = False if self.started_at is not None else None
        if phase == "started":
            self.rework = self.rework or was_completed
            self.failed_check = False
        completed = phase == "completed"
        self.jobs[entry.job_id] = Job(phase, was_completed or completed, entry.pause_reason)
        self.running += (phase not in _JOB_ENDS) - (before is not None and before not in _JOB_ENDS)
        self.paused += (phase == "paused") - (before == "paused")
        self.any_completed = self.any_completed or completed
        return ["repair_started"] if first else []

    def _check_started(self, entry: Entry) -> list[str]:
        self.quality_running = self.checked = True
        return []

    def _check_completed(self, entry: CheckEntry) -> list[str]:
        self.quality_running, self.checked = False, True
        self.passed_check = entry.passed if self.started_at is not None else None
        if entry.passed:
            self.proven = True
            return []
        self.failed_check = self.failed_ever = True
        return ["extra_check"]

    def _declare_ready(self, entry: Entry) -> list[str]:
        is_told, self.proven, self.checked = self.activity != PICKUP or self.checked, True, True
        return [] if is_told or self.any_completed else ["ready"]

    def _only_count(self, entry: Entry) -> list[str]:
        """For what neither takes time nor changes what is going on."""
        return []


_APPLY: dict[str, Callable[[Visit, Any], list[str]]] = {
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
    e.READY: Visit._declare_ready,
    e.EXPERT: Visit._only_count,
    e.APPOINTMENT: Visit._only_count,
}


def fold(entries: Iterable[Entry]) -> Visit:
    """The visit after all these distinct entries, in whatever order they come."""
    ordered = sorted(entries, key=sort_key)
    visit = Visit()
    visit.awaits_check_in = any(entry.code == e.CHECK_IN for entry in ordered)
    for entry in ordered:
        visit.advance(entry)
    return visit
