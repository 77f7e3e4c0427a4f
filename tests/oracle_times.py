"""What the contract says goes on in a visit at each moment, and where its time goes."""

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import Any

from tests.oracle_terms import DONE, TOUCHES, WAITS, Event, Order, Run, instant_of, ms_of


def activity_after(past: list[Event]) -> str:
    """The first of the activities of CONTRACT section 2 that holds when exactly these events have happened."""
    jobs = {event["job_id"]: event["phase"] for event in past if event["type"] == "repair"}
    diagnoses = [event for event in past if event["type"] == "diagnosis"]
    checks = [_phase_of_check(event) for event in past if event["type"] == "quality_check"]
    decisions = [event["approved"] for event in past if event["type"] == "quote_decision"]
    if any(phase in ("started", "resumed") for phase in jobs.values()):
        return "repair"
    if diagnoses and diagnoses[-1]["phase"] == "started":
        return "diagnosis"
    if checks and checks[-1] == "started":
        return "quality"
    if open_requests(past):
        return "parts"
    if _quote_is_pending(past):
        return "approval"
    was_completed = any(event["type"] == "repair" and event["phase"] == "completed" for event in past)
    is_done = was_completed or (bool(decisions) and decisions[-1] is False)
    if is_done and "paused" not in jobs.values() and not _failed_check_is_unanswered(past):
        return "pickup" if _somebody_said_ready(past) else "finishing"
    if not diagnoses and not jobs:
        return "reception"
    return "bay"


def _somebody_said_ready(past: list[Event]) -> bool:
    """Whether a passed check, a `ready` or a refusal came after the last diagnosis or repair event."""
    worked = [position for position, event in enumerate(past) if event["type"] in ("diagnosis", "repair")]
    since = past[worked[-1] + 1 :] if worked else past
    return any(
        event["type"] == "ready"
        or (event["type"] == "quote_decision" and event["approved"] is False)
        or (event["type"] == "quality_check" and _phase_of_check(event) == "completed" and event["passed"] is True)
        for event in since
    )


def pause_reasons(past: list[Event]) -> list[str]:
    """Why jobs stand still when exactly these events have happened; a pause of which nobody said why has no reason."""
    jobs = {event["job_id"]: event for event in past if event["type"] == "repair"}
    return sorted({e["pause_reason"] for e in jobs.values() if e["phase"] == "paused" and e.get("pause_reason")})


def _phase_of_check(event: Event) -> str:
    return str(event.get("phase") or "completed")


def open_requests(past: list[Event]) -> set[str]:
    """Ids of the part requests that are open. Fulfilled or cancelled once, a request stays so."""
    requests = [event for event in past if event["type"] == "part_request"]
    settled = {event["request_id"] for event in requests if event["phase"] in ("fulfilled", "cancelled")}
    return {event["request_id"] for event in requests} - settled


def _quote_is_pending(past: list[Event]) -> bool:
    pending = False
    for event in past:
        if quote_in(event) is not None:
            pending = True
        elif event["type"] == "quote_decision":
            pending = False
    return pending


def quote_in(event: Event) -> dict[str, Any] | None:
    return event.get("quote") if event["type"] == "diagnosis" and event["phase"] == "completed" else None


def _failed_check_is_unanswered(past: list[Event]) -> bool:
    unanswered = False
    for event in past:
        if is_failed_check(event):
            unanswered = True
        elif event["type"] == "repair" and event["phase"] == "started":
            unanswered = False
    return unanswered


def is_failed_check(event: Event) -> bool:
    return event["type"] == "quality_check" and _phase_of_check(event) == "completed" and event["passed"] is False


def no_times() -> Order:
    """An order without a check-in has no visit: no durations, nothing going on, and no times but its close."""
    times = ("activity", "checked_in_at", "ready_at", "closed_at", "promised_at", "lead_s", "wait_s", "touch_s")
    waits = tuple(f"wait_{activity}_s" for activity in WAITS)
    others = ("repair_s", "diagnosis_s", "quality_s", "pickup_s", "finishing_s", "bay_expert_s", "bay_shift_end_s")
    return {**dict.fromkeys((*times, *waits, *others)), "stages": []}


