"""Events of a log in the order in which they happened, whatever the order of the log and however long it is."""

import marshal
from collections.abc import Iterator
from contextlib import ExitStack
from heapq import merge
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple, cast


class SortedRecord(NamedTuple):
    """What goes to Kafka, behind what it is sorted by. `at` is RFC 3339 in UTC, so that its text sorts as the time."""

    at: str
    event_id: str
    value: bytes
    key: bytes


class TimeOrder:
    """Takes records in any order and gives them back by (time, event id).

    No more than `at_once` are in memory; the others wait in temporary files that nobody else can read and that are gone
    with the process. To be used with `with`.
    """

    def __init__(self, at_once: int = 100_000) -> None:
        self._at_once = at_once
        self._held: list[SortedRecord] = []
        self._runs: list[IO[bytes]] = []
        self._files = ExitStack()

    def __enter__(self) -> "TimeOrder":
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, record: SortedRecord) -> None:
        # A copy: what orjson gives holds on to a buffer of 4 KB each (seen in 3.13).
        self._held.append(SortedRecord(record.at, record.event_id, bytes(memoryview(record.value)), record.key))
        if len(self._held) >= self._at_once:
            self._spill()

    def __iter__(self) -> Iterator[SortedRecord]:
        """All of them; once."""
        self._held.sort()
        return merge(self._held, *(_read(run) for run in self._runs))

    def _spill(self) -> None:
        self._held.sort()
        run = self._files.enter_context(TemporaryFile())  # noqa: SIM115 (closed by the stack)
        for record in self._held:
            marshal.dump(tuple(record), run)
        run.seek(0)
        self._runs.append(run)
        self._held = []


def _read(run: IO[bytes]) -> Iterator[SortedRecord]:
    while True:
        try:
            # A file of our own, without a name: nobody else can have put anything into it.
            yield SortedRecord(*cast(Any, marshal.load(run)))
        except EOFError:
            return
