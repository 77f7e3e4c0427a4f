"""A run sorted: which vehicles go straight into ClickHouse, and what goes through the stream, in the file's order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import merge
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from fixtrail.history.judging import BUCKETS
from fixtrail.history.reading import HistoryFile, edges_of
from fixtrail.history.store import HistoryVehicle
from fixtrail.history.vehicles import EventLine, digest_of, distinct, way_of
from fixtrail.imports.spool import Spool
from fixtrail.recompute.derived_facts import VehicleRange
from runtime.failure import USAGE, ExitError

_SPOOL_BYTES = 1 << 20


class KnownVehicles(Protocol):
    """What is known of vehicles before a run, by slices of their keys."""

    def streamed(self, part: VehicleRange, /) -> set[str]: ...
    def of_history(self, part: VehicleRange, /) -> Iterable[HistoryVehicle]: ...
    def next_offset(self) -> int: ...


class StreamedLine(NamedTuple):
    """A line that goes through the stream. `clock`: the event time (ms) that its partition must have reached before."""

    number: int
    partition: int
    clock: int
    at: int
    value: bytes
    vehicle_id: str


@dataclass(frozen=True, slots=True)
class SettledVehicle:
    """A vehicle that goes straight into ClickHouse: each event's first line, those that repeat one, its ledger row."""

    vehicle_id: str
    first: list[EventLine]
    copies: list[EventLine]
    ledger: HistoryVehicle

    def offset_of(self, index: int) -> int:
        """The number of the row of the vehicle's n-th line: first lines, then copies."""
        return self.ledger.first_offset + index


@dataclass(slots=True)
class Counts:
    """Events and vehicles by way; `again`: vehicles that came as history before."""

    history_vehicles: int = 0
    history_orders: int = 0
    history_events: int = 0
    again: int = 0
    streamed_vehicles: int = 0
    streamed_events: int = 0
    known_vehicles: int = 0


@dataclass(slots=True)
class HistoryPlan:
    """Sorts a file's vehicles, bucket by bucket; what goes through the stream is kept."""

    file: HistoryFile
    stored: KnownVehicles
    hold_days: int
    counts: Counts = field(default_factory=Counts)
    _rest: list[Spool[tuple[Any, ...]]] = field(default_factory=list)
    _next_offset: int = -1

    def buckets(self) -> Iterator[tuple[VehicleRange, list[SettledVehicle]]]:
        """The settled vehicles of each bucket; once.

        Raises ExitError (2) where one came as history before and now has other events.
        """
        self._next_offset = self.stored.next_offset()
        for number in range(BUCKETS):
            part = VehicleRange(*edges_of(number))
            vehicles = self.file.bucket(number)
            if vehicles:
                yield part, self._sorted(part, vehicles)

    def streamed(self) -> Iterator[StreamedLine]:
        """The lines that go through the stream, in the order of the file; to be asked after `buckets`."""
        return map(StreamedLine._make, merge(*self._rest, key=itemgetter(0)))

    def _sorted(self, part: VehicleRange, vehicles: dict[str, list[EventLine]]) -> list[SettledVehicle]:
        streamed = self.stored.streamed(part)
        ledger = {vehicle.vehicle_key: vehicle for vehicle in self.stored.of_history(part)}
        settled: list[SettledVehicle] = []
        rest: list[StreamedLine] = []
        for vehicle_id, lines in vehicles.items():
            key = lines[0].row[0]
            before = ledger.get(key)
            is_known = before is not None or key in streamed
            if before is not None:
                again, lines = _split(lines, before)
                settled += [self._again(vehicle_id, again, before)] if again else []
            way = "timed" if is_known else way_of(lines, self.file.clocks[lines[0].partition], self.hold_days)
            if way == "history":
                settled.append(self._settled(vehicle_id, lines))
            elif lines:
                self.counts.known_vehicles += is_known
                rest += self._through_stream(lines, is_timed=way == "timed")
        self._keep(rest)
        return settled

    def _through_stream(self, lines: list[EventLine], *, is_timed: bool) -> Iterator[StreamedLine]:
        self.counts.streamed_vehicles += 1
        self.counts.streamed_events += len(lines)
        for line in lines:
            clock = line.clock if is_timed else 0
            yield StreamedLine(line.number, line.partition, clock, line.at, line.value, line.vehicle_id)

    def _keep(self, rest: list[StreamedLine]) -> None:
        spool: Spool[tuple[Any, ...]] = Spool(_SPOOL_BYTES)
        for line in sorted(rest):
            spool.add(tuple(line))
        self._rest.append(spool)

    def _settled(self, vehicle_id: str, lines: list[EventLine]) -> SettledVehicle:
        orders = frozenset(line.order for line in lines)
        first = self._next_offset
        self._next_offset += len(lines)
        return self._counted(
            vehicle_id, lines, HistoryVehicle(lines[0].row[0], first, len(lines), digest_of(lines), orders)
        )

    def _again(self, vehicle_id: str, lines: list[EventLine], before: HistoryVehicle) -> SettledVehicle:
        if digest_of(lines) != before.digest:
            raise ExitError(
                f"line {lines[0].number:,}: orders of its vehicle came as history before, with other events. What "
                "comes for them now goes through the stream: send it without --history",
                USAGE,
            )
        self.counts.again += 1
        return self._counted(vehicle_id, lines, before)

    def _counted(self, vehicle_id: str, lines: list[EventLine], ledger: HistoryVehicle) -> SettledVehicle:
        self.counts.history_vehicles += 1
        self.counts.history_orders += len(ledger.orders)
        self.counts.history_events += len(lines)
        return SettledVehicle(vehicle_id, *distinct(lines), ledger)


def _split(lines: list[EventLine], before: HistoryVehicle) -> tuple[list[EventLine], list[EventLine]]:
    """The lines of orders that came as history before, and the others."""
    again = [line for line in lines if line.order in before.orders]
    return again, [line for line in lines if line.order not in before.orders]
