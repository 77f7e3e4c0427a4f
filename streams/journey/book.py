"""The rules over one partition's state: a batch of events in, what to write out.

A `Book` reads and writes three mappings of bytes (the Faust tables, or plain dicts) and keeps nothing else that
matters but the partition's event clock, which it finds again in the vehicles. Applying a batch twice, or again after
a crash that lost some of its writes, ends in the same state: everything derived is derived from the sets of events.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, Literal

import orjson

from schemas.events import Event
from schemas.times import DAY_MS
from streams.journey import entries as e
from streams.journey.entries import entry_of
from streams.journey.facts import Fact, journey_fact
from streams.journey.first_time_fix import first_time_fix
from streams.journey.hours import Contribution, center_hour, contributions_of
from streams.journey.notices import notice_of
from streams.journey.order import Order
from streams.journey.packed import packed
from streams.journey.vehicle import Vehicle
from streams.journey.visit import Milestone

HOLD_DAYS = 60

Diverted = Literal["too_late", "order_full"]
Table = MutableMapping[bytes, bytes]
Changes = dict[bytes, bytes | None]  # None: the key is let go
# By hour and order: the version of the order's facts, and what it adds; None where it has left the hour.
HourChanges = dict[bytes, dict[str, tuple[int, Contribution | None]]]


@dataclass(slots=True)
class Written:
    """What a batch comes to: facts to send, table changes to log, and which offsets are diverted, why."""

    journeys: list[Fact] = field(default_factory=list)
    hours: list[Fact] = field(default_factory=list)
    notices: list[Fact] = field(default_factory=list)
    diverted: list[tuple[int, Diverted]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    # Keys of orders let go: to be deleted from the log once the changes of this batch, which tell so, are in it.
    gone: list[bytes] = field(default_factory=list)
    order_changes: Changes = field(default_factory=dict)
    vehicle_changes: Changes = field(default_factory=dict)
    hour_changes: Changes = field(default_factory=dict)


class _Hand:
    """A vehicle taken in hand for the length of a batch, with those of its orders that were looked at."""

    __slots__ = ("gone", "milestones", "orders", "touched", "vehicle")

    def __init__(self, vehicle: Vehicle) -> None:
        self.vehicle = vehicle
        self.orders: dict[str, Order] = {}
        self.touched: dict[str, bool] = {}  # whether everything that follows must be written again
        self.gone: list[str] = []
        self.milestones: dict[str, list[Milestone]] = {}


class Book:
    """The journeys of one partition. `hold_days`: event time for which an order is kept after its close."""

    def __init__(
        self, partition: int, orders: Table, vehicles: Table, hours: Table, *, hold_days: int = HOLD_DAYS
    ) -> None:
        self.partition = partition
        self._orders, self._vehicles, self._hours = orders, vehicles, hours
        self._hold_ms = hold_days * DAY_MS
        self.clock = 0
        # The newest record of which something had reached the log before the state was read from it.
        self._told = -1
        # (event time at which to look whether something can be let go, key)
        self._vehicle_expiry: list[tuple[int, str]] = []
        self._hour_expiry: list[tuple[int, bytes]] = []

    def recall(self, vehicles: Iterable[bytes], hours: Iterable[bytes]) -> list[bytes]:
        """Find the clock and the expiries again, given the keys of this partition's vehicles and hours.

        Returns the keys of orders that were let go and are to be deleted from the log.
        """
        left: list[bytes] = []
        for key in vehicles:
            vehicle = Vehicle(key.decode(), self._vehicles[key])
            self.clock = max(self.clock, vehicle.clock)
            self._told = max(self._told, vehicle.offset)
            self._expect(vehicle)
            gone = (order_key(vehicle.vehicle_id, order_id) for order_id in vehicle.let_go)
            left += [each for each in gone if self._orders.pop(each, None) is not None]
        for key in hours:
            if (touched := orjson.loads(self._hours[key])[0]) is not None:
                heappush(self._hour_expiry, (touched + self._hold_ms, key))
        return left

    def apply(self, events: Iterable[tuple[int, Event]]) -> Written:
        """Take a batch of (offset, event) in the order of the partition."""
        out = Written()
        hands: dict[str, _Hand] = {}
        hours: HourChanges = {}
        offset = -1
        for offset, event in events:
            hand = hands.get(event.vehicle_id)
            if hand is None:
                vehicle_id = event.vehicle_id
                hand = hands[vehicle_id] = _Hand(Vehicle(vehicle_id, self._vehicles.get(vehicle_id.encode())))
            self._take(hand, event, offset, out, hours)
        for hand in hands.values():
            self._settle(hand, offset, out, hours)
        for key, changes in hours.items():
            self._write_hour(key, changes, offset, out)
        self._let_go_idle(out)
        return out

    def _order(self, hand: _Hand, order_id: str) -> Order:
        order = hand.orders.get(order_id)
        if order is None:
            state = self._orders.get(order_key(hand.vehicle.vehicle_id, order_id))
            order = hand.orders[order_id] = Order(order_id, state)
        return order

    def _take(self, hand: _Hand, event: Event, offset: int, out: Written, hours: HourChanges) -> None:
        vehicle, order_id = hand.vehicle, event.order_id
        entry = entry_of(event)
        if (expires := vehicle.expires_at(self._hold_ms)) is not None and expires < self.clock:
            # What this batch made of the orders is told before they go.
            self._settle(hand, offset - 1, out, hours)
            hand.gone.extend(vehicle.let_go_of(self.clock, self._hold_ms))
        self.clock = max(self.clock, entry[e.AT])
        if vehicle.is_too_late(order_id, entry[e.AT]):
            self._divert("too_late", offset, vehicle.offset, out)
            return
        if self._is_in_another_order(hand, order_id, event.event_id):
            out.outcomes["conflict"] += 1
            return
        order = self._order(hand, order_id)
        if order.is_full and not order.has(event.event_id):
            self._divert("order_full", offset, max(order.offset, vehicle.offset), out)
            return
        # A record met again: perhaps not all that followed from it was written before a crash, so derive it again.
        redelivered = offset <= max(order.offset, vehicle.offset)
        taken, milestones = order.take(entry, offset)
        known = taken in ("duplicate", "conflict")
        out.outcomes["redelivered" if known and redelivered else taken] += 1
        if known and not redelivered:
            return
        hand.touched[order_id] = hand.touched.get(order_id, False) or redelivered
        links = entry[e.CODE] in e.LINKING or redelivered or not vehicle.keeps(order_id)
        if links and (vehicle.note(order, self.clock) or redelivered):
            for other in vehicle.order_ids():
                hand.touched[other] = hand.touched.get(other, False) or redelivered
        if milestones:
            hand.milestones.setdefault(order_id, []).extend(milestones)

    def _divert(self, code: Diverted, offset: int, seen_up_to: int, out: Written) -> None:
        # A record seen before was taken, or diverted, when its order was still here or had room. What a batch sends is
        # acknowledged before anything of it is logged, so that was also told.
        seen = offset <= max(seen_up_to, self._told)
        out.outcomes["redelivered" if seen else code] += 1
        if not seen:
            out.diverted.append((offset, code))

    def _is_in_another_order(self, hand: _Hand, order_id: str, event_id: str) -> bool:
        return any(other != order_id and self._order(hand, other).has(event_id) for other in hand.vehicle.order_ids())

    def _settle(self, hand: _Hand, offset: int, out: Written, hours: HourChanges) -> None:
        """Write what the batch made of one vehicle."""
        vehicle = hand.vehicle
        if not hand.touched and not hand.gone:
            return
        digests = vehicle.digests()
        for order_id, again in hand.touched.items():
            order = self._order(hand, order_id)
            visit = order.visit
            if visit.last is None:
                continue  # its state was lost in a crash; it is here again once its own events are
            vehicle.note(order, self.clock)
            verdict = first_time_fix(order_id, visit, digests)
            fact = journey_fact(order_id, vehicle.vehicle_id, visit, verdict, vehicle.version_of(order_id, visit))
            out.journeys.append(fact)
            for told in hand.milestones.get(order_id, ()):
                out.notices.append(notice_of(order_id, visit, told, order.entry(told[1])))
            key = order_key(vehicle.vehicle_id, order_id)
            self._count_hours(key.decode(), order, fact, again, hours)
            self._change(self._orders, out.order_changes, key, order.state())
        for order_id in hand.gone:
            # Not a change of this batch: were it in the log without the vehicle's, a record read again would begin
            # the order anew.
            key = order_key(vehicle.vehicle_id, order_id)
            self._orders.pop(key, None)
            out.gone.append(key)
        hand.touched, hand.gone, hand.milestones = {}, [], {}
        vehicle.offset, vehicle.clock = max(vehicle.offset, offset), self.clock
        self._change(self._vehicles, out.vehicle_changes, vehicle.vehicle_id.encode(), vehicle.state())
        self._expect(vehicle)

    def _count_hours(self, name: str, order: Order, fact: Fact, again: bool, hours: HourChanges) -> None:
        """Note what the order adds to its center's hours, and take it out of those it has left."""
        added = contributions_of(fact)
        places = [list(place) for place in added]
        if fact["status"] == "open" and places == order.hours and not again:
            return  # its check-in has been counted, and nothing else yet
        for center_id, hour in order.hours:
            hours.setdefault(hour_key(center_id, hour, self.partition), {})[name] = (fact["version"], None)
        for (center_id, hour), contribution in added.items():
            hours.setdefault(hour_key(center_id, hour, self.partition), {})[name] = (fact["version"], contribution)
        # The hours it has left stay with it: were their own changes lost in a crash, it has to leave them again.
        order.hours = places + [place for place in order.hours if place not in places]

    def _write_hour(
        self, key: bytes, changes: dict[str, tuple[int, Contribution | None]], offset: int, out: Written
    ) -> None:
        """Write an hour's contributions anew, and its row. An hour that was let go stays as it was last written."""
        state = self._hours.get(key)
        touched, each = (self.clock, {}) if state is None else orjson.loads(state)
        if touched is None:
            out.outcomes["hour_let_go"] += 1
            return
        each.update(changes)
        if state is None:
            heappush(self._hour_expiry, (self.clock + self._hold_ms, key))
        self._change(self._hours, out.hour_changes, key, packed([self.clock, each]))
        center_id, hour, _ = orjson.loads(key)
        added = (contribution for _, contribution in each.values() if contribution is not None)
        out.hours.append(center_hour(center_id, hour, self.partition, offset + 1, added))

    def _let_go_idle(self, out: Written) -> None:
        """Let go whatever the clock has passed by now."""
        for vehicle_id in _due(self._vehicle_expiry, self.clock):
            if (state := self._vehicles.get(vehicle_id.encode())) is not None:
                hand = _Hand(Vehicle(vehicle_id, state))
                hand.gone.extend(hand.vehicle.let_go_of(self.clock, self._hold_ms))
                self._settle(hand, hand.vehicle.offset, out, {})
        for key in _due(self._hour_expiry, self.clock):
            touched, each = orjson.loads(self._hours[key])
            if touched + self._hold_ms >= self.clock:
                heappush(self._hour_expiry, (touched + self._hold_ms, key))
            elif any(name.encode() in self._orders for name in each):
                # An order of the hour is still kept, so a comeback can still change what it adds.
                heappush(self._hour_expiry, (self.clock + DAY_MS, key))
            else:
                self._change(self._hours, out.hour_changes, key, packed([None, {}]))

    def _expect(self, vehicle: Vehicle) -> None:
        if (expires := vehicle.expires_at(self._hold_ms)) is not None:
            heappush(self._vehicle_expiry, (expires, vehicle.vehicle_id))

    @staticmethod
    def _change(table: Table, changes: Changes, key: bytes, value: bytes | None) -> None:
        changes[key] = value
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value


def order_key(vehicle_id: str, order_id: str) -> bytes:
    """The key of an order's state; it names the vehicle, by which the topic is partitioned."""
    return packed([vehicle_id, order_id])


def hour_key(center_id: str, hour: int, partition: int) -> bytes:
    """The key of a center hour's state, one for each partition that contributes to it."""
    return packed([center_id, hour, partition])


def _due(expiry: list[tuple[int, Any]], clock: int) -> Iterator[Any]:
    while expiry and expiry[0][0] < clock:
        yield heappop(expiry)[1]
