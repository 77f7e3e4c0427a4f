"""How old the data of the staff's pages are: by Kafka, by the workers' heartbeats, and by ClickHouse.

Nothing is called fresh that was not checked: each source has the time at which it last proved that it is alive.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fixtrail.settings import NoEndpointError
from runtime.clock import newest_heartbeat, now_ms
from runtime.failure import ExitError
from runtime.kafka.table import LOOK_EVERY_S, Table
from schemas.heartbeat import heartbeat_sent_at

log = logging.getLogger(__name__)

Source = Literal["kafka", "worker", "clickhouse"]
Level = Literal["fresh", "late", "stale", "unmeasured"]
Ask = Callable[[str, Mapping[str, str]], object]

BEAT_S = 5.0
# What a beat may take on its way.
MARGIN_S = 2.0
STALE_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class DataAge:
    """When a source last proved that it is alive (ms), since when that is awaited, and after how long it is late.

    `as_of` is None where it never did; `since` None where nobody measures it.
    """

    source: Source
    as_of: int | None
    since: int | None
    late_after_s: float

    def level(self, now: int) -> Level:
        """Late from two missed beats on, stale after a minute."""
        reference = self.since if self.as_of is None else self.as_of
        if reference is None:
            return "unmeasured"
        # Proof from the future was noted by a clock that went wrong: the next one is right.
        age_s = abs(now - reference) / 1000
        return "stale" if age_s > STALE_AFTER_S else "late" if age_s > self.late_after_s else "fresh"


def late_after_s(beat_s: float) -> float:
    """The age at which two beats have been missed, never more than a minute."""
    return min(2 * beat_s + MARGIN_S, STALE_AFTER_S)


class HeartbeatTimes:
    """When the newest heartbeat of each partition was sent, and how often they are sent."""

    def __init__(self) -> None:
        self._sent: dict[int, int] = {}
        self._gaps_s: dict[int, float] = {}

    def note(self, records: Iterable[Any]) -> None:
        """Note the heartbeats among records of topic `journeys`."""
        for record in records:
            if record.value is None and (sent_ms := heartbeat_sent_at(record)) is not None:
                before = self._sent.get(record.partition)
                if before is not None and sent_ms > before:
                    self._gaps_s[record.partition] = (sent_ms - before) / 1000
                self._sent[record.partition] = newest_heartbeat(before, sent_ms, now_ms())

    @property
    def oldest(self) -> int | None:
        """The time (ms) of the partition that is furthest behind; None without any heartbeat."""
        return min(self._sent.values(), default=None)

    @property
    def beat_s(self) -> float:
        """Seconds between two of them, as seen; the default before there were two."""
        return min(self._gaps_s.values(), default=BEAT_S)


class Freshness:
    """The ages of all sources in one process."""

    def __init__(self, table: Table[Any], heartbeats: HeartbeatTimes, ask: Ask) -> None:
        self._table, self._heartbeats, self._ask = table, heartbeats, ask
        self._began_at = now_ms()
        self._answered_at: int | None = None
        self._asked_since: int | None = self._began_at

    def ages(self, now: int) -> tuple[DataAge, ...]:
        """Every source's age as of `now` (ms)."""
        worker_at = self._heartbeats.oldest
        return (
            DataAge("kafka", self._table.complete_as_of(now), self._began_at, late_after_s(LOOK_EVERY_S)),
            DataAge("worker", worker_at, None, late_after_s(self._heartbeats.beat_s)),
            DataAge("clickhouse", self._answered_at, self._asked_since, late_after_s(BEAT_S)),
        )

    async def follow_clickhouse(self) -> None:
        """Ask ClickHouse every few seconds until cancelled."""
        while True:
            await self.ask_clickhouse()
            await asyncio.sleep(BEAT_S)

    async def ask_clickhouse(self) -> None:
        """Ask ClickHouse once; what does not answer only grows older."""
        at = now_ms()
        try:
            await asyncio.to_thread(self._ask, "SELECT 1", {})
        except NoEndpointError:
            self._asked_since = None
        except ExitError as error:
            log.debug("ClickHouse does not answer: %s", str(error).splitlines()[0])
        else:
            self._answered_at = at
