"""The feed of a workshop's events with anomalies: late, duplicate, out of order, incomplete or lost."""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fixtrail.simulator.scenario import Anomalies
from schemas.times import DAY_MS, EPOCH, MINUTE_MS

Event = dict[str, Any]
FIVE_MINUTES_MS = 5 * MINUTE_MS
# The phases that real terminals forget to send; without the others there would be no visit to speak of.
FORGOTTEN = frozenset(
    {
        ("diagnosis", "started"),
        ("diagnosis", "completed"),
        ("part_request", "fulfilled"),
        ("repair", "completed"),
        ("quality_check", "started"),
        ("quote_decision", None),
    }
)


@dataclass(slots=True)
class FeedOrder:
    """What an event says of its order, and the order's own flaw, if it has one."""

    order_id: str
    vehicle_id: str
    center_id: str
    checked_in_s: float
    oddity: str | None = None
    count: int = 0
    further_count: int = 0


class Feed:
    """The events of one center, taken as they happen and given out as they arrive."""

    def __init__(
        self,
        anomalies: Anomalies,
        start: datetime,
        draw: random.Random,
        further_draw: random.Random,
        neighbour: str | None,
    ) -> None:
        self._anomalies, self._draw, self._neighbour = anomalies, draw, neighbour
        self._further_draw = further_draw
        self._start_ms = int((start - EPOCH).total_seconds() * 1000)
        self._waiting: list[tuple[int, int, Event]] = []
        self._pushed = 0
        self._stamp_day, self._stamp_date = -1, ""
        self._oddities = self._ladder()

    def open_order(self, order_id: str, vehicle_id: str, center_id: str, now_s: float) -> FeedOrder:
        order = FeedOrder(order_id, vehicle_id, center_id, now_s)
        chance = self._draw.random()
        for bound, oddity in self._oddities:
            if chance < bound:
                order.oddity = oddity
                break
        return order

    def say(self, order: FeedOrder, kind: str, at_s: float, **fields: Any) -> str:
        """One event of the order, true as it is; the feed may spoil it on its way. Gives its id."""
        order.count += 1
        event_id = f"{order.order_id}-{order.count:03}"
        center_id = order.center_id
        phase = fields.get("phase")
        stamped_s = at_s
        if order.oddity is not None:
            if order.oddity == "missing_check_in" and kind == "check_in":
                return event_id
            if order.oddity == "center_changed" and kind == "diagnosis" and self._neighbour:
                center_id = self._neighbour
            if order.oddity == "negative_gap" and kind == "diagnosis" and phase == "started":
                # The tablet's clock is slow: its stamp lies before the reception's.
                stamped_s = order.checked_in_s - 30 - self._draw.random() * 1_200
        if (
            (kind, phase) in FORGOTTEN
            and self._anomalies.lost_phase
            and self._draw.random() < self._anomalies.lost_phase
        ):
            return event_id
        envelope = self._envelope(order, event_id, kind, stamped_s)
        self._send({**envelope, "center_id": center_id, **fields}, at_s, self._draw)
        return event_id

    def say_further(self, order: FeedOrder, kind: str, at_s: float, **fields: Any) -> None:
        """One event that takes no time of the visit; it draws from a stream of its own, so it shuffles no other."""
        order.further_count += 1
        event_id = f"{order.order_id}-f{order.further_count:02}"
        self._send({**self._envelope(order, event_id, kind, at_s), **fields}, at_s, self._further_draw)

    def _envelope(self, order: FeedOrder, event_id: str, kind: str, at_s: float) -> Event:
        return {
            "event_id": event_id,
            "type": kind,
            "order_id": order.order_id,
            "vehicle_id": order.vehicle_id,
            "center_id": order.center_id,
            "occurred_at": self.stamp(at_s),
        }

    def close_order(self, order: FeedOrder, now_s: float) -> None:
        """To be said after the closing event: some terminals go on sending."""
        if order.oddity == "activity_after_close":
            later_s = now_s + 60 + self._draw.random() * 5_400
            self.say(order, "repair", later_s, phase="completed", job_id=f"{order.order_id}-j1")

    def arrived_before(self, at_s: float) -> Iterator[tuple[int, int, Event]]:
        """(arrival in ms since 1970, number, event) in order of arrival; nothing may happen before `at_s` any more."""
        limit_ms = self._start_ms + int(at_s * 1000)
        while self._waiting and self._waiting[0][0] < limit_ms:
            yield heapq.heappop(self._waiting)

    def stamp(self, at_s: float) -> str:
        """The instant in RFC 3339, UTC, cut to milliseconds."""
        day, ms = divmod(self._start_ms + int(at_s * 1000), DAY_MS)
        if day != self._stamp_day:
            self._stamp_day, self._stamp_date = day, (EPOCH + timedelta(days=day)).date().isoformat()
        seconds, ms = divmod(ms, 1000)
        minutes, seconds = divmod(seconds, 60)
        return f"{self._stamp_date}T{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{ms:03}Z"

    def next_five_minutes(self, at_s: float) -> float:
        """The next full five minutes of the clock: what an advisor promises."""
        return (-(-(self._start_ms + int(at_s * 1000)) // FIVE_MINUTES_MS) * FIVE_MINUTES_MS - self._start_ms) / 1000

    def _send(self, event: Event, at_s: float, draw: random.Random) -> None:
        anomalies = self._anomalies
        chance = draw.random()
        delay_s = draw.expovariate(1.0) * anomalies.delay_s
        if chance < anomalies.late:
            delay_s += draw.random() ** 2 * anomalies.late_hours * 3_600
        self._push(event, at_s + delay_s)
        if anomalies.duplicate and draw.random() < anomalies.duplicate:
            again_s = draw.random() ** 3 * 3_600
            self._push(dict(event), at_s + delay_s + again_s)

    def _push(self, event: Event, arrives_s: float) -> None:
        self._pushed += 1
        heapq.heappush(self._waiting, (self._start_ms + int(arrives_s * 1000), self._pushed, event))

    def _ladder(self) -> list[tuple[float, str]]:
        bounds: list[tuple[float, str]] = []
        total = 0.0
        for oddity in ("missing_check_in", "activity_after_close", "negative_gap", "center_changed"):
            total += getattr(self._anomalies, oddity)
            bounds.append((total, oddity))
        return bounds
