"""Orders of today, whose customers are told while faults happen: a scripted visit each, stamped as it is sent."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.chaos.load import Sent

# Seconds from one event of a visit to the next.
GAP_S = (1.5, 15.0)
DUPLICATES, OUT_OF_ORDER = 0.1, 0.05
# Comes so many seconds late, or once more.
LATER_S = (2.0, 30.0)
SCRIPT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("diagnosis", {"phase": "started", "technician_id": "T01"}),
    (
        "diagnosis",
        {
            "phase": "completed",
            "fault_groups": ["brakes"],
            "fault_origin": "maintenance",
            "quote": {
                "labour_hours": 1.5,
                "labour_rate": 200,
                "currency": "CNY",
                "parts": [{"part_no": "BP-1", "quantity": 2, "unit_price": 310.5}],
            },
        },
    ),
    ("quote_decision", {"approved": True, "amount": 921.0}),
    ("part_request", {"phase": "requested", "request_id": "P1", "part_no": "BP-1", "quantity": 2}),
    ("part_request", {"phase": "fulfilled", "request_id": "P1", "part_no": "BP-1", "quantity": 2}),
    ("repair", {"phase": "started", "job_id": "J1", "technician_id": "T02"}),
    ("repair", {"phase": "completed", "job_id": "J1"}),
    ("handoff", {"amount": 921.0}),
)

# Records that one order comes to, those that come twice included.
RECORDS = (1 + len(SCRIPT)) * (1 + DUPLICATES)

Timed = tuple[float, Sent]


def orders_of_today(
    seed: int, began: datetime, seconds: float, a_minute: float, contacts: Callable[[int], list[str]]
) -> list[Timed]:
    """Records with the second at which each is sent, in that order; visits that the end cuts off stay open."""
    rng = random.Random(f"today {seed}")
    records: list[Timed] = []
    for number in range(round(seconds / 60 * a_minute)):
        for at_s, event in _visit(rng, seed, number, rng.uniform(0, seconds), began, contacts(number)):
            record = Sent(event["vehicle_id"].encode(), json.dumps(event, ensure_ascii=False).encode(), event)
            late = rng.random() < OUT_OF_ORDER
            records.append((at_s + late * rng.uniform(*LATER_S), record))
            if rng.random() < DUPLICATES:
                records.append((at_s + rng.uniform(*LATER_S), record))
    return sorted(((at_s, record) for at_s, record in records if at_s < seconds), key=lambda item: item[0])


def _visit(
    rng: random.Random, seed: int, number: int, at_s: float, began: datetime, contact: list[str]
) -> Iterator[tuple[float, dict[str, Any]]]:
    """One visit's events: the second at which each happens, and the event."""
    promised = began + timedelta(seconds=at_s + rng.uniform(10, 90))
    first = {
        "customer_id": f"K{number % 997:05d}",
        "lane": rng.choice(("quick", "standard")),
        "locale": rng.choice(("zh-CN", "en")),
        "promised_at": _stamp(promised),
        "contact": contact,
    }
    for step, (kind, fields) in enumerate((("check_in", first), *SCRIPT)):
        yield (
            at_s,
            {
                "event_id": f"today-{seed}-{number}-{step}",
                "type": kind,
                "order_id": f"T{number:07d}",
                "vehicle_id": f"LFVTD{number:012d}",
                "center_id": f"C{number % 15 + 1:02d}",
                "occurred_at": _stamp(began + timedelta(seconds=at_s)),
                **fields,
            },
        )
        at_s += rng.uniform(*GAP_S)


def among(records: list[Sent], today: list[Timed], rate: float) -> list[Sent]:
    """All of them in one list that is sent at the rate, each of today's at its second."""
    merged: list[Sent] = []
    rest = iter(records)
    for at_s, record in today:
        while len(merged) < at_s * rate and (record_before := next(rest, None)) is not None:
            merged.append(record_before)
        merged.append(record)
    return [*merged, *rest]


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