def times_of(counted: list[Event], check_in: Event, closing: Event | None, now_ms: int) -> Order:
    start = check_in["ms"]
    end = closing["ms"] if closing else max(now_ms, counted[-1]["ms"])
    before_close = counted if closing is None else counted[:-1]
    ending = activity_after(before_close)
    runs = _runs(before_close, start, end, ending, is_open=closing is None)
    ready_ms, said_ready = None, len(counted)
    if ending in DONE and (ending == "pickup" or closing is not None):
        ready_ms = runs[-1][1]
        said_ready = _ready_position(before_close, check_in, ready_ms, ending)
    elif closing is not None and closing["type"] == "handoff":
        ready_ms = end
    last = ("pickup" if closing is not None else ending, *runs[-1][1:]) if ending in DONE else None
    earlier = runs[:-1] if last else runs
    runs = _merged(("bay", *run[1:]) if run[0] in DONE else run for run in earlier) + ([last] if last else [])
    spent = dict.fromkeys((*WAITS, *TOUCHES, *DONE), 0)
    for activity, since, until in runs:
        spent[activity] += until - since
    stages: list[tuple[str, datetime, datetime | None]] = [
        (name, instant_of(since), instant_of(until)) for name, since, until in runs
    ]
    if closing is None:
        stages[-1] = (*stages[-1][:2], None)
    return {
        "activity": runs[-1][0] if closing is None else None,
        "checked_in_at": instant_of(start),
        "ready_at": None if ready_ms is None else instant_of(ready_ms),
        "closed_at": instant_of(end) if closing else None,
        "promised_at": _promise(counted[:said_ready]),
        "lead_s": (end - start) / 1000,
        "wait_s": sum(spent[activity] for activity in WAITS) / 1000,
        "touch_s": sum(spent[activity] for activity in TOUCHES) / 1000,
        **{f"wait_{activity}_s": spent[activity] / 1000 for activity in WAITS},
        **{f"{activity}_s": spent[activity] / 1000 for activity in (*TOUCHES, *DONE)},
        "bay_expert_s": _paused_ms(before_close, start, end, "expert") / 1000,
        "bay_shift_end_s": _paused_ms(before_close, start, end, "shift_end") / 1000,
        "stages": stages,
    }


def _paused_ms(past: list[Event], start: int, end: int, reason: str) -> int:
    """Of the wait for a bay what passed while a job was paused for this reason."""
    instants = sorted({event["ms"] for event in past if start <= event["ms"] <= end} | {end})
    return sum(
        until - since
        for since, until in pairwise(instants)
        if activity_after(_until(past, since)) == "bay" and reason in pause_reasons(_until(past, since))
    )


def _runs(past: list[Event], start: int, end: int, ending: str, *, is_open: bool) -> list[Run]:
    """The unbroken runs of one activity from start to end, pickup and finishing still as often as they came.

    No run is empty but, at the very end, one in which the work was done in the moment of closing, or what an open order
    has just begun.
    """
    instants = sorted({event["ms"] for event in past if start <= event["ms"] <= end} | {end})
    runs = _merged((activity_after(_until(past, since)), since, until) for since, until in pairwise(instants))
    if (is_open or ending in DONE) and (not runs or runs[-1][0] != ending):
        runs.append((ending, end, end))
    return runs


def _until(counted: list[Event], ms: int) -> list[Event]:
    return [event for event in counted if event["ms"] <= ms]


def _merged(runs: Iterable[Run]) -> list[Run]:
    merged: list[Run] = []
    for activity, since, until in runs:
        if merged and merged[-1][0] == activity:
            merged[-1] = (activity, merged[-1][1], until)
        else:
            merged.append((activity, since, until))
    return merged


def _ready_position(past: list[Event], check_in: Event, ready_ms: int, ending: str) -> int:
    """How many events came before the one from which on the car was ready, at `ready_ms`."""
    # Of the events in that millisecond, the first one from which on it was so.
    tied = [n for n, event in enumerate(past) if event["ms"] == ready_ms and n >= past.index(check_in)]
    before = len(past)
    for position in reversed(tied):
        if activity_after(past[: position + 1]) != ending:
            break
        # A check-in that finds the car ready brings its own promise.
        before = position + (past[position]["type"] == "check_in")
    return before


def _promise(events: list[Event]) -> datetime | None:
    """The last promise of these events."""
    promises = [event["promised_at"] for event in events if event.get("promised_at") is not None]
    return instant_of(ms_of(promises[-1])) if promises else None
