"""Hypothesis strategies: histories that no workshop would plan, and dirty feeds of a few orders.

`histories` draws events at random from a narrow choice of minutes, jobs and requests, so that ties, contradictions and
events out of any sensible order are the rule.
"""

import random
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from tests import feed
from tests.workshop import QUOTE, Sent, at

JOBS = st.sampled_from(("J1", "J2"))
REQUESTS = st.sampled_from(("Q1", "Q2"))
GROUPS = st.lists(st.sampled_from(("brakes", "battery", "空调")), max_size=2, unique=True)
# Minutes after eight: few enough that events often share one.
SOON = st.integers(0, 12)
# Days from visit to visit, around the ends of the comeback window.
GAPS = st.sampled_from((0, 1, 29, 30, 31))


# For tests that draw whole feeds: each is as much as many histories.
a_few = settings(max_examples=max(1, settings().max_examples // 4))

# Whatever else a test leaves to chance: shuffles, cuts, deaths.
CHANCES = st.integers(0, 2**32).map(random.Random)


def _maybe(**choices: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=choices)


_PROMISES = SOON.map(lambda minute: (at("08:00") + timedelta(minutes=minute)).isoformat())
_FIELDS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "check_in": st.builds(
        lambda lane, more: {"customer_id": "K1", "lane": lane, **more},
        st.sampled_from(("quick", "standard")),
        _maybe(
            promised_at=_PROMISES,
            odometer_km=st.sampled_from((10_000, 10_900, 11_000.5, 12_000)),
            vehicle_label=st.just("沪A··345"),
            advisor=st.sampled_from(("王芳", "李强")),
        ),
    ),
    "diagnosis": st.one_of(
        st.just({"phase": "started"}),
        st.builds(
            lambda groups, more: {"phase": "completed", "fault_groups": groups, **more},
            GROUPS,
            _maybe(quote=st.just(QUOTE), fault_origin=st.sampled_from(("maintenance", "misuse", "product"))),
        ),
    ),
    "quote_decision": st.builds(
        lambda approved, more: {"approved": approved, **more},
        st.booleans(),
        _maybe(amount=st.sampled_from((100, 99.5)), lines=st.sampled_from((["l1"], ["l1", "p1"]))),
    ),
    "part_request": st.builds(
        lambda phase, request, more: {
            **{"phase": phase, "request_id": request, "part_no": "P-1", "quantity": 1},
            **more,
        },
        st.sampled_from(("requested", "backordered", "fulfilled", "cancelled")),
        REQUESTS,
        _maybe(urgency=st.sampled_from(("normal", "emergency")), expected_at=_PROMISES, unit_price=st.just(12.3)),
    ),
    "repair": st.builds(
        lambda phase, job, more: {"phase": phase, "job_id": job, **more},
        st.sampled_from(("started", "paused", "resumed", "completed")),
        JOBS,
        _maybe(pause_reason=st.sampled_from(("parts", "expert", "shift_end"))),
    ),
    "quality_check": st.one_of(
        st.just({"phase": "started"}), st.builds(lambda passed: {"passed": passed}, st.booleans())
    ),
    "handoff": _maybe(amount=st.sampled_from((100, 101.01))),
    "cancellation": st.just({}),
    "survey": st.builds(lambda score: {"score": score}, st.integers(0, 10)),
    "complaint": st.builds(
        lambda category, more: {"category": category, **more},
        st.sampled_from(("wait", "price")),
        _maybe(
            complaint_id=st.sampled_from(("B1", "B2", "e001")),
            phase=st.sampled_from(("opened", "contacted", "resolved", "closed")),
            severity=st.sampled_from(("low", "high")),
        ),
    ),
    "ready": st.just({}),
    "expert": st.just({"phase": "requested", "session_id": "S1"}),
    "follow_up": st.just({"of": "B1", "phase": "contacted"}),
    "appointment": st.just({"phase": "booked", "starts_at": at("09:00").isoformat()}),
}
# A check-in is so likely that most histories have one.
_TYPES = st.sampled_from((*_FIELDS, "check_in", "repair", "repair", "part_request", "diagnosis", "ready"))


@st.composite
def histories(draw: st.DrawFn, *, orders: int = 1, longest: int = 14) -> list[Sent]:
    """Events of up to so many orders of one vehicle, days apart, in the order in which they were drawn.

    With more than one order there are two centers, which use the same numbers.
    """
    days = [0]
    for _ in range(orders - 1):
        days.append(days[-1] + draw(GAPS))
    events: list[Sent] = []
    for number in range(draw(st.integers(1, longest))):
        order = draw(st.integers(0, orders - 1))
        type_ = draw(_TYPES)
        moment = at("08:00", days[order]) + timedelta(minutes=draw(SOON))
        events.append(
            {
                "event_id": f"e{number:03d}",
                "type": type_,
                "order_id": f"R{order + 1}",
                "vehicle_id": "V1",
                "center_id": "C1" if orders == 1 else draw(st.sampled_from(("C1", "C1", "C1", "C2"))),
                "occurred_at": moment.isoformat(),
                **draw(_FIELDS[type_]),
            }
        )
    return events


# What decides whether the car is ready, and what tells of it.
_LAST_STEPS: tuple[dict[str, Any], ...] = (
    *({"type": "repair", "phase": phase, "job_id": "J1"} for phase in ("started", "paused", "completed", "completed")),
    {"type": "repair", "phase": "completed", "job_id": "J2"},
    *({"type": "quality_check", "passed": passed} for passed in (True, False)),
    {"type": "quality_check", "phase": "started"},
    *({"type": "quote_decision", "approved": approved} for approved in (True, False)),
    *({"type": "diagnosis", "phase": phase} for phase in ("started", "completed")),
    *({"type": type_} for type_ in ("ready", "ready", "handoff", "handoff", "cancellation")),
)


@st.composite
def endings(draw: st.DrawFn) -> list[Sent]:
    """A visit's last milliseconds: done, checked, told ready, promised anew, fetched, reopened, all of it at once."""
    check_in = {"type": "check_in", "customer_id": "K1", "lane": "quick"}
    promises = st.sampled_from(range(4)).map(lambda ms: {**check_in, "promised_at": _tick(ms)})
    steps = draw(st.lists(st.one_of(st.sampled_from(_LAST_STEPS), promises), min_size=1, max_size=10))
    ids = draw(st.permutations(range(len(steps) + 1)))
    common = {"order_id": "R1", "vehicle_id": "V1", "center_id": "C1"}
    return [
        {**common, **step, "event_id": f"e{id_:03d}", "occurred_at": _tick(draw(st.integers(0, 3)))}
        for id_, step in zip(ids, (check_in, *steps), strict=True)
    ]


def _tick(ms: int) -> str:
    return (at("08:00") + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")


@st.composite
def feeds(draw: st.DrawFn, *, orders: int = 12, days: int = 45, duplicates: float = 0.1) -> list[Sent]:
    """A dirty feed of a few vehicles in order of arrival: late events, duplicates, anomalies, comebacks."""
    seed = draw(st.integers(0, 2**20))
    events = feed.clean_events(seed, orders=orders, vehicles=max(2, orders // 3), centers=3, days=days)
    return feed.dirty(events, seed, duplicates=duplicates, late=0.15)
