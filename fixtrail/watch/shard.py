"""One partition of the watch: its open orders, centers, alerts and heartbeats, and what is due of them by the clock.

It is built from the topics alone, so whoever gets the partition next comes to the same. Nothing that `tick` finds
counts before `accept` is told that it was written.
"""

import heapq
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import orjson
from pydantic import ValidationError

from fixtrail.watch import alerts as life
from fixtrail.watch.center_counts import CenterCounts
from fixtrail.watch.config import OrderRule, PipelineRule, Rule, SourceRule, StockoutRule, WatchConfig
from fixtrail.watch.groups import group_of, oldest_first
from fixtrail.watch.open_order import ClosedOrder, TickOutput, WatchedOrder, put, replaces, watched_fact
from fixtrail.watch.quality import PARTITION, QualityCases
from fixtrail.watch.rules import (
    Centers,
    Due,
    DueNotice,
    due_by,
    notice_dues,
    order_dues,
    pipeline_due,
    ready_due,
    stockout_due,
)
from fixtrail.watch.settling import is_settled, settles_at
from fixtrail.watch.sources import source_dues
from fixtrail.watch.vehicles import VehicleChanges, first_known_at
from fixtrail.watch.voices import VoiceCases
from runtime.clock import newest_heartbeat, now_ms
from schemas.facts import Acknowledgement, Alert
from schemas.heartbeat import heartbeat_sent_at
from schemas.opening_hours import is_open
from schemas.order_key import OrderKey
from schemas.times import DAY_MS, MINUTE_MS
from streams.journey.clock_notices import NO_NEWS, is_by_clock
from streams.journey.ready_setting import CheckHistory

log = logging.getLogger(__name__)

# So old a version of a closed order does not come back: workers repeat what they wrote after a crash, not for days.
_CLOSED_KEPT_MS = 3 * DAY_MS
_HOURS_KEPT_MS = 36 * DAY_MS
_RECIPIENTS_KEPT_MS = 60 * MINUTE_MS
_LOOK_AGAIN_MS = 5_000
_CENTERS_EVERY_MS = MINUTE_MS
_HOUSEKEEPING_EVERY_MS = 10 * MINUTE_MS
_MOST_ORDERS = 2000

Fact = dict[str, Any]


