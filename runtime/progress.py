"""A box's counters, gauges and histograms, which other threads may read at any time."""

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runtime.clock import WallClock, newest_heartbeat, now_ms
from runtime.metric_names import MetricName

# What was measured, and the values of its labels: ("lag_records", "journeys", "3"). Labels are never ids.
Measure = tuple[MetricName, *tuple[str, ...]]

# Upper bounds of the buckets.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
DELAYS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0, 604_800.0)
SIZES = (1.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0, 20_000.0)
# A broker that is frozen, or cut off without a word, refuses nothing: clients wait for it. It is asked each 5 s.
SILENT_AFTER_S = 45.0


@dataclass(slots=True)
class Histogram:
    """How many values fell into each bucket: `counts` has one more than `bounds`, for what lies above all of them."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, values: Iterable[float]) -> None:
        """Count the values, all of a batch at once."""
        ordered = sorted(values)
        below = 0
        for index, bound in enumerate(self.bounds):
            upto = bisect_right(ordered, bound, below)
            self.counts[index] += upto - below
            below = upto
        self.counts[-1] += len(ordered) - below
        self.total += sum(ordered)


@dataclass(slots=True)
class Progress:
    """`counts` only grow; `gauges` are as of now.

    `moved` grows with all work done, waiting for an outage of others included; `waiting` says that there is work, so
    `moved` should grow; `ready` that the box reads and what it read gets where it belongs, `was_ready` that it did so
    once. `outages` is the number of things that are being tried again because others do not take them, `waits` says of
    some of them what does not take what, by anything that tells one from another. `problems` are
    sentences on what is wrong outside of the box; while there are some it is not ready, nor while Kafka says nothing:
    `answered_at` is when it last answered on a connection of its own (monotonic), None where nobody asks.
    `clock` is the box's wall clock, which says when somebody set it.
    """

    counts: Counter[Measure] = field(default_factory=Counter)
    gauges: dict[Measure, float] = field(default_factory=dict)
    histograms: dict[Measure, Histogram] = field(default_factory=dict)
    moved: int = 0
    waiting: bool = False
    outages: int = 0
    waits: dict[object, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    answered_at: float | None = None
    clock: WallClock = field(default_factory=WallClock)
    was_ready: bool = field(default=False, init=False)
    _is_ready: bool = field(default=False, init=False)

    @property
    def ready(self) -> bool:
        is_silent = self.answered_at is not None and time.monotonic() - self.answered_at > SILENT_AFTER_S
        return self._is_ready and not self.problems and not is_silent

    @ready.setter
    def ready(self, is_ready: bool) -> None:
        self._is_ready = is_ready
        self.was_ready |= is_ready

    @property
    def reasons(self) -> list[str]:
        """Why the box is not ready, or does not do all of its work, as far as it knows."""
        clock = (self.clock.problem,) if self.clock.problem else ()
        return [*self.problems, *self.waits.values(), *clock]

    def count(self, name: MetricName, label: str, number: int = 1) -> None:
        """Count, and note that the work has moved."""
        self.counts[name, label] += number
        self.moved += 1

    def show(self, name: MetricName, values: Mapping[tuple[str, ...], float]) -> None:
        """Set the gauges of this name, by their labels; those that are not among the values are gone."""
        current: dict[Measure, float] = {(name, *labels): value for labels, value in values.items()}
        self.gauges.update(current)
        for measure in [measure for measure in list(self.gauges) if measure[0] == name and measure not in current]:
            self.gauges.pop(measure, None)

    def note_heartbeat(self, labels: tuple[str, ...], sent_ms: int) -> None:
        """Note that all before a heartbeat is done, and how long after it was sent; an older one is ignored."""
        now = now_ms()
        before = round(1000 * self.gauges.get(("heartbeat_timestamp_seconds", *labels), 0.0))
        if (newest := newest_heartbeat(before, sent_ms, now)) != before:
            self.gauges["heartbeat_timestamp_seconds", *labels] = newest / 1000
            self.gauges["heartbeat_delay_seconds", *labels] = (now - newest) / 1000

    def note_clock(self) -> None:
        """Look whether somebody has set the clock, and count it; to be called every second or so."""
        self.clock.look()
        for direction, number in self.clock.jumps.items():
            self.counts["clock_jumps", direction] = number

    def forget_heartbeats(self) -> None:
        """Remove the gauges of heartbeats: the partitions moved to another process."""
        self.show("heartbeat_timestamp_seconds", {})
        self.show("heartbeat_delay_seconds", {})

    def observe(self, measure: Measure, values: Iterable[float], bounds: tuple[float, ...] = SECONDS) -> None:
        """Add values to the measure's histogram."""
        histogram = self.histograms.get(measure)
        if histogram is None:
            histogram = self.histograms[measure] = Histogram(bounds)
        histogram.observe(values)
