"""Complaints and bad scores worked out from the events alone, in a second way that shares no code with the product."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

Event = dict[str, Any]
OPENS, CLOSES = time(8, 30), time(18)
HOUR = timedelta(hours=1)
FIRST_LEVEL = {"high": 1 * HOUR, "low": 4 * HOUR}


def at(event: Event) -> datetime:
    return datetime.fromisoformat(event["occurred_at"]).astimezone(UTC)


def open_between(begin: datetime, end: datetime, zone: str = "Asia/Shanghai") -> timedelta:
    """Opening time, day by day, every day of the week."""
    total, day = timedelta(), begin.astimezone(ZoneInfo(zone)).date()
    while day <= end.astimezone(ZoneInfo(zone)).date():
        opens, closes = (datetime.combine(day, clock, ZoneInfo(zone)) for clock in (OPENS, CLOSES))
        total += max(timedelta(), min(end, closes) - max(begin, opens))
        day += timedelta(days=1)
    return total


def by_order(events: Iterable[Event]) -> dict[tuple[str, str], list[Event]]:
    """Each order's distinct events, sorted."""
    orders: defaultdict[tuple[str, str], dict[str, Event]] = defaultdict(dict)
    for event in events:
        orders[event["center_id"], event["order_id"]].setdefault(event["event_id"], event)
    return {key: sorted(own.values(), key=lambda e: (at(e), e["event_id"])) for key, own in orders.items()}


def complaints_of(events: Iterable[Event], now: datetime) -> Iterator[dict[str, Any]]:
    """Every complaint: when it was opened, contacted and resolved, and its last phase at `now`."""
    for (center, _), history in by_order(events).items():
        phases: defaultdict[str, list[Event]] = defaultdict(list)
        for event in history:
            if event["type"] == "complaint":
                phases[event.get("complaint_id") or event["event_id"]].append(event)
        for number, own in phases.items():
            calls = [e for e in history if e["type"] == "follow_up" and e["of"] == number and e["phase"] != "no_answer"]
            steps = sorted([*own, *calls], key=at)
            opened = at(own[0])
            contacts = [at(step) for step in steps if step.get("phase") in ("contacted", "resolved")]
            names = [step.get("phase") or "opened" for step in steps if at(step) <= now]
            resolved = [at(step) for step in steps if step.get("phase") == "resolved"]
            severity = next((e["severity"] for e in reversed(own) if e.get("severity")), "low")
            yield {
                **{"center": center, "category": own[-1]["category"], "severity": severity, "phases": names},
                **{"opened": opened, "phase": names[-1] if names else None, "vehicle": own[0]["vehicle_id"]},
                "contact": open_between(opened, min(contacts)) if contacts else None,
                "resolution": open_between(opened, resolved[-1])
                if resolved and names[-1] in ("resolved", "closed")
                else None,
                "age": open_between(opened, now),
            }


def in_time(complaint: dict[str, Any]) -> bool | None:
    limit = FIRST_LEVEL[complaint["severity"]]
    if complaint["contact"] is not None:
        return bool(complaint["contact"] <= limit)
    return False if complaint["age"] > limit or complaint["phase"] == "closed" else None


def repeats_of(complaints: list[dict[str, Any]]) -> int:
    """How many had another of the same vehicle and category in the 90 days before."""
    return sum(
        any(
            (first["vehicle"], first["category"]) == (second["vehicle"], second["category"])
            and timedelta() <= first["opened"] - second["opened"] <= timedelta(days=90)
            for second in complaints
            if second is not first and second["opened"] <= first["opened"]
        )
        for first in complaints
    )


def bad_scores_of(events: Iterable[Event]) -> Iterator[dict[str, Any]]:
    """Every order whose last score is bad: when, by whom, and when somebody called."""
    for (center, order), history in by_order(events).items():
        surveys = [e for e in history if e["type"] == "survey"]
        origins = [e.get("fault_origin") for e in history if e["type"] == "diagnosis" and e.get("fault_origin")]
        limit = 8 if origins and origins[-1] == "product" else 6
        if surveys and surveys[-1]["score"] <= limit:
            last, ids = surveys[-1], {survey["event_id"] for survey in surveys[:-1]}
            calls = [
                max(at(e), at(last))
                for e in history
                if e["type"] == "follow_up" and e["phase"] != "no_answer"
                if e["of"] == last["event_id"] or (e["of"] in ids and at(e) >= at(last))
            ]
            yield {
                **{"center": center, "order": order, "score": last["score"], "at": at(last)},
                **{"customer": customer_of(history), "called": min(calls, default=None)},
            }


def customer_of(history: list[Event]) -> str | None:
    return next((event["customer_id"] for event in history if event["type"] == "check_in"), None)


def last_words_of(events: Iterable[Event]) -> dict[str, list[Event]]:
    """By customer the last answer of each order."""
    words: defaultdict[str, list[Event]] = defaultdict(list)
    for history in by_order(events).values():
        surveys, customer = [event for event in history if event["type"] == "survey"], customer_of(history)
        if surveys and customer is not None:
            words[customer].append(surveys[-1])
    return words


def recovered(bad: dict[str, Any], words: dict[str, list[Event]]) -> bool:
    """Whether the customer's last word on another order was better, within 180 days and after a call."""
    begin, end = bad["called"] or bad["at"], bad["at"] + timedelta(days=180)
    better = 7 if bad["score"] <= 6 else 9
    return any(begin < at(word) <= end and word["score"] >= better for word in words.get(bad["customer"], ()))


def median_s(spans: Iterable[timedelta | None]) -> float:
    return median(span.total_seconds() for span in spans if span is not None)
