"""A worker in memory: a PartitionState over its tables, the log of their changes, and all that was ever sent.

A crash can be had after any batch: `crash` begins anew from a log that any part of the last batch may have reached.
"""

from collections.abc import Callable, Collection
from random import Random
from typing import Any

from schemas.events import Event
from schemas.order_key import OrderKey
from streams.journey.partition_state import BatchOutput, Changes, PartitionState, Table
from tests.oracle import Orders

Records = list[tuple[int, Event]]
Data = dict[bytes, bytes]
Log = tuple[Data, Data, Data]

TABLES = ("orders", "vehicles", "hours")


class Memory:
    """`facts` and `notices` keep what a sink would: of each order the highest version, of each notice the id.

    `log` is what the changelogs hold of orders, vehicles and hours up to the batch before the last one. `recover` makes
    a table of what its changelog holds.
    """

    def __init__(self, *, hold_days: int = 60, recover: Callable[[Data], Table] = dict) -> None:
        self._hold_days, self._recover = hold_days, recover
        self.log: Log = ({}, {}, {})
        self.facts = Orders()
        self.sent: list[dict[str, Any]] = []
        self.notices: set[str] = set()
        self.too_late: list[int] = []
        self._hours: dict[tuple[str, int], dict[str, Any]] = {}
        self._last = BatchOutput()
        self._deleted_keys: list[bytes] = []
        self._begin()

    def facts_but(self, orders: Collection[OrderKey]) -> dict[OrderKey, dict[str, Any]]:
        """The facts without their versions, and without these orders: to them something came too late."""
        return {
            order: {name: value for name, value in fact.items() if name != "version"}
            for order, fact in self.facts.items()
            if order not in orders
        }

    def take(self, records: Records) -> BatchOutput:
        """Apply a batch and keep what it writes; the batch before it is now in the log for good."""
        self._log_all()
        self._last = out = self.state.apply(records)
        for fact in out.journeys:
            self.sent.append(fact)
            order = OrderKey.of(fact)
            newest = self.facts.get(order)
            if newest is None or fact["version"] >= newest["version"]:
                self.facts[order] = fact
        for row in out.hours:
            key = row["center_id"], row["hour"]
            if key not in self._hours or row["revision"] >= self._hours[key]["revision"]:
                self._hours[key] = row
        self.notices |= {notice["notice_id"] for notice in out.notices}
        self.too_late += [offset for offset, code in out.diverted if code == "too_late"]
        return out

    def center_hours(self) -> dict[tuple[str, int], dict[str, Any]]:
        """The newest row of each (center, hour in ms)."""
        return self._hours

    def restart(self) -> None:
        """The process ends when all is in the log, and starts again."""
        self._log_all()
        self._begin()

    def crash(self, chance: Random) -> None:
        """The process dies when any of the last batch's changes may have reached the log, and starts again.

        What it had sent was sent: outputs are acknowledged before the first change is logged. Deletions of what the
        batch before had let go are logged beside the changes.
        """
        self._log_some([chance.choice((0, 0.5, 1)) for _ in TABLES], chance)

    def crash_with_only(self, *logged: str) -> None:
        """The process dies when of the last batch only the changes of these tables are in the log, and starts again."""
        self._log_some([1 if name in logged else 0 for name in TABLES], Random(0))

    def _log_some(self, shares: list[float], chance: Random) -> None:
        out, orders = self._last, self.log[0]
        for table, changes, share in zip(self.log, _changes(out), shares, strict=True):
            for key, value in changes.items():
                if chance.random() < share:
                    _put(table, key, value)
        for key in self._deleted_keys:
            if chance.random() < shares[0]:
                orders.pop(key, None)
        self._begin()

    def _log_all(self) -> None:
        for table, changes in zip(self.log, _changes(self._last), strict=True):
            for key, value in changes.items():
                _put(table, key, value)
        for key in self._deleted_keys:
            self.log[0].pop(key, None)
        self._deleted_keys = self._last.deleted_orders
        self._last = BatchOutput()

    def _begin(self) -> None:
        """A new process, its tables recovered from the log."""
        orders, vehicles, hours = self.tables = tuple(map(self._recover, self.log))
        self.state = PartitionState(0, orders, vehicles, hours, hold_days=self._hold_days)
        self._deleted_keys = self.state.restore_clock()
        self._last = BatchOutput()


def _changes(out: BatchOutput) -> tuple[Changes, Changes, Changes]:
    return out.order_changes, out.vehicle_changes, out.hour_changes


def _put(table: Data, key: bytes, value: bytes | None) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value
