"""What a visit remembers, by name: stretches, milestones, jobs, parts, promises, surveys, complaints and follow-ups.

Each is a JSON array in the state's bytes, so fields are only ever added behind the others.
"""

import msgspec

from streams.journey.entries import ComplaintEntry, Entry, FollowUpEntry, QuoteState, SurveyEntry


class Run(msgspec.Struct, array_like=True, gc=False):
    """A stretch of one activity, in ms; `ended_at` is None while it goes on.

    `promised_at` is the promise given before a stretch of pickup or finishing, None for any other.
    """

    activity: str
    started_at: int
    ended_at: int | None
    promised_at: int | None = None


class Milestone(msgspec.Struct, array_like=True, gc=False):
    name: str
    event_id: str
    at: int


class Job(msgspec.Struct, array_like=True, gc=False):
    """A job's last phase, whether it was ever completed, and why it is paused, if it is."""

    phase: str
    was_completed: bool
    pause_reason: str | None = None


class Part(msgspec.Struct, array_like=True, gc=False):
    """A part request: when each phase was first reached (ms), the rest as last said."""

    part_no: str
    quantity: str
    urgent: bool
    requested: int | None = None
    backordered: int | None = None
    fulfilled: int | None = None
    cancelled: int | None = None
    expected: int | None = None
    unit_price: str | None = None

    @property
    def is_requested(self) -> bool:
        return self.requested is not None or self.backordered is not None

    @property
    def is_settled(self) -> bool:
        return self.fulfilled is not None or self.cancelled is not None

    @property
    def is_open(self) -> bool:
        """Whether it is waited for: requested or backordered, neither fulfilled nor cancelled."""
        return self.is_requested and not self.is_settled

    def reach(self, phase: str, at: int) -> bool:
        """Note a phase; whether it is the first time."""
        is_first = getattr(self, phase) is None
        if is_first:
            setattr(self, phase, at)
        return is_first


class Promise(msgspec.Struct, array_like=True, gc=False):
    """When it was told, and for when (ms)."""

    told_at: int
    promised_at: int


class Decision(msgspec.Struct, array_like=True, gc=False):
    """What the customer said to a quote, when (ms): the amount that counts, and the lines where some were chosen."""

    at: int
    approved: bool
    amount: str | None
    lines: list[str] | None = None


class Survey(msgspec.Struct, array_like=True, gc=False):
    event_id: str
    at: int
    score: int
    reasons: list[str]


class Complaint(msgspec.Struct, array_like=True, gc=False):
    """A complaint: the event by which it was first heard of and when, its phases so far, the rest as last said."""

    event_id: str
    at: int
    category: str
    severity: str | None
    complaint_id: str
    phases: list[tuple[str, int]]


class FollowUp(msgspec.Struct, array_like=True, gc=False):
    """One attempt to reach a customer: when (ms), of which survey or complaint, and what came of it."""

    event_id: str
    at: int
    of: str
    phase: str


class VisitFields(msgspec.Struct, array_like=True):
    """What is known of one order's visit after some of its events. Times in ms, None = not (yet) known.

    In an order's state it is the array of its fields: one more, or another order of them, is other rules (order.RULES).
    """

    last: tuple[int, str] | None = None  # (at_ms, event_id) of the newest entry
    count: int = 0
    aside: int = 0  # of them surveys, complaints, follow-ups and appointments
    linking: int = 0
    first_at: int | None = None
    awaits_check_in: bool = False
    negative_gap: bool = False
    late_activity: bool = False
    reopened: bool = False
    vehicle_corrected: bool = False
    # from the first check-in
    started_at: int | None = None
    customer: str | None = None
    lane: str | None = None
    odometer: float | None = None
    locale: str | None = None
    # from the last check-in that says so
    vehicle_label: str | None = None
    advisor: str | None = None
    # from the closing event
    closed_at: int | None = None
    closed_by: str | None = None
    final_amount: str | None = None
    # what is going on
    diagnosing: bool = False
    any_diagnosis: bool = False
    quality_running: bool = False
    failed_check: bool = False
    failed_ever: bool = False
    running: int = 0
    paused: int = 0
    any_repair: bool = False
    any_completed: bool = False
    rework: bool = False
    open_parts: int = 0
    quote_pending: bool = False
    refused: bool = False
    # whether a passed check, a `ready` or a refusal came after the last diagnosis or repair event
    proven: bool = False
    checked: bool = False  # whether any check or `ready` was told of
    # whether a check was passed since the last repair; None before the check-in, and where nobody had kept it
    passed_check: bool | None = None
    quote: QuoteState | None = None
    approved_amount: str | None = None
    promised_at: int | None = None
    fault_origin: str | None = None
    # where the time went: the current activity, since when, and the promise told before that
    activity: str | None = None
    since: int = 0
    promise_then: int | None = None
    ended_in: str | None = None  # the activity that the close ended
    # of the wait for a bay, what passed under a job paused for this reason (ms)
    bay_expert: int = 0
    bay_shift_end: int = 0
    jobs: dict[str, Job] = {}  # by job id
    parts: dict[str, Part] = {}  # by request id
    fault_groups: list[str] = []
    contact: list[str] = []
    promises: list[Promise] = []
    timeline: list[Milestone] = []
    decisions: list[Decision] = []
    runs: list[Run] = []
    # these count after the close, too
    surveys: list[Survey] = []
    complaints: list[Complaint] = []
    follow_ups: list[FollowUp] = []


def hear(entry: Entry, surveys: list[Survey], complaints: list[Complaint], follow_ups: list[FollowUp]) -> None:
    """Note what the customer says and who got in touch about it, also after the close."""
    if isinstance(entry, SurveyEntry):
        surveys.append(Survey(entry.event_id, entry.at, entry.score, entry.reasons))
    elif isinstance(entry, ComplaintEntry):
        _add_phase(entry, complaints)
    elif isinstance(entry, FollowUpEntry) and entry.of:
        follow_ups.append(FollowUp(entry.event_id, entry.at, entry.of, entry.phase))


def _add_phase(entry: ComplaintEntry, complaints: list[Complaint]) -> None:
    complaint_id, phase = entry.complaint_id or entry.event_id, (entry.phase, entry.at)
    for complaint in complaints:
        if complaint.complaint_id == complaint_id:
            complaint.category, complaint.severity = entry.category, entry.severity or complaint.severity
            complaint.phases.append(phase)
            return
    complaints.append(Complaint(entry.event_id, entry.at, entry.category, entry.severity, complaint_id, [phase]))
