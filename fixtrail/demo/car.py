"""One car that comes in while the demo runs, in real time, for the tracking page: a stage every few seconds."""

import asyncio
import threading
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from fixtrail.settings import ClickHouseSettings, TrackingSettings, WebSettings
from schemas.order_key import OrderKey
from schemas.times import rfc3339

ORDER, VEHICLE = "DEMO-1", "DEMO-CAR"
# A visit of three minutes, long enough to open the page and look; with `--once` nobody does.
PAUSE_S, QUICK_PAUSE_S = 16.5, 0.3
# So long the customer may answer the quote on the page before somebody calls.
ANSWER_S, QUICK_ANSWER_S = 20.0, 1.0
_PART = {"request_id": "DEMO-P1", "part_no": "BP-2207", "quantity": 1}
_QUOTE = {
    "labour_hours": 1.5,
    "labour_rate": 380,
    "parts": [{"part_no": "BP-2207", "quantity": 1, "unit_price": 699}],
    "currency": "CNY",
}

# What is going on next tells what the answer was.
_ANSWERED = {"bay": "approved", "pickup": "declined"}

Send = Callable[[bytes, bytes], object]


def start_car(settings: WebSettings, center_id: str, *, quick: bool) -> threading.Thread:
    """Start the visit on a thread of its own that ends with it, or with the process."""
    from fixtrail.sending.send import send_from

    def come() -> None:
        asyncio.run(send_from(settings, lambda send: _visit(settings, center_id, send, quick)))

    thread = threading.Thread(target=come, name="demo-car", daemon=True)
    thread.start()
    return thread


def _visit(settings: WebSettings, center_id: str, send: Send, quick: bool) -> None:
    def happens(number: int, type_: str, **fields: Any) -> None:
        event = {
            "event_id": f"{ORDER}-{number}",
            "type": type_,
            "order_id": ORDER,
            "vehicle_id": VEHICLE,
            "center_id": center_id,
            "occurred_at": rfc3339(datetime.now(UTC)),
            **fields,
        }
        send(orjson.dumps(event), VEHICLE.encode())
        time.sleep(QUICK_PAUSE_S if quick else PAUSE_S)

    ready = datetime.now(UTC) + timedelta(hours=2)
    customer = {"customer_id": "DEMO-CUSTOMER", "lane": "standard"}
    happens(1, "check_in", promised_at=rfc3339(ready), **customer)
    happens(2, "diagnosis", phase="started")
    happens(3, "diagnosis", phase="completed", fault_groups=["brakes"], quote=_QUOTE)
    answer = _answer(settings, QUICK_ANSWER_S if quick else ANSWER_S)
    if answer == "none":
        happens(4, "quote_decision", approved=True)
    if answer == "declined":
        happens(5, "handoff", amount=0)
        return
    happens(6, "part_request", phase="requested", **_PART)
    happens(7, "part_request", phase="backordered", expected_at=rfc3339(ready - timedelta(hours=1)), **_PART)
    happens(8, "check_in", promised_at=rfc3339(ready + timedelta(minutes=30)), **customer)
    happens(9, "part_request", phase="fulfilled", **_PART)
    happens(10, "repair", phase="started", job_id="DEMO-J1")
    happens(11, "repair", phase="completed", job_id="DEMO-J1")
    happens(12, "quality_check", phase="started")
    happens(13, "quality_check", phase="completed", passed=True)
    happens(14, "handoff", amount=1269)


def _answer(settings: ClickHouseSettings, limit_s: float) -> str:
    """What the customer said on the page: approved, declined, or none within the time."""
    from fixtrail.clickhouse.query import rows

    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        for row in rows(settings, f"SELECT activity FROM orders WHERE order_id = '{ORDER}'"):
            if row["activity"] in _ANSWERED:
                return _ANSWERED[row["activity"]]
        time.sleep(0.5)
    return "none"


def page_of(settings: TrackingSettings, center_id: str) -> str:
    """The address of its tracking page, once that is there."""
    from fixtrail.customers.links import link_of

    link, deadline = link_of(settings, OrderKey(center_id, ORDER), VEHICLE, 1), time.monotonic() + 20
    while not _answers(link) and time.monotonic() < deadline:
        time.sleep(0.1)
    return link


def _answers(link: str) -> bool:
    try:
        with urllib.request.urlopen(link, timeout=5):
            return True
    except OSError:
        return False
