"""A workshop whose events arrive at once: `fixtrail send -` that is kept running, and lines for it."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import count
from types import TracebackType
from typing import Any

from tests.stack import COMMAND, ROOT, Stack, wait_for

_numbers = count(1)


def clock(at: datetime) -> str:
    """A time as events have it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Floor:
    """Sends events as they happen."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._sending: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Floor":
        command = [*COMMAND, "send", "-", "--data", str(self._stack.folder)]
        self._sending = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        assert self._sending is not None and self._sending.stdin is not None
        self._sending.stdin.close()
        assert self._sending.wait(90) == 0

    def order(self, order_id: str, **fields: Any) -> "Car":
        """A car that comes in for an order; nothing is sent yet."""
        return Car(self, order_id, fields)

    def send(self, event: dict[str, Any]) -> None:
        assert self._sending is not None and self._sending.stdin is not None
        self._sending.stdin.write(json.dumps(event).encode() + b"\n")
        self._sending.stdin.flush()

    def link(self, order_id: str) -> str:
        """A link to the order's page, as soon as the order is known."""
        links: list[str] = []

        def is_known() -> bool:
            links[:] = self._stack.run("tracking", "link", order_id, exit_code=None).split()
            return bool(links)

        wait_for(is_known, 120, "the order is known")
        return links[0]


class Car:
    """One visit: `car.now("repair", phase="started", job_id="J1")` sends what happens now."""

    def __init__(self, floor: Floor, order_id: str, fields: dict[str, Any]) -> None:
        self.order_id = order_id
        self._floor = floor
        self._fields = {"order_id": order_id, "vehicle_id": f"VIN-{order_id}", "center_id": "C1", **fields}

    def now(self, type_: str, *, ago: timedelta = timedelta(), **fields: Any) -> None:
        """Send an event that happens now, or so long ago."""
        common = {"event_id": f"floor-{self.order_id}-{next(_numbers)}", "type": type_}
        self._floor.send({**common, **self._fields, "occurred_at": clock(datetime.now(UTC) - ago), **fields})

    def check_in(self, **fields: Any) -> None:
        self.now("check_in", **{"customer_id": f"K-{self.order_id}", "lane": "standard", **fields})

    def quote(self, **fields: Any) -> None:
        """A completed diagnosis with a quote of ¥769.90."""
        parts = [{"part_no": "P-1042", "quantity": 2, "unit_price": 99.95}]
        quote = {"labour_hours": 1.5, "labour_rate": 380, "parts": parts, "currency": "CNY"}
        self.now("diagnosis", phase="completed", fault_groups=["brakes"], quote=quote, **fields)

    def part(self, phase: str, **fields: Any) -> None:
        self.now("part_request", phase=phase, request_id="Q1", part_no="P-1042", quantity=2, **fields)

    def repair(self, phase: str, **fields: Any) -> None:
        self.now("repair", phase=phase, job_id="J1", **fields)
