"""A run of history: read and sorted first, then, in an order that a second run can always end, written and sent."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

from fixtrail.history.judging import FileRecord, RefusedLine
from fixtrail.history.plan import HistoryPlan, SettledVehicle
from fixtrail.history.store import DerivedOrder, HistoryStore, HistoryVehicle
from fixtrail.imports.spool import Spool
from fixtrail.recompute.derived_facts import VehicleRange
from schemas.history_mark import HistoryMark
from schemas.order_key import OrderKey
from schemas.topics import SERVICE_EVENTS
from sinks.clickhouse.tables import HISTORY
from streams.journey.first_time_fix import COMEBACK_WINDOW_MS

EVENTS_AT_ONCE = 150_000
_LEDGER_ROWS = 50_000
_SENT_AT_ONCE = 1000
# Places of refused lines: above all that rows are numbered by, and exact in JSON.
_LETTERS_FROM = 1 << 52

Moved = Callable[[int, int], object]


class Stream(Protocol):
    """Where records for the stream go; all is acknowledged when `settle` returns."""

    async def mark(self, mark: HistoryMark, /) -> None: ...
    async def line(self, number: int, value: bytes, /) -> None: ...
    async def refuse(self, record: FileRecord, code: str, reason: str, /) -> None: ...
    async def settle(self) -> None: ...


@dataclass(slots=True)
class HistoryRun:
    """One run. `store` holds what it writes; `moved` is told how far it has come."""

    plan: HistoryPlan
    store: HistoryStore
    moved: Moved = lambda done, total: None
    marks: int = 0
    hours: int = 0
    _marks: Spool[Any] = field(default_factory=Spool)
    _ledger: Spool[Any] = field(default_factory=Spool)

    async def run(self, stream: Stream, read_ms: int, clocks: dict[int, int]) -> None:
        """Write what goes straight into ClickHouse, and send the rest.

        `clocks`: the event time (ms) that each partition had reached before the file. The ledger first, so that a run
        after one that was ended knows whose events went this way; then the marks, so that from the first row on the
        worker takes these orders for let go.
        """
        self._derive()
        for vehicles in _chunks(self._ledger_rows()):
            self.store.enter(vehicles)
        for mark in self._settled_marks():
            await stream.mark(mark)
        await stream.settle()
        self.hours = self.store.publish()
        for refused in self.plan.file.refusals():
            await stream.refuse(refused_record(refused, read_ms), refused.code, refused.reason)
        await self._send(stream, clocks)
        await stream.settle()

    def _derive(self) -> None:
        """Stage the events of all settled vehicles, and derive their orders beside it."""
        deriving: list[Future[list[DerivedOrder]]] = []
        names: dict[str, str] = {}
        staged, since = 0, ""
        with ThreadPoolExecutor(1) as pool:
            for part, vehicles in self.plan.buckets():
                staged += self._stage(vehicles)
                names |= {vehicle.ledger.vehicle_key: vehicle.vehicle_id for vehicle in vehicles}
                if staged >= EVENTS_AT_ONCE:
                    deriving.append(pool.submit(self.store.derive, VehicleRange(since, part.until)))
                    staged, since = 0, part.until
                self._note_derived(deriving, names, are_all=False)
            if staged:
                deriving.append(pool.submit(self.store.derive, VehicleRange(since, "g")))
            self._note_derived(deriving, names, are_all=True)

    def _stage(self, vehicles: Iterable[SettledVehicle]) -> int:
        first, copies = list[Any](), list[Any]()
        first_offsets, copy_offsets = list[int](), list[int]()
        for vehicle in vehicles:
            first_offsets += range(vehicle.offset_of(0), vehicle.offset_of(len(vehicle.first)))
            first += [line.row for line in vehicle.first]
            copy_offsets += range(vehicle.offset_of(len(vehicle.first)), vehicle.offset_of(vehicle.ledger.events))
            copies += [line.row for line in vehicle.copies]
            self._ledger.add(vehicle.ledger.row())
        self.store.stage(first, first_offsets)
        self.store.stage(copies, copy_offsets, copies=True)
        self.moved(self.plan.counts.history_events, self.plan.file.lines)
        return len(first)

    def _note_derived(
        self, deriving: list[Future[list[DerivedOrder]]], names: dict[str, str], *, are_all: bool
    ) -> None:
        """Keep a mark of each vehicle derived; of those not derived yet only where `are_all`, which waits for them."""
        while deriving and (are_all or deriving[0].done()):
            let_go: dict[str, list[tuple[str, str, int]]] = {}
            until: dict[str, int] = {}
            for order in deriving.pop(0).result():
                let_go.setdefault(order.vehicle_key, []).append((*order.order, order.linking))
                until[order.vehicle_key] = max(until.get(order.vehicle_key, 0), order.closed_ms + COMEBACK_WINDOW_MS)
            for key, orders in let_go.items():
                self._marks.add((names.pop(key), until[key], orders))
                self.marks += 1

    def _ledger_rows(self) -> Iterator[HistoryVehicle]:
        for key, first_offset, events, digest, centers, orders in self._ledger:
            yield HistoryVehicle(key, first_offset, events, digest, frozenset(map(OrderKey, centers, orders)))

    def _settled_marks(self) -> Iterator[HistoryMark]:
        for vehicle_id, until, orders in self._marks:
            let_go = {OrderKey(center, order): linking for center, order, linking in orders}
            yield HistoryMark(vehicle_id, until=until, let_go=let_go)

    async def _send(self, stream: Stream, clocks: dict[int, int]) -> None:
        """Send the lines that go through the stream, and before each that depends on it what time it is."""
        reached = dict(clocks)
        for sent, line in enumerate(self.plan.streamed(), 1):
            if line.clock > reached[line.partition]:
                reached[line.partition] = line.clock
                await stream.mark(HistoryMark(line.vehicle_id, clock=line.clock))
            reached[line.partition] = max(reached[line.partition], line.at)
            await stream.line(line.number, line.value)
            if sent % _SENT_AT_ONCE == 0:
                self.moved(self.plan.counts.history_events + sent, self.plan.file.lines)


def refused_record(refused: RefusedLine, read_ms: int) -> FileRecord:
    """The record that the line would have been; a line that is refused again is the same one."""
    digest = int.from_bytes(blake2b(refused.value, digest_size=8).digest()) % _LETTERS_FROM
    return FileRecord(refused.value, read_ms, topic=SERVICE_EVENTS, partition=HISTORY, offset=_LETTERS_FROM + digest)


def _chunks(vehicles: Iterable[HistoryVehicle]) -> Iterator[list[HistoryVehicle]]:
    rows: list[HistoryVehicle] = []
    for vehicle in vehicles:
        rows.append(vehicle)
        if len(rows) >= _LEDGER_ROWS:
            yield rows
            rows = []
    if rows:
        yield rows
