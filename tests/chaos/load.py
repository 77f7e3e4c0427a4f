"""A dirty feed with bad records in it, sent at a pace; what the broker acknowledged is written down at once."""

import asyncio
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests import feed
from tests.bad_records import POISON, poison, poison_code, poison_key

TOPIC = "service-events"
DUPLICATES, OUT_OF_ORDER, LATE, POISON_SHARE = 0.1, 0.1, 0.03, 0.01
# One in twenty duplicates, so one in two hundred events, says something else than the first one.
CONFLICTS = 0.05
MINUTE_S, DAY_S = 60, 24 * 3600
# Larger than the limit by far: one in a while is enough.
LARGE = {"two_megabytes"}


@dataclass(frozen=True, slots=True)
class Sent:
    """One record: `event` is None for a bad one, whose `code` the dead letter must carry."""

    key: bytes | None
    value: bytes | None
    event: feed.Event | None
    code: str | None = None


@dataclass(slots=True)
class Log:
    """What became of each record: acknowledged with its place, unknown, or accepted by the API."""

    acknowledged: dict[tuple[int, int], Sent] = field(default_factory=dict)
    acknowledged_at: dict[tuple[int, int], float] = field(default_factory=dict)
    unknown: list[Sent] = field(default_factory=list)
    accepted: dict[tuple[bytes, str, str, str], Sent] = field(default_factory=dict)
    # Requests to the API that got another answer than "accepted", or none, and were sent again.
    repeated: Counter[str] = field(default_factory=Counter)


def records_of(seed: int, number: int, start: datetime = feed.START, days: int = feed.DAYS) -> list[Sent]:
    """About so many records: 10 % twice, 10 % out of order, 3 % late, 0.5 % contradicting, 1 % bad of all kinds.

    Out of order is by up to an hour of the workshop's time, late by an hour to five days, a second one comes up to ten
    days after the first. At usual rates a day goes by in less than a minute.
    """
    rng = random.Random(f"load {seed}")
    events = _with_late_ones(
        feed.dirty(
            feed.clean_feed(seed, round(number / (1 + DUPLICATES + POISON_SHARE)), start=start, days=days),
            seed,
            duplicates=DUPLICATES,
            late=OUT_OF_ORDER,
            max_late=timedelta(hours=1),
            conflicts=CONFLICTS,
        ),
        rng,
    )
    records = [
        Sent(event["vehicle_id"].encode(), line, event) for event, line in zip(events, feed.lines(events), strict=True)
    ]
    kinds = sorted(POISON)
    for count in range(round(number * POISON_SHARE)):
        kind = kinds[count % len(kinds)] if count < len(kinds) else rng.choice(sorted(set(kinds) - LARGE))
        vehicle = f"LFVPOISON{count:08d}"
        bad = Sent(
            poison_key(kind, vehicle),
            poison(kind, vehicle),
            None,
            poison_code(kind),
        )
        records.insert(rng.randrange(len(records)), bad)
    return records


def _with_late_ones(events: list[feed.Event], rng: random.Random) -> list[feed.Event]:
    """The same events, a share of them so many places later as come by in an hour to five days."""
    if len(events) < 2:
        return events
    first, last = (datetime.fromisoformat(events[index]["occurred_at"]).timestamp() for index in (0, -1))
    each_s = max(1.0, (last - first) / len(events))
    places = [float(number) for number in range(len(events))]
    for number in rng.sample(range(len(events)), round(len(events) * LATE)):
        places[number] += 60 * MINUTE_S * (5 * DAY_S / (60 * MINUTE_S)) ** rng.random() / each_s
    return [events[number] for number in sorted(range(len(events)), key=places.__getitem__)]


class Load(threading.Thread):
    """Sends records at a pace, on a thread of its own; `log` holds what is known of them at any time.

    One line a record also goes to `path`, with the place that the broker gave it or null, to look into a failed run.
    """

    def __init__(self, bootstrap: str, records: list[Sent], rate: float, path: Path) -> None:
        # An interrupted run does not wait for the rest of it.
        super().__init__(name="load", daemon=True)
        self.log = Log()
        self.failed: BaseException | None = None
        self._kafka, self._records, self._rate, self._path = bootstrap, records, rate, path

    def run(self) -> None:
        try:
            asyncio.run(self._send_all())
        except BaseException as error:
            self.failed = error

    async def _send_all(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._kafka,
            enable_idempotence=True,
            max_request_size=16 * 1024 * 1024,
            # No record is given up in an outage of the broker shorter than this.
            request_timeout_ms=300_000,
            linger_ms=5,
        )
        await producer.start()
        waiting: set[asyncio.Task[None]] = set()
        began = time.monotonic()
        try:
            with self._path.open("w") as file:
                for number, record in enumerate(self._records):
                    if (early := began + number / self._rate - time.monotonic()) > 0.01:
                        await asyncio.sleep(early)
                    future = await producer.send(TOPIC, record.value, record.key)
                    task = asyncio.create_task(self._note(future, record, file))
                    waiting.add(task)
                    task.add_done_callback(waiting.discard)
                await asyncio.gather(*waiting)
        finally:
            await producer.stop()

    async def _note(self, future: Any, record: Sent, file: Any) -> None:
        try:
            metadata = await future
        except KafkaError:
            self.log.unknown.append(record)
            position = None
        else:
            position = (metadata.partition, metadata.offset)
            self.log.acknowledged[position] = record
            self.log.acknowledged_at[position] = time.monotonic()
        event_id = record.event and record.event["event_id"]
        file.write(json.dumps([position, event_id, record.code], ensure_ascii=False) + "\n")
