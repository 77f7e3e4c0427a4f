"""A worker in memory: a Book over plain dicts, the log of their changes, and all that was ever sent.

A crash can be had at any point: `crash` goes back to what of the last batches had reached the log.
"""

from __future__ import annotations

from random import Random
from typing import Any

from schemas.events import Event
from streams.journey.book import Book, Changes, Written

Records = list[tuple[int, Event]]
Data = dict[bytes, bytes]


class Memory:
    """`facts`, `hours` and `notices` keep what a sink would: of each key the highest version, or the id."""

    def __init__(self, *, hold_days: int = 60) -> None:
        self._hold_days = hold_days
        self.tables: tuple[Data, Data, Data] = ({}, {}, {})
        self.facts: dict[str, dict[str, Any]] = {}
        self.sent: list[dict[str, Any]] = []
        self.notices: set[str] = set()
        self.too_late: list[int] = []
        self._hours: dict[tuple[str, int], dict[str, Any]] = {}
        self._last: Written = Written()
        self._before: tuple[Data, Data, Data] = ({}, {}, {})
        self.restart()

    def take(self, records: Records) -> Written:
        """Apply a batch and keep what it writes."""
        orders, vehicles, hours = self.tables
        self._before = (dict(orders), dict(vehicles), dict(hours))
        self._last = out = self.book.apply(records)
        for fact in out.journeys:
            self.sent.append(fact)
            known = self.facts.get(fact["order_id"])
            if known is None or fact["version"] >= known["version"]:
                self.facts[fact["order_id"]] = fact
        for row in out.hours:
            place = row["center_id"], row["hour"]
            if place not in self._hours or row["revision"] >= self._hours[place]["revision"]:
                self._hours[place] = row
        self.notices |= {notice["notice_id"] for notice in out.notices}
        self.too_late += out.too_late
        return out

    def center_hours(self) -> dict[tuple[str, int], dict[str, Any]]:
        """The newest row of each (center, hour in ms)."""
        return self._hours

    def restart(self) -> None:
        """A new process that has recovered its tables."""
        orders, vehicles, hours = self.tables
        self.book = Book(0, orders, vehicles, hours, hold_days=self._hold_days)
        self.book.recall(vehicles, hours)

    def crash(self, chance: Random) -> None:
        """The process dies when any of the last batch's changes may have reached the log, and starts again.

        What it had sent was sent: outputs are acknowledged before the first change is logged.
        """
        orders, vehicles, hours = self._before
        for table, changes in (
            (orders, self._last.order_changes),
            (vehicles, self._last.vehicle_changes),
            (hours, self._last.hour_changes),
        ):
            _log_some(table, changes, chance)
        self.tables = self._before
        self.restart()


def _log_some(table: Data, changes: Changes, chance: Random) -> None:
    share = chance.choice((0, 0.5, 1))
    for key, value in changes.items():
        if chance.random() >= share:
            continue
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
