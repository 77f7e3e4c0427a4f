"""The dirty feed reaches every corner of a visit and of a comeback in CONTRACT.md."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.unit.tests.clean_feed import Event, clean, orders

__all__ = ["clean", "orders"]


Corner = Callable[[list[Event], dict[str, Any]], bool]


def _of(history: list[Event], type_: str, **fields: Any) -> list[Event]:
    return [e for e in history if e["type"] == type_ and all(e.get(name) == value for name, value in fields.items())]


def _closing(history: list[Event]) -> int:
    """How many events there are up to the first terminal one."""
    indices = [n for n, event in enumerate(history) if event["type"] in ("handoff", "cancellation")]
    return indices[0] + 1 if indices else len(history)


def _types(history: list[Event]) -> list[str]:
    return [event["type"] for event in history]


def _at(event: Event) -> datetime:
    at = datetime.fromisoformat(event["occurred_at"])
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _job_phases(history: list[Event]) -> Iterable[list[str]]:
    jobs: dict[str, list[str]] = defaultdict(list)
    for event in _of(history, "repair"):
        jobs[event["job_id"]].append(event["phase"])
    return jobs.values()


def _jobs_overlap(history: list[Event], row: dict[str, Any]) -> bool:
    running: set[str] = set()
    for event in _of(history, "repair"):
        if event["phase"] in ("started", "resumed"):
            running.add(event["job_id"])
        else:
            running.discard(event["job_id"])
        if len(running) > 1:
            return True
    return False


def _follow(first: str, then: str) -> Corner:
    return lambda history, row: any(
        (first, then) == pair for phases in _job_phases(history) for pair in pairwise(phases)
    )


def _closed_behind(*types: str) -> Corner:
    return lambda history, row: (
        row["closed_at"] is not None and any(t in types for t in _types(history[_closing(history) :]))
    )


def _emergency_took(holds: Callable[[timedelta], bool]) -> Corner:
    return lambda history, row: any(
        part["urgency"] == "emergency"
        and part["requested_at"]
        and part["fulfilled_at"]
        and holds(part["fulfilled_at"] - part["requested_at"])
        for part in row["parts"]
    )


def _decided_before_quote(history: list[Event], row: dict[str, Any]) -> bool:
    decisions = [n for n, event in enumerate(history) if event["type"] == "quote_decision"]
    quotes = [n for n, event in enumerate(history) if event.get("quote")]
    return bool(decisions and quotes and decisions[0] < quotes[0])


def _requoted_after_refusal(history: list[Event], row: dict[str, Any]) -> bool:
    refusals = [n for n, event in enumerate(history) if event["type"] == "quote_decision" and not event["approved"]]
    return bool(refusals) and any(event.get("quote") for event in history[refusals[0] :])


def _quote_off_by(share: str) -> Corner:
    def holds(history: list[Event], row: dict[str, Any]) -> bool:
        final, approved = row["final_amount"], row["approved_amount"]
        return bool(final and approved) and str(abs(final - approved) / approved) == share

    return holds


def _pickup_was_broken(history: list[Event], row: dict[str, Any]) -> bool:
    """A finished job, then a rework: what looked ready was a wait for a bay."""
    return any(
        b[0] == "bay" and a[0] == c[0] == "repair"
        for a, b, c in zip(*(row["stages"][n:] for n in range(3)), strict=False)
    )


def _ends_in_no_pickup(row: dict[str, Any]) -> bool:
    return bool(row["stages"]) and row["stages"][-1][0] != "pickup"


CORNERS: dict[str, Corner] = {
    "several jobs at the same time": _jobs_overlap,
    "a job paused and resumed": _follow("paused", "resumed"),
    "a job started again": _follow("completed", "started"),
    "a job resumed after it was completed": _follow("completed", "resumed"),
    "a job completed that never started": lambda h, r: any("started" not in phases for phases in _job_phases(h)),
    "a diagnosis completed that never started": lambda h, r: (
        bool(_of(h, "diagnosis", phase="completed")) and not _of(h, "diagnosis", phase="started")
    ),
    "a quick order without diagnosis": lambda h, r: (
        r["lane"] == "quick" and bool(r["repair_s"]) and not _of(h, "diagnosis")
    ),
    "a part asked for before the check-in": lambda h, r: (
        r["checked_in_at"] is not None
        and any(part["requested_at"] and part["requested_at"] < r["checked_in_at"] for part in r["parts"])
    ),
    "a part open at the handoff": lambda h, r: r["ftf_cause"] == "open_part",
    "a part cancelled": lambda h, r: any(part["cancelled_at"] for part in r["parts"]),
    "a part fulfilled that was never requested": lambda h, r: any(
        part["fulfilled_at"] and not part["requested_at"] for part in r["parts"]
    ),
    "a part requested again after it came": lambda h, r: any(
        later["phase"] == "requested" and later["request_id"] == event["request_id"]
        for n, event in enumerate(h)
        if event.get("phase") == "fulfilled"
        for later in _of(h[n:], "part_request")
    ),
    "another expectation for a back-ordered part": lambda h, r: any(
        len(
            {
                e["expected_at"]
                for e in _of(h, "part_request", phase="backordered", request_id=id_)
                if e.get("expected_at")
            }
        )
        > 1
        for id_ in {e["request_id"] for e in _of(h, "part_request")}
    ),
    "an emergency part within two hours": _emergency_took(lambda delay: delay < timedelta(hours=2)),
    "an emergency part after two hours exactly": _emergency_took(lambda delay: delay == timedelta(hours=2)),
    "an emergency part too late": _emergency_took(lambda delay: delay > timedelta(hours=2)),
    "a quote approved": lambda h, r: r["approved_amount"] is not None,
    "a quote refused": lambda h, r: bool(_of(h, "quote_decision", approved=False)),
    "a quote after a refusal": _requoted_after_refusal,
    "an approval without amount": lambda h, r: any(
        e.get("amount") is None for e in _of(h, "quote_decision", approved=True)
    ),
    "a decision before its quote": _decided_before_quote,
    "an approval with no quote at all": lambda h, r: r["quoted_amount"] is None and bool(_of(h, "quote_decision")),
    "a quote never answered": lambda h, r: r["quoted_amount"] is not None and not _of(h, "quote_decision"),
    "a final amount one percent off": _quote_off_by("0.01"),
    "a final amount as approved": _quote_off_by("0"),
    "a refused car handed off unrepaired": lambda h, r: r["status"] == "handed_off" and r["ftf"] is None,
    "a check failed, then repaired and passed": lambda h, r: (
        bool(_of(h, "quality_check", passed=False))
        and h[-1] != _of(h, "quality_check", passed=False)[-1]
        and bool(r["ready_at"])
    ),
    "a check failed and never answered": lambda h, r: (
        bool(_of(h, "quality_check", passed=False)) and r["status"] == "handed_off" and _ends_in_no_pickup(r)
    ),
    "a second check-in": lambda h, r: len(_of(h, "check_in")) > 1,
    "a check-in after the car was ready": lambda h, r: (
        r["ready_at"] is not None and _at((_of(h, "check_in"))[-1]) > r["ready_at"]
    ),
    "a promise kept to the millisecond": lambda h, r: r["ready_at"] is not None and r["ready_at"] == r["promised_at"],
    "ready after fifteen minutes exactly": lambda h, r: (
        r["ready_at"] is not None and r["ready_at"] - r["checked_in_at"] == timedelta(minutes=15)
    ),
    "ready in the moment of the handoff": lambda h, r: r["ready_at"] is not None and r["ready_at"] == r["closed_at"],
    "never ready but handed off": lambda h, r: (
        r["status"] == "handed_off" and _ends_in_no_pickup(r) and r["ready_at"] == r["closed_at"]
    ),
    "a pickup that a repair ended": _pickup_was_broken,
    "a visit of no length": lambda h, r: r["lead_s"] == 0,
    "a handoff before the check-in": lambda h, r: (
        r["checked_in_at"] is not None and any(_at(e) < r["checked_in_at"] for e in _of(h, "handoff"))
    ),
    "a survey revised": lambda h, r: len({survey["score"] for survey in r["surveys"]}) > 1,
    "a survey during the visit": lambda h, r: bool(_of(h[: _closing(h) - 1], "survey")),
    "a complaint during the visit": lambda h, r: bool(_of(h[: _closing(h) - 1], "complaint")),
    "more than one complaint": lambda h, r: r["complaints"] > 1,
    "a cancellation": lambda h, r: r["status"] == "cancelled" and bool(r["lead_s"]),
    "a repair after the close": _closed_behind("repair"),
    "a diagnosis after the close": _closed_behind("diagnosis"),
    "a part request after the close": _closed_behind("part_request"),
    "a second terminal event": _closed_behind("handoff", "cancellation"),
    "handed off without check-in, judged": lambda h, r: r["checked_in_at"] is None and r["ftf"] is not None,
    "open without check-in": lambda h, r: r["checked_in_at"] is None and r["status"] == "open",
    "an id that is not ASCII": lambda h, r: not r["order_id"].isascii(),
    "a vehicle id that is not ASCII": lambda h, r: not r["vehicle_id"].isascii(),
    "a center id that is not ASCII": lambda h, r: bool(r["center_id"]) and not r["center_id"].isascii(),
    "an event id that is not ASCII": lambda h, r: any(not event["event_id"].isascii() for event in h),
    "quotes and backslashes in an id": lambda h, r: "'" in r["order_id"] and "\\" in r["order_id"],
    "fields the contract does not know": lambda h, r: any(
        {"plate", "customer_name", "internal"} & event.keys() for event in h
    ),
    "an optional field that is null": lambda h, r: any(None in event.values() for event in h),
    "microseconds": lambda h, r: any(datetime.fromisoformat(event["occurred_at"]).microsecond % 1000 for event in h),
    "a tie that the event id decides": lambda h, r: any(
        _at(a) == _at(b) and a["type"] != b["type"] for a, b in pairwise(h)
    ),
    "a tie only after cutting": lambda h, r: any(
        _at(a) == _at(b) and datetime.fromisoformat(a["occurred_at"]) != datetime.fromisoformat(b["occurred_at"])
        for a, b in pairwise(h)
    ),
    "a fractional odometer": lambda h, r: isinstance(r["odometer_km"], float),
    "more than one fault group": lambda h, r: len(r["fault_groups"]) > 1,
}


def test_the_feed_reaches_every_corner_of_a_visit(clean: list[Event], orders: dict[str, dict[str, Any]]):
    histories = defaultdict(list)
    for event in clean:
        histories[event["center_id"], event["order_id"]].append(event)
    for history in histories.values():
        history.sort(key=lambda event: (_at(event), event["event_id"]))
    reached = Counter(
        name for key, row in orders.items() for name, holds in CORNERS.items() if holds(histories[key], row)
    )

    assert [name for name in CORNERS if not reached[name]] == []


def _vehicle_pairs(orders: dict[str, Any]) -> Iterable[tuple[dict[str, Any], dict[str, Any]]]:
    by_vehicle = defaultdict(list)
    for row in orders.values():
        by_vehicle[row["vehicle_id"]].append(row)
    for rows in by_vehicle.values():
        for before in rows:
            yield from ((before, after) for after in rows if after["checked_in_at"] and before["ftf"] is not None)


def test_the_feed_reaches_every_corner_of_a_comeback(orders: dict[str, dict[str, Any]]):
    limit = timedelta(days=30)
    reached: Counter[str] = Counter()
    for before, after in _vehicle_pairs(orders):
        if before is after or before["closed_at"] is None:
            continue
        gap = after["checked_in_at"] - before["closed_at"]
        shares = bool(set(before["fault_groups"]) & set(after["fault_groups"]))
        comeback = before["comeback_center_id"], before["comeback_order_id"]
        is_named = comeback == (after["center_id"], after["order_id"])
        odometers = (before["odometer_km"], after["odometer_km"])
        driven = None if None in odometers else odometers[1] - odometers[0]
        in_time = timedelta(0) < gap <= limit
        reached["shared fault in time"] += is_named
        reached["at another center"] += is_named and before["center_id"] != after["center_id"]
        reached["while the car is still there"] += shares and gap < timedelta(0)
        reached["in the moment of the handoff"] += shares and gap == timedelta(0)
        reached["a millisecond after the handoff"] += shares and gap == timedelta(milliseconds=1)
        reached["after thirty days exactly"] += shares and is_named and gap == limit
        reached["a millisecond too late"] += shares and gap == limit + timedelta(milliseconds=1)
        reached["too late"] += shares and gap > limit
        reached["another fault"] += in_time and not shares
        reached["an odometer is missing"] += is_named and driven is None
        reached["after 1,000 km exactly"] += is_named and driven == 1000
        reached["after more than 1,000 km"] += in_time and shares and driven is not None and driven > 1000
        reached["the odometer went back"] += is_named and driven is not None and driven < 0
        reached["not the first comeback"] += in_time and shares and not is_named and before["ftf"] is False
        reached["another cause comes first"] += is_named and before["ftf_cause"] in ("rework", "open_part")
        reached["not closed yet"] += is_named and after["status"] == "open"

    assert [name for name, number in reached.items() if not number] == []