class Shard:
    """`stale_ms`: heartbeats as old as that say that events wait for the stream workers.

    Then nothing new is said of orders: what looks like silence may be ours. `acks` are all acknowledgements by alert.
    """

    def __init__(
        self,
        partition: int,
        config: WatchConfig,
        centers: Centers,
        stale_ms: int = MINUTE_MS,
        acks: Mapping[str, Acknowledgement] | None = None,
        quality: QualityCases | None = None,
    ) -> None:
        self.partition = partition
        self.heartbeat_ms: int | None = None
        self.live_since: int | None = None
        self._config, self._centers, self._stale_ms = config, centers, stale_ms
        self._rules: dict[str, Rule] = {rule.name: rule for rule in config.rule}
        self._order_rules = [rule for rule in config.rule if isinstance(rule, OrderRule)]
        self._center_rules = [rule for rule in config.rule if isinstance(rule, StockoutRule | SourceRule)]
        self._pipeline_rules = [rule for rule in config.rule if isinstance(rule, PipelineRule)]
        self._orders: dict[OrderKey, WatchedOrder] = {}
        self._vehicles, self._voices = VehicleChanges(config.rule), VoiceCases(config.rule, centers)
        self._checks = CheckHistory()
        self._closed: dict[OrderKey, ClosedOrder] = {}
        self._recipients: dict[OrderKey, tuple[int, list[str]]] = {}
        self._sent_notices: defaultdict[OrderKey, set[str]] = defaultdict(set)
        self._timers: list[tuple[int, OrderKey]] = []
        self._dirty: set[OrderKey] = set()
        self._counts = CenterCounts()
        self._centers_at = self._housekeeping_at = 0
        self.alerts: dict[str, Alert] = {}
        # Ids by order, of alerts not ended.
        self._running_alerts: defaultdict[str | OrderKey, set[str]] = defaultdict(set)
        self._acks = acks if acks is not None else {}
        self._quality = quality if partition == PARTITION else None

    def __len__(self) -> int:
        return len(self._orders)

    def open_alerts(self) -> Iterator[Alert]:
        return (alert for alert in self.alerts.values() if alert.closed_at is None)

    def is_stale(self, now: int) -> bool:
        """Whether events are held to wait for the stream workers. Without any heartbeat nobody can tell."""
        return self.heartbeat_ms is not None and abs(now - self.heartbeat_ms) > self._stale_ms

    def clock_was_set(self, now: int) -> None:
        """Forget what was put off by the clock as it was before."""
        self._centers_at = self._housekeeping_at = 0
        self._dirty |= {key for _, key in self._timers}
        self._timers.clear()
        if self.live_since is not None:
            self.live_since = now

    # What the topics say

    def apply_journey(self, record: Any) -> None:
        """Keep an open order's newest fact; of others only that they are not open."""
        if record.value is None:
            if (sent_ms := heartbeat_sent_at(record)) is not None:
                self.heartbeat_ms = newest_heartbeat(self.heartbeat_ms, sent_ms, now_ms())
            return
        try:
            journey = orjson.loads(record.value)
            fact = watched_fact(journey)
            key, version, last_event_at = OrderKey.of(fact), int(fact["version"]), int(fact["last_event_at"])
            self._checks.add(journey)
            if not fact["is_moved"]:
                self._counts.add_journey(journey, record.timestamp, is_known_closed=key in self._closed)
        except (ValueError, KeyError, TypeError):
            log.warning("record %d of journeys %d is no journey", record.offset, record.partition)
            return
        former, known_at = self._orders.get(key) or self._closed.get(key), first_known_at(fact)
        if self._vehicles.add(key, fact, former):
            self._dirty.add(key)
        if not replaces(fact, former):
            return
        self._dirty.add(key)
        settled_at = settles_at(record.timestamp, last_event_at)
        self._voices.add(key, journey, settled_at)
        if fact["status"] == "open":
            self._orders[key] = WatchedOrder(fact["vehicle_id"], version, last_event_at, known_at, settled_at, fact)
            self._closed.pop(key, None)
        else:
            self._orders.pop(key, None)
            self._closed[key] = ClosedOrder(fact["vehicle_id"], version, last_event_at, known_at)

    def apply_notice(self, record: Any) -> None:
        """Remember where an order's customer is reached, and what the clock has told."""
        try:
            notice = orjson.loads(record.value or b"")
            order, at = OrderKey.of(notice), int(notice["occurred_at"])
            if is_by_clock(notice):
                self._sent_notices[order].add(notice["notice_id"])
            elif at >= self._recipients.get(order, (0, []))[0]:
                self._recipients[order] = (at, list(notice["recipients"]))
        except (ValueError, KeyError, TypeError):
            log.warning("record %d of notices %d is no notice", record.offset, record.partition)

    def apply_hour(self, record: Any) -> None:
        """Count a center's part requests by hour, the newest revision of each partial sum."""
        try:
            if self._counts.add_hour(orjson.loads(record.value or b"")):
                self._centers_at = 0
        except (ValueError, KeyError, TypeError):
            log.warning("record %d of center-hours %d is no hour", record.offset, record.partition)

    def apply_alert(self, record: Any) -> None:
        """Know an alert as it was written, by this process or another."""
        alert_id = (record.key or b"").decode(errors="replace")
        if record.value is None:
            self._forget(alert_id)
        elif (alert := _read(Alert, record)) is not None and life.is_newer(alert, self.alerts.get(alert.alert_id)):
            self._keep(alert)
            if alert.order_id is not None:
                self._dirty.add(OrderKey(alert.center_id or "", alert.order_id))

    # What the clock says

    def tick(self, now: int) -> TickOutput:
        """The output that is due now. The same is returned again until `accept`."""
        output = TickOutput()
        self._housekeep(output, now)
        self._look_at_orders(output, now)
        if now - self._centers_at >= _CENTERS_EVERY_MS:
            self._centers_at = now
            self._look_at_centers(output, now)
        self._look_at_pipeline(output, now)
        self._look_at_quality(output, now)
        self._look_at_open_alerts(output, now)
        return output

    def accept(self, output: TickOutput) -> None:
        """Apply the output of a tick after it was written."""
        for alert in output.alerts.values():
            if life.is_newer(alert, self.alerts.get(alert.alert_id)):
                self._keep(alert)
        for notice in output.notices:
            self._sent_notices[OrderKey.of(notice)].add(notice["notice_id"])
        for alert_id in output.deleted_alerts:
            self._forget(alert_id)

    def refuse(self, output: TickOutput) -> None:
        """The output could not be written: compute it again."""
        self._dirty |= output.orders
        self._centers_at = self._housekeeping_at = 0

    @property
    def is_behind(self) -> bool:
        """Whether the last look left orders for the next one."""
        return bool(self._dirty)

    def _look_at_orders(self, output: TickOutput, now: int) -> None:
        while self._timers and self._timers[0][0] <= now:
            self._dirty.add(heapq.heappop(self._timers)[1])
        # Not more at once, so that whoever shares the event loop is not kept waiting.
        output.orders = set(islice(self._dirty, _MOST_ORDERS))
        self._dirty -= output.orders
        stale = self.is_stale(now)
        for key in output.orders:
            order = self._orders.get(key)
            if order is None:
                closed = self._closed.get(key)
                cases = self._vehicles.due_by(key, now) | self._voices.due_by(key, now)
                may_open = not stale and self._voices.is_settled(key, now)
                self._settle(output, key, cases, closed.last_event_at if closed else now, now, may_open=may_open)
                self._look_again(key, self._voices.times_after(key, now), now, is_held=stale and bool(cases))
                continue
            if order.fact is not None:
                self._plan(order, order.fact, now)
            is_held = stale or not is_settled(order.settled_at, now)
            cases = order.due_by(now) | self._vehicles.due_by(key, now) | self._voices.due_by(key, now)
            self._settle(output, key, cases, order.last_event_at, now, may_open=not is_held)
            times = order.times()
            waiting = is_held and (bool(cases) or any(at <= now for at in times))
            for due in order.notices:
                if due.due_at <= now and not is_held:
                    waiting = self._tell(output, due, now) or waiting
            ahead = [at for at in times if at > now] + self._voices.times_after(key, now)
            if waiting and order.settled_at > now:
                ahead.append(order.settled_at)
            self._look_again(key, ahead, now, is_held=waiting and order.settled_at <= now)

    def _look_again(self, key: OrderKey, times: list[int], now: int, *, is_held: bool) -> None:
        if is_held:
            times = [*times, now + _LOOK_AGAIN_MS]
        if times:
            heapq.heappush(self._timers, (min(times), key))

    def _plan(self, order: WatchedOrder, fact: Fact, now: int) -> None:
        """Work out what will be due of an order's newest fact."""
        order.fact = None
        try:
            order.dues = order_dues(fact, self._order_rules, self._centers)
            order.notices = notice_dues(fact, self._config.customers, self._centers)
            if (ready := ready_due(fact, self._centers, self._checks, now)) is not None:
                order.notices = [*(due for due in order.notices if due.due_at < ready.due_at), ready]
        except (TypeError, KeyError, ValueError, OverflowError):
            log.exception("nothing can be said of an order by the clock")

    def _tell(self, output: TickOutput, due: DueNotice, now: int) -> bool:
        """Add the notice, if it is worth telling; whether it must be looked at again."""
        notice, order = due.notice, due.order
        if notice["notice_id"] in self._sent_notices.get(order, ()) or now >= notice["expires_at"]:
            return False
        center = self._centers.get(notice["center_id"])
        if notice["milestone"] == NO_NEWS and center is not None and not is_open(now, center):
            return True
        output.notices.append({**notice, "recipients": self._recipients.get(order, (0, []))[1]})
        return False

    def _look_at_centers(self, output: TickOutput, now: int) -> None:
        # Of the centers whose hours stand in this partition: each has one shard that speaks of it.
        for center_id in [*self._counts.requests]:
            dues = [due for rule in self._center_rules for due in self._center_dues(rule, center_id, now)]
            # What looks like a silent source may be ours.
            is_held = self.is_stale(now)
            self._settle(output, f"center:{center_id}", due_by(dues, now), now, now, may_open=not is_held)

    def _center_dues(self, rule: StockoutRule | SourceRule, center_id: str, now: int) -> Iterator[Due]:
        if rule.centers and center_id not in rule.centers:
            return
        if not isinstance(rule, StockoutRule):
            yield from source_dues(rule, center_id, self._counts, now)
            return
        by_hour, center = self._counts.requests[center_id], self._centers.get(center_id)
        due = stockout_due(rule, center_id, by_hour, center, self._config.time_zone, now)
        if due is not None:
            yield due

    def _look_at_pipeline(self, output: TickOutput, now: int) -> None:
        for rule in self._pipeline_rules:
            due = pipeline_due(rule, self.partition, self.heartbeat_ms)
            if due is None:
                continue
            is_due = due.due_at <= now
            if is_due and now - (self.live_since or now) < rule.minutes * MINUTE_MS:
                # Whoever has just begun to look does not know yet whether it moves.
                continue
            self._settle(output, f"pipeline:{rule.name}", {due.key: due} if is_due else {}, now, now)

    def _look_at_quality(self, output: TickOutput, now: int) -> None:
        # Before it was computed nothing is known: neither that a warning goes on nor that it is over.
        if self._quality is not None and self._quality.cases is not None:
            for rule in self._quality.rules:
                self._settle(output, f"quality:{rule.name}", due_by([*self._quality.dues(rule, now)], now), now, now)

    def _settle(
        self,
        output: TickOutput,
        group: str | OrderKey,
        due: dict[tuple[str, str], Due],
        over_at: int,
        now: int,
        *,
        may_open: bool = True,
    ) -> None:
        """End the alerts of an order, center or partition that are due no more, and open those that are now."""

        def opens(case: Due) -> bool:
            return may_open and now - case.due_at <= self._config.oldest_hours * 60 * MINUTE_MS

        open_keys: set[tuple[str, str]] = set()
        for alert in sorted(map(self.alerts.__getitem__, self._running_alerts.get(group, ())), key=oldest_first):
            key = (alert.rule, alert.subject)
            case = due.get(key)
            if case is not None and case.level > alert.level and alert.closed_at is None and opens(case):
                put(output, life.ended(alert, case.due_at, "escalation"))
                continue
            is_held = key in open_keys or (alert.closed_at is not None and case and case.alert_id != alert.alert_id)
            if case is None or is_held:
                put(output, life.ended(alert, over_at))
            else:
                open_keys.add(key)
        for key, case in due.items():
            if key not in open_keys and case.alert_id not in self.alerts and opens(case):
                alert = life.opened(case)
                put(output, life.escalated(alert, case.rule, now) or alert)

    def _look_at_open_alerts(self, output: TickOutput, now: int) -> None:
        for alert in [*self.open_alerts()]:
            current = output.alerts.get(alert.alert_id, alert)
            rule = self._rules.get(alert.rule)
            if rule is None:
                put(output, life.ended(current, now, "configuration"))
            elif (ack := self._acks.get(alert.alert_id)) is not None:
                put(output, life.acknowledged(current, ack))
            else:
                put(output, life.escalated(current, rule, now))

    # Memory

    def _keep(self, alert: Alert) -> None:
        self.alerts[alert.alert_id] = alert
        group = group_of(alert)
        if alert.ended_at is None:
            self._running_alerts[group].add(alert.alert_id)
        else:
            self._running_alerts[group].discard(alert.alert_id)
            if not self._running_alerts[group]:
                del self._running_alerts[group]

    def _forget(self, alert_id: str) -> None:
        alert = self.alerts.pop(alert_id, None)
        if alert is not None:
            self._running_alerts.get(group_of(alert), set()).discard(alert_id)

    def _housekeep(self, output: TickOutput, now: int) -> None:
        """Delete old state, once every few minutes."""
        if now - self._housekeeping_at < _HOUSEKEEPING_EVERY_MS:
            return
        self._housekeeping_at = now
        ended_before = now - self._config.keep_days * DAY_MS
        ended = [alert for alert in self.alerts.values() if alert.ended_at is not None]
        output.deleted_alerts = [alert.alert_id for alert in ended if (alert.ended_at or 0) < ended_before]
        closed_before = now - _CLOSED_KEPT_MS
        for order in [order for order, closed in self._closed.items() if closed.last_event_at < closed_before]:
            del self._closed[order]
        # A notice is there before the journey that it is of.
        seen_before = now - _RECIPIENTS_KEPT_MS
        for order in [order for order, (at, _) in self._recipients.items() if at < seen_before]:
            if order not in self._orders:
                del self._recipients[order]
        for order in [order for order in self._sent_notices if order not in self._orders]:
            del self._sent_notices[order]
        self._counts.forget(now - _HOURS_KEPT_MS)
        if len(self._timers) > 1000 + 2 * len(self._orders):
            self._timers.clear()
            self._dirty |= self._orders.keys()


def _read(model: Any, record: Any) -> Any:
    try:
        return model.model_validate_json(record.value)
    except ValidationError:
        log.warning("record %d of %s %d cannot be read", record.offset, record.topic, record.partition)
        return None
