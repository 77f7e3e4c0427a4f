"""Which notices a history of events must lead to, worked out from the lists of events alone.

A milestone is told when the events that had arrived by then prove it: so each order is looked at after every arrival.
Nothing here is shared with the processes that told them.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from tests import oracle, oracle_terms, oracle_times
from tests.chaos.topics import in_order
from tests.compare import distinct
from tests.truth import Event

MilestoneKey = tuple[str, str, str, str]  # center, order, milestone, event
BY_CLOCK = ("running_late", "no_news")
# Begins the event's place in a `ready` that a center without checks tells once the work has been done for a while.
BY_SETTING = "finishing:"


def differences(records: Iterable[Any], events: Iterable[Event]) -> list[str]:
    """Topic `notices` against the events in order of arrival: each expected id at least once, and no other."""
    differences: list[str] = []
    shown: dict[str, MilestoneKey] = {}
    for record in in_order(records):
        notice = json.loads(record.value)
        if is_by_clock(notice):
            continue  # no event proves these: tests.chaos.messages looks at them
        milestone = notice["center_id"], notice["order_id"], notice["milestone"], notice["event_id"]
        if shown.setdefault(notice["notice_id"], milestone) != milestone:
            differences.append(f"notice {notice['notice_id']} is {milestone} and {shown[notice['notice_id']]}")
    right = {notice_id(milestone): milestone for milestone in expected(events)}
    differences += [f"notice of {right[name]}: missing" for name in sorted(right.keys() - shown.keys())]
    differences += [f"notice of {shown[name]}: not expected" for name in sorted(shown.keys() - right.keys())]
    return differences


def is_by_clock(notice: Event) -> bool:
    """Whether time alone told it."""
    return notice["milestone"] in BY_CLOCK or notice["event_id"].startswith(BY_SETTING)


def told_again(records: Iterable[Any]) -> int:
    """How many notices are in the topic once more under an id that was there before."""
    ids = [json.loads(record.value)["notice_id"] for record in in_order(records)]
    return len(ids) - len(set(ids))


def notice_id(milestone: MilestoneKey) -> str:
    return hashlib.blake2b("\x1f".join(milestone).encode(), digest_size=16).hexdigest()


def expected(events: Iterable[Event]) -> Iterator[MilestoneKey]:
    """What was proven after any of the arrivals; events given in order of arrival, of all vehicles."""
    orders: dict[tuple[str, str], list[Event]] = {}
    for event in distinct(events):
        orders.setdefault((event["center_id"], event["order_id"]), []).append(
            {**event, "ms": _ms(event["occurred_at"])}
        )
    for order, arrivals in orders.items():
        activities: dict[tuple[str, ...], str] = {}
        proven: set[tuple[str, str]] = set()
        for count in range(1, len(arrivals) + 1):
            history = sorted(arrivals[:count], key=lambda event: (event["ms"], event["event_id"]))
            proven.update(_milestones(history, activities))
        yield from ((*order, milestone, event_id) for milestone, event_id in proven)


def _milestones(history: list[Event], activities: dict[tuple[str, ...], str]) -> Iterator[tuple[str, str]]:
    """(milestone, event) of sorted events; `activities` remembers what went on after which events."""
    first = next((number for number, event in enumerate(history) if event["type"] == "check_in"), None)
    past: list[Event] = []
    runs: list[tuple[str, int, int]] = []
    activity, since = None, 0
    for number, event in enumerate(history):
        if event["type"] in oracle.AFTERWARDS:
            continue
        if event["type"] in oracle.TERMINAL:
            if first is not None and number < first:
                continue  # stamped before the check-in: it cannot have ended the visit
            yield oracle.TERMINAL[event["type"]], event["event_id"]
            return
        if (name := _milestone(event, past)) is not None:
            yield name, event["event_id"]
        past.append(event)
        if first is None or number < first:
            continue
        key = tuple(earlier["event_id"] for earlier in past)
        now = activities.get(key) or activities.setdefault(key, oracle_times.activity_after(past))
        is_first_word = event["type"] == "ready" and not _is_done(past) and not _is_vouched_for(past[:-1])
        if is_first_word and activity == "pickup":
            yield "ready", event["event_id"]
        if now == activity:
            continue
        if activity is not None and since < event["ms"]:
            runs.append((activity, since, event["ms"]))
        if runs and (runs[-1][0], runs[-1][2]) == (now, event["ms"]):
            activity, since, _ = runs.pop()  # what lay between lasted no time
            continue
        activity, since = now, event["ms"]
        if activity == "pickup" and (_is_done(past) or _is_vouched_for(past)):
            yield "ready", event["event_id"]


def _is_done(past: list[Event]) -> bool:
    """Whether a job was completed: without one, the customer has declined, and the car may stand there in pieces."""
    return any(earlier["type"] == "repair" and earlier["phase"] == "completed" for earlier in past)


def _is_vouched_for(past: list[Event]) -> bool:
    return any(earlier["type"] in ("quality_check", "ready") for earlier in past)


def _milestone(event: Event, past: list[Event]) -> str | None:
    """What the event itself tells, after those before it."""
    same = [earlier for earlier in past if earlier["type"] == event["type"]]
    match event["type"], event.get("phase"):
        case "check_in", _:
            promised = _last(same, "promised_at")
            now = event.get("promised_at")
            if not same:
                return "checked_in"
            return "promise_changed" if now is not None and _ms(now) != promised else None
        case "diagnosis", "started":
            return None if same else "diagnosis_started"
        case "diagnosis", _:
            return "quote_ready" if event.get("quote") is not None else None
        case "part_request", _:
            return _part_milestone(event, [earlier for earlier in same if earlier["request_id"] == event["request_id"]])
        case "repair", _:
            return None if same else "repair_started"
        case "quality_check", phase:
            return "extra_check" if phase in (None, "completed") and event["passed"] is False else None
    return None


def _part_milestone(event: Event, before: list[Event]) -> str | None:
    """What a phase of a part request tells that those before it did not."""
    phases = [earlier["phase"] for earlier in before]
    if "fulfilled" in phases or "cancelled" in phases or event["phase"] == "cancelled":
        return None
    if event["phase"] == "fulfilled":
        return "part_arrived"
    expected_before = _last(before, "expected_at")
    now = _last([*before, event], "expected_at")
    is_first_backorder = event["phase"] == "backordered" and "backordered" not in phases
    if before and now == expected_before and not is_first_backorder:
        return None  # nothing new
    is_later = expected_before is not None and now is not None and now > expected_before
    return "part_delayed" if is_later or "backordered" in (*phases, event["phase"]) else "part_ordered"


def _last(events: list[Event], field: str) -> int | None:
    """The last time told in this field, in ms."""
    times_given = [event[field] for event in events if event.get(field) is not None]
    return _ms(times_given[-1]) if times_given else None


def _ms(at: str) -> int:
    return oracle_terms.ms_of(at)
