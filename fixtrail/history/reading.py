"""A file of history read once: every line judged as the stream would, and kept beside the others of its vehicle."""

import os
from array import array
from collections import Counter, deque
from collections.abc import Iterator, MutableMapping
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from fixtrail.history.judging import (
    BUCKETS,
    NO_EVENT,
    JudgedLines,
    Judging,
    LineJudge,
    RefusedLine,
    begin_judging,
    judge_here,
)
from fixtrail.history.vehicles import EventLine
from fixtrail.imports.spool import Spool

LINES_AT_ONCE = 4000
# From so many lines on other processes help: they take a second or two to start.
HELPED_FROM = 100_000
MOST_HELPERS = 8
_BUCKET_BYTES = 2 << 20


class HistoryFile:
    """The lines of a file by vehicle, in as many buckets as fit into memory one by one. To be used with `with`.

    `clocks` is the event time (ms) that each partition has reached; it goes on with the lines.
    """

    def __init__(self, judging: Judging, clocks: MutableMapping[int, int]) -> None:
        self.clocks = clocks
        self.lines = self.empty = 0
        self.first_ms: int | None = None
        self.too_long: list[int] = []
        self.codes: Counter[str] = Counter()
        self.refused: Spool[tuple[Any, ...]] = Spool()
        self._judging = judging
        self._judge = LineJudge(judging)
        self._helpers: ProcessPoolExecutor | None = None
        self._buckets: list[Spool[tuple[Any, ...]]] = [Spool(_BUCKET_BYTES) for _ in range(BUCKETS)]
        # By line the event time that its partition had reached before it.
        self._reached = array("q")
        self._waiting: list[bytes] = []
        self._judged: deque[Future[JudgedLines]] = deque()
        self._next = 1

    def __enter__(self) -> "HistoryFile":
        return self

    def __exit__(self, *_: object) -> None:
        if self._helpers is not None:
            self._helpers.shutdown(cancel_futures=True)

    def add(self, value: bytes) -> None:
        """Take the next line, without its newline."""
        self._waiting.append(value)
        if len(self._waiting) >= LINES_AT_ONCE:
            self._judge_waiting()

    def end(self) -> None:
        """Take in what is left: there are no more lines."""
        self._judge_waiting()
        while self._judged:
            self._take(self._judged.popleft().result())

    def bucket(self, number: int) -> dict[str, list[EventLine]]:
        """The lines of a bucket's vehicles, each in the order of the file."""
        vehicles: dict[str, list[EventLine]] = {}
        reached = self._reached
        for number_of_line, partition, *values in self._buckets[number]:
            line = EventLine._make((number_of_line, partition, reached[number_of_line - 1], *values))
            vehicles.setdefault(line.vehicle_id, []).append(line)
        return vehicles

    def refusals(self) -> Iterator[RefusedLine]:
        """The lines that are no event, in order."""
        return map(RefusedLine._make, self.refused)

    def _judge_waiting(self) -> None:
        first, values = self._next, self._waiting
        self._next, self._waiting = first + len(values), []
        if self._helpers is None and first > HELPED_FROM and (helpers := _spare_cores()) > 1:
            self._helpers = ProcessPoolExecutor(helpers, get_context("spawn"), begin_judging, (self._judging,))
        if self._helpers is None:
            self._take(self._judge.judge(first, values))
            return
        self._judged.append(self._helpers.submit(judge_here, first, values))
        while len(self._judged) > 2 * MOST_HELPERS or (self._judged and self._judged[0].done()):
            self._take(self._judged.popleft().result())

    def _take(self, judged: JudgedLines) -> None:
        """Let event time go on, line by line, and keep the lines."""
        reached, clocks, first = self._reached, self.clocks, self.first_ms
        for partition, at in zip(judged.partitions, judged.times, strict=True):
            if partition == NO_EVENT:
                reached.append(0)
                continue
            clock = clocks[partition]
            reached.append(clock)
            if at > clock:
                clocks[partition] = at
            if first is None or at < first:
                first = at
        self.first_ms = first
        self.lines += len(judged.partitions) - judged.empty
        self.empty += judged.empty
        self.too_long += judged.too_long
        for refused in judged.refused:
            self.codes[refused.code] += 1
            self.refused.add(tuple(refused))
        for bucket, block in judged.blocks.items():
            self._buckets[bucket].add_block(block)


def edges_of(bucket: int) -> tuple[str, str]:
    """From which vehicle key on, and before which one, the vehicles of a bucket are."""
    width = 256 // BUCKETS
    return (f"{bucket * width:02x}" if bucket else ""), f"{(bucket + 1) * width:02x}" if bucket < BUCKETS - 1 else "g"


def _spare_cores() -> int:
    return min(MOST_HELPERS, len(os.sched_getaffinity(0)))
