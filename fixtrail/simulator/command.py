"""`fixtrail simulate`: a run written to a file, or sent at a pace."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import orjson

from fixtrail.simulator.reference import reference_events
from fixtrail.simulator.run import simulate
from fixtrail.simulator.scenario import Scenario, load_scenario
from fixtrail.simulator.truth import centers_toml, truth

Send = Callable[[bytes, bytes], object]
Progress = Callable[[int, datetime], object]
PROGRESS_EVERY = 500


@dataclass(frozen=True, slots=True)
class SimulationSummary:
    """How a run went: how many events and orders, duplicates counted as they are, and when they arrive."""

    events: int
    orders: int
    first_arrival: datetime | None
    last_arrival: datetime | None


def write_events(
    out: str | Path | None,
    scenario: str | Path | Scenario,
    seed: int,
    days: int | None = None,
    centers: int | None = None,
    start: datetime | None = None,
    speed: float | None = None,
    send: Send | None = None,
    progress: Progress | None = None,
    longest_pause_s: float | None = None,
) -> SimulationSummary:
    """Write each event as a line of `out` ("-": standard output), and give it to `send` as (bytes, key).

    `days` is the scenario's own by default and `start` now - `days`, so that nothing is stamped in the future.
    With `speed` arrivals are `speed` times as fast as in the world, but never more than `longest_pause_s` apart:
    nobody wants to sit through the nights. `progress` is told the number of events so far and the instant reached.
    Raises ScenarioError for a scenario that cannot be used.
    """
    scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    days = days or scenario.days
    begins = start or default_start(days)
    pace = ArrivalPace(speed, longest_pause_s) if speed else None
    events, orders = 0, set[str]()
    first = last = None
    with _opened(out) as lines:
        for arrived, event in simulate(scenario, seed, days, centers, begins):
            if pace is not None:
                pace.wait_for(arrived)
            line = orjson.dumps(event)
            if lines is not None:
                lines.write(line + b"\n")
            if send is not None:
                send(line, event["vehicle_id"].encode())
            events += 1
            orders.add(event["order_id"])
            first, last = first or arrived, arrived
            if progress is not None and events % PROGRESS_EVERY == 0:
                progress(events, arrived)
    if progress is not None and last is not None:
        progress(events, last)
    return SimulationSummary(events, len(orders), first, last)


def write_reference_events(
    out: str | Path | None,
    scenario: str | Path | Scenario,
    seed: int,
    days: int | None,
    centers: int | None,
    start: datetime | None,
    send: Send | None = None,
) -> int:
    """The same for what the centers of the run tell beside their orders; how many events that were."""
    scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    days, count = days or scenario.days, 0
    with _opened(out) as lines:
        for _, event in reference_events(scenario, seed, days, centers, start or default_start(days)):
            line = orjson.dumps(event)
            if lines is not None:
                lines.write(line + b"\n")
            if send is not None:
                send(line, event.get("center_id", "").encode())
            count += 1
    return count


def write_truth(
    out: str | Path, scenario: str | Path | Scenario, seed: int, days: int | None, centers: int | None, start: datetime
) -> None:
    """Write what the same run has planted, as JSON."""
    scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    planted = truth(scenario, seed, days or scenario.days, centers, start)
    Path(out).write_bytes(orjson.dumps(planted, option=orjson.OPT_INDENT_2) + b"\n")


def write_centers(out: str | Path, scenario: str | Path | Scenario, centers: int | None, start: datetime) -> None:
    """Write the reference data of the same run's centers, with its wave dates, as TOML."""
    scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    Path(out).write_text(centers_toml(scenario, centers, start), "utf-8")


def default_start(days: int, now: datetime | None = None) -> datetime:
    """The full second `days` before now."""
    return (now or datetime.now(UTC)).replace(microsecond=0) - timedelta(days=days)


class ArrivalPace:
    """Lets arrivals come `speed` times as fast as they do in the world."""

    def __init__(
        self,
        speed: float,
        longest_pause_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._speed, self._longest_s = speed, longest_pause_s
        self._clock, self._pause = clock, pause
        self._due: float | None = None
        self._last: datetime | None = None

    def wait_for(self, arrived: datetime) -> None:
        """Returns when it is time for this arrival; after a hold-up the following ones catch up."""
        if self._last is None or self._due is None:
            self._due = self._clock()
        else:
            gap_s = (arrived - self._last).total_seconds() / self._speed
            self._due += gap_s if self._longest_s is None else min(gap_s, self._longest_s)
        self._last = arrived
        left_s = self._due - self._clock()
        if left_s > 0:
            self._pause(left_s)


@contextmanager
def _opened(out: str | Path | None) -> Iterator[BinaryIO | None]:
    if out is None:
        yield None
    elif str(out) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with Path(out).open("wb") as file:
            yield file
