"""The rules over one partition's state: a batch of events in, what to write out.

A `PartitionState` reads and writes three mappings of bytes (the Faust tables, or plain dicts) and keeps nothing else
that matters but the partition's event clock, which it reads from the vehicles. Applying a batch twice, or again after
a crash that lost some of its writes, ends in the same state: everything derived is derived from the sets of events.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field
from heapq import merge
from operator import itemgetter
from typing import Literal

import msgspec
import orjson

from schemas.erasure import Erasure
from schemas.events import Event
from schemas.history_mark import HistoryMark
from schemas.order_key import OrderKey
from schemas.times import DAY_MS
from streams.journey import entries as e
from streams.journey.center_hours import center_hour, contributions_of, shortened
from streams.journey.content_digest import content_digest
from streams.journey.entries import Entry, entry_of
from streams.journey.expiry import Expiry
from streams.journey.facts import Fact, journey_fact
from streams.journey.first_time_fix import first_time_fix
from streams.journey.hour_state import HourState, Share, decode_hour, hour_clock
from streams.journey.idle_orders import IdleOrders
from streams.journey.ids import order_key
from streams.journey.notices import notice_of, notices_to_make
from streams.journey.old_state import with_centers
from streams.journey.order import Order
from streams.journey.packed import packed
from streams.journey.vehicle import Vehicle, decode_vehicle, earliest_close
from streams.journey.visit_state import Milestone

HOLD_DAYS = 60
# Each event that may be a comeback writes every order of its vehicle again. No real one has so many in 60 days.
CROWDED_ORDERS = 100

Diversion = Literal["too_late", "order_full", "vehicle_full", "event_id_conflict"]
Table = MutableMapping[bytes, bytes]
Changes = dict[bytes, bytes | None]  # None: the key is let go
HourChanges = dict[bytes, dict[str, Share]]  # by hour and order


@dataclass(slots=True)
class BatchOutput:
    """The result of a batch: facts to send, table changes to log, and diverted offsets with the reason."""

    journeys: list[Fact] = field(default_factory=list)
    hours: list[Fact] = field(default_factory=list)
    notices: list[Fact] = field(default_factory=list)
    diverted: list[tuple[int, Diversion]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    # Keys of orders let go: to be deleted from the log once the changes of this batch, which tell so, are in it.
    deleted_orders: list[bytes] = field(default_factory=list)
    order_changes: Changes = field(default_factory=dict)
    vehicle_changes: Changes = field(default_factory=dict)
    hour_changes: Changes = field(default_factory=dict)
    # Closed orders whose customer was erased: their journeys are to be deleted.
    erased: list[Erasure] = field(default_factory=list)
    # Vehicles with so many orders that they are none, and how many: a fleet's key, a number that stands for "unknown".
    crowded: dict[str, int] = field(default_factory=dict)


class _VehicleSession:
    """A vehicle for the length of a batch, with those of its orders that were looked at."""

    __slots__ = ("changed", "dropped_orders", "entries", "expected", "is_marked", "milestones", "orders", "vehicle")

    def __init__(self, vehicle: Vehicle, expected: int | None) -> None:
        self.vehicle = vehicle
        self.expected = expected  # when it will be looked at already, to let go of orders
        self.orders: dict[OrderKey, Order] = {}
        self.changed: dict[OrderKey, bool] = {}  # by order: whether everything that follows must be written again
        self.dropped_orders: list[OrderKey] = []
        self.is_marked = False  # whether a mark of history has changed what it remembers
        self.milestones: dict[OrderKey, list[Milestone]] = {}
        self.entries: dict[tuple[OrderKey, str], Entry] = {}  # those of the batch that proved milestones, by event id


class PartitionState:
    """The journeys of one partition. `hold_days`: event time for which an order is kept after its close."""

    def __init__(
        self, partition: int, orders: Table, vehicles: Table, hours: Table, *, hold_days: int = HOLD_DAYS
    ) -> None:
        self.partition = partition
        self._orders, self._vehicles, self._hours = orders, vehicles, hours
        self._hold_ms = hold_days * DAY_MS
        self.clock = 0
        self._now_ms = 0
        # The newest record of which something had reached the log before the state was read from it.
        self._logged_offset = -1
        # When to look whether something can be let go.
        self._vehicle_expiry, self._hour_expiry = Expiry(), Expiry()
        # On disk there is room.
        self._idle_orders = IdleOrders(orders) if isinstance(orders, dict) else None

    def restore_clock(self) -> list[bytes]:
        """Restore the clock and the expiries from the vehicles and hours, once they are read from the log.

        Returns the keys of orders that were let go and are to be deleted from the log.
        """
        leftovers = with_centers(self._orders, self._vehicles, self._hours)
        for key, state in self._vehicles.items():
            vehicle = decode_vehicle(state)
            self.clock = max(self.clock, vehicle.clock)
            self._logged_offset = max(self._logged_offset, vehicle.offset)
            if (closed := earliest_close(vehicle.digests.values())) is not None:
                self._vehicle_expiry.add(closed + self._hold_ms, key)
            names = [order_key(key.decode(), OrderKey.decode(order)) for order in vehicle.let_go]
            leftovers += [name for name in names if self._orders.pop(name, None) is not None]
        for key, state in self._hours.items():
            if (changed_at := hour_clock(state)) is not None:
                self._hour_expiry.add(changed_at + self._hold_ms, key)
        return leftovers

    def apply(
        self,
        events: Iterable[tuple[int, Event]],
        erasures: Iterable[tuple[int, Erasure]] = (),
        now_ms: int = 0,
        marks: Collection[tuple[int, HistoryMark]] = (),
    ) -> BatchOutput:
        """Apply a batch of (offset, event) and marks in the order of the partition, then the batch's (offset, erasure).

        A notice that has expired at `now_ms` is not made: nobody would get it.
        """
        out = BatchOutput()
        self._now_ms = now_ms
        sessions: dict[str, _VehicleSession] = {}
        hours: HourChanges = {}
        offset = -1
        for offset, event in _in_order(events, marks) if marks else events:
            session = sessions.get(event.vehicle_id)
            if session is None:
                session = sessions[event.vehicle_id] = self._session(event.vehicle_id)
            if isinstance(event, HistoryMark):
                self._apply_mark(session, event, offset, out, hours)
            else:
                self._apply_event(session, event, offset, out, hours)
        for session in sessions.values():
            self._settle(session, offset, out, hours)
        for erased_at, erasure in erasures:
            self._erase(erasure, erased_at, out, hours)
        for key, changes in hours.items():
            self._write_hour(key, changes, offset, out)
        self._let_go_idle(out)
        if self._idle_orders is not None:
            self._idle_orders.pack(out.order_changes)
        return out

    def _session(self, vehicle_id: str) -> _VehicleSession:
        vehicle = Vehicle(vehicle_id, self._vehicles.get(vehicle_id.encode()))
        return _VehicleSession(vehicle, vehicle.expires_at(self._hold_ms))

    def _order(self, session: _VehicleSession, key: OrderKey) -> Order:
        order = session.orders.get(key)
        if order is None:
            state = self._orders.get(order_key(session.vehicle.vehicle_id, key))
            order = session.orders[key] = Order(key, state)
        return order

    def _apply_event(
        self, session: _VehicleSession, event: Event, offset: int, out: BatchOutput, hours: HourChanges
    ) -> None:
        vehicle, key = session.vehicle, event.order
        entry = entry_of(event)
        if (expires := vehicle.expires_at(self._hold_ms)) is not None and expires < self.clock:
            # What this batch made of the orders is told before they go.
            self._settle(session, offset - 1, out, hours)
            session.dropped_orders.extend(vehicle.let_go_of(self.clock, self._hold_ms))
        self.clock = max(self.clock, entry.at)
        if vehicle.is_too_late(key, entry.at):
            self._divert("too_late", offset, vehicle.offset, out)
            return
        if vehicle.is_full(key):
            self._divert("vehicle_full", offset, vehicle.offset, out)
            return
        order = self._order(session, key)
        if order.is_full and not order.has(event.event_id):
            self._divert("order_full", offset, max(order.offset, vehicle.offset), out)
            return
        # A record met again: perhaps not all that followed from it was written before a crash, so derive it again.
        redelivered = offset <= max(order.offset, vehicle.offset)
        is_in_state = offset <= order.offset
        outcome, milestones = order.apply(entry, offset, content_digest(event))
        repeats = outcome in ("duplicate", "conflict")
        # Of a record met again all letters were written before its order's state was. That it says something else than
        # itself only means that an earlier version knew fewer of its fields.
        if outcome == "conflict" and not is_in_state:
            # The first accepted counts, so the other one counts nowhere.
            self._divert("event_id_conflict", offset, max(order.offset, vehicle.offset), out)
        else:
            out.outcomes["redelivered" if repeats and redelivered else outcome] += 1
        if repeats and not redelivered:
            return
        session.changed[key] = session.changed.get(key, False) or redelivered
        links = entry.code in e.LINKING or redelivered or not vehicle.keeps(key)
        if links and (vehicle.note(order, self.clock) or redelivered):
            for sibling_id in vehicle.orders():
                session.changed[sibling_id] = session.changed.get(sibling_id, False) or redelivered
        if milestones:
            session.milestones.setdefault(key, []).extend(milestones)
            session.entries[key, entry.event_id] = entry

    def _apply_mark(
        self, session: _VehicleSession, mark: HistoryMark, offset: int, out: BatchOutput, hours: HourChanges
    ) -> None:
        """Let the clock come as far as the mark says, and let go of the orders that went another way."""
        self.clock = max(self.clock, mark.clock)
        if not mark.let_go:
            return
        # What this batch made of the orders is told before they go.
        self._settle(session, offset - 1, out, hours)
        vehicle, before = session.vehicle, session.vehicle.linking()
        for key in vehicle.note_history(mark.let_go, mark.until):
            order = self._order(session, key)
            for center_id, hour in order.hours:
                share = Share(vehicle.version_of(key, order.visit), None)
                name = order_key(vehicle.vehicle_id, key).decode()
                hours.setdefault(hour_key(center_id, hour, self.partition), {})[name] = share
            session.dropped_orders.append(key)
        if vehicle.linking() != before:
            session.changed |= dict.fromkeys(vehicle.orders(), False)
        session.is_marked = True

    def _erase(self, erasure: Erasure, offset: int, out: BatchOutput, hours: HourChanges) -> None:
        """Forget who an order was about. What is counted of it stays; once it is closed, its journey goes."""
        vehicle_id, key = erasure.vehicle_id, OrderKey(erasure.center_id, erasure.order_id)
        if self._orders.get(order_key(vehicle_id, key)) is None:
            out.erased.append(erasure)
            return
        session = self._session(vehicle_id)
        order = self._order(session, key)
        order.erase(erasure.customers)
        session.changed[key] = False
        self._settle(session, offset, out, hours)
        if order.visit.closed_at is not None:
            out.erased.append(erasure)

    def _divert(self, code: Diversion, offset: int, seen_up_to: int, out: BatchOutput) -> None:
        # A record seen before was taken, or diverted, when its order was still here or had room. What a batch sends is
        # acknowledged before anything of it is logged, so that was also told.
        is_redelivered = offset <= max(seen_up_to, self._logged_offset)
        out.outcomes["redelivered" if is_redelivered else code] += 1
        if not is_redelivered:
            out.diverted.append((offset, code))

    def _settle(self, session: _VehicleSession, offset: int, out: BatchOutput, hours: HourChanges) -> None:
        """Write what the batch made of one vehicle."""
        vehicle = session.vehicle
        if not session.changed and not session.dropped_orders and not session.is_marked:
            return
        if len(vehicle) >= CROWDED_ORDERS:
            out.crowded[vehicle.vehicle_id] = len(vehicle)
        digests = vehicle.digests()
        for key, write_again in session.changed.items():
            order = self._order(session, key)
            visit = order.visit
            if visit.last is None:
                continue  # its state was lost in a crash; it is here again once its own events are
            vehicle.note(order, self.clock)
            verdict = first_time_fix(key, visit, digests)
            fact = journey_fact(key, vehicle.vehicle_id, visit, verdict, vehicle.version_of(key, visit))
            out.journeys.append(fact)
            for milestone in notices_to_make(visit, session.milestones.get(key, []), self._now_ms):
                proof = session.entries.get((key, milestone.event_id)) or order.entry(milestone.event_id)
                out.notices.append(notice_of(key, visit, milestone, proof))
            name = order_key(vehicle.vehicle_id, key)
            self._count_hours(name.decode(), order, fact, write_again, hours)
            self._change(self._orders, out.order_changes, name, order.state())
        for key in session.dropped_orders:
            # Not a change of this batch: were it in the log without the vehicle's, a record read again would begin
            # the order anew.
            name = order_key(vehicle.vehicle_id, key)
            self._orders.pop(name, None)
            out.deleted_orders.append(name)
        session.changed, session.dropped_orders, session.milestones, session.entries = {}, [], {}, {}
        session.is_marked = False
        vehicle.offset, vehicle.clock = max(vehicle.offset, offset), self.clock
        table_key = vehicle.vehicle_id.encode()
        self._change(self._vehicles, out.vehicle_changes, table_key, vehicle.state())
        self._expect(table_key, vehicle, session.expected)

    def _count_hours(self, name: str, order: Order, fact: Fact, write_again: bool, hours: HourChanges) -> None:
        """Note the order's contributions to its center's hours, and remove it from those it has left."""
        added = contributions_of(fact)
        if fact["status"] == "open" and list(added) == order.hours and not write_again:
            return  # its check-in has been counted, and nothing else yet
        for center_id, hour in order.hours:
            hours.setdefault(hour_key(center_id, hour, self.partition), {})[name] = Share(fact["version"], None)
        for (center_id, hour), contribution in added.items():
            share = Share(fact["version"], shortened(contribution))
            hours.setdefault(hour_key(center_id, hour, self.partition), {})[name] = share
        # The hours it has left stay with it: were their own changes lost in a crash, it has to leave them again.
        order.hours = [*added, *(hour for hour in order.hours if hour not in added)]

    def _write_hour(self, key: bytes, changes: dict[str, Share], offset: int, out: BatchOutput) -> None:
        """Write an hour's contributions anew, and its row. An hour that was let go stays as it was last written."""
        state = self._hours.get(key)
        hour_state = HourState(self.clock) if state is None else decode_hour(state)
        if hour_state.clock is None:
            out.outcomes["hour_let_go"] += 1
            return
        hour_state.shares.update(changes)
        if state is None:
            self._hour_expiry.add(self.clock + self._hold_ms, key)
        hour_state.clock = self.clock
        self._change(self._hours, out.hour_changes, key, msgspec.json.encode(hour_state))
        center_id, hour, _ = orjson.loads(key)
        added = (share.contribution for share in hour_state.shares.values() if share.contribution is not None)
        out.hours.append(center_hour(center_id, hour, self.partition, offset + 1, added))

    def _let_go_idle(self, out: BatchOutput) -> None:
        """Drop the orders and hours whose time is over by the clock."""
        for key in self._vehicle_expiry.due(self.clock):
            if key in self._vehicles:
                session = self._session(key.decode())
                session.dropped_orders.extend(session.vehicle.let_go_of(self.clock, self._hold_ms))
                self._settle(session, session.vehicle.offset, out, {})
        for key in self._hour_expiry.due(self.clock):
            hour = decode_hour(self._hours[key])
            if hour.clock is None:
                continue
            if hour.clock + self._hold_ms >= self.clock:
                self._hour_expiry.add(hour.clock + self._hold_ms, key)
            elif any(name.encode() in self._orders for name in hour.shares):
                # An order of the hour is still kept, so a comeback can still change what it adds.
                self._hour_expiry.add(self.clock + DAY_MS, key)
            else:
                self._change(self._hours, out.hour_changes, key, msgspec.json.encode(HourState(None)))

    def _expect(self, key: bytes, vehicle: Vehicle, expected: int | None = None) -> None:
        expires = vehicle.expires_at(self._hold_ms)
        if expires is not None and expires != expected:
            self._vehicle_expiry.add(expires, key)

    @staticmethod
    def _change(table: Table, changes: Changes, key: bytes, value: bytes | None) -> None:
        changes[key] = value
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value


def hour_key(center_id: str, hour: int, partition: int) -> bytes:
    """The key of a center hour's state, one for each partition that contributes to it."""
    return packed([center_id, hour, partition])


def _in_order(
    events: Iterable[tuple[int, Event]], marks: Iterable[tuple[int, HistoryMark]]
) -> Iterator[tuple[int, Event | HistoryMark]]:
    both: tuple[Iterable[tuple[int, Event | HistoryMark]], ...] = (events, marks)
    return merge(*both, key=itemgetter(0))
