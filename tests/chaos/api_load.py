"""A share of the load as a DMS sends it: one event a request to `POST /v1/events`, again until it is accepted."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from threading import Thread
from typing import Any

import httpx

from tests.chaos.load import Log, Sent

# The API's own records look like those of any producer where they carry nothing personal: these types do not.
TYPES = frozenset({"repair", "part_request", "quality_check"})
ONE_IN = 8
SENDERS = 4
PAUSE_S = 0.5
TIMEOUT_S = 20.0
# What a server says that cannot take an event now.
NOT_NOW = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})

Identity = tuple[bytes, str, str, str]


def identity_of(key: bytes, event: dict[str, Any]) -> Identity:
    """What an event is known by in the topic: the record's key, center, order and event id."""
    return key, event["center_id"], event["order_id"], event["event_id"]


def split(records: Sequence[Sent]) -> tuple[list[Sent], list[Sent]]:
    """(what a producer sends, what goes through the API): one in eight events of these types that come once.

    The orders of today, whose customers are told, are left to the producer.
    """
    times = Counter(_identity(record) for record in records if record.event is not None)
    fit = [
        record
        for record in records
        if record.event is not None
        and record.event["type"] in TYPES
        and not record.event["order_id"].startswith("T")
        and times[_identity(record)] == 1
    ]
    through_api = set(map(id, fit[::ONE_IN]))
    return (
        [record for record in records if id(record) not in through_api],
        [record for record in records if id(record) in through_api],
    )


def _identity(record: Sent) -> Identity:
    assert record.key is not None and record.event is not None
    return identity_of(record.key, record.event)


class ApiLoad(Thread):
    """Sends events to a web server at a pace, on a thread of its own; what it accepts is noted in the log."""

    def __init__(self, url: str, key: str, records: Iterable[Sent], rate: float, log: Log) -> None:
        super().__init__(name="load of the API", daemon=True)
        self.failed: BaseException | None = None
        self._url, self._key, self._records, self._rate, self._log = url, key, list(records), rate, log

    def run(self) -> None:
        try:
            asyncio.run(self._send_all())
        except BaseException as error:
            self.failed = error

    async def _send_all(self) -> None:
        began = time.monotonic()
        waiting = iter(enumerate(self._records))
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        async with httpx.AsyncClient(headers=headers, timeout=TIMEOUT_S, trust_env=False) as client:

            async def send() -> None:
                for number, record in waiting:
                    await asyncio.sleep(max(0.0, began + number / self._rate - time.monotonic()))
                    await self._deliver(client, record)

            await asyncio.gather(*(send() for _ in range(SENDERS)))

    async def _deliver(self, client: httpx.AsyncClient, record: Sent) -> None:
        while not await self._is_accepted(client, record):
            await asyncio.sleep(PAUSE_S)
        self._log.accepted[_identity(record)] = record

    async def _is_accepted(self, client: httpx.AsyncClient, record: Sent) -> bool:
        """Whether the event was accepted. Raises RuntimeError where it is refused."""
        try:
            answer = await client.post(f"{self._url}/v1/events", content=record.value)
        except httpx.TransportError as error:
            self._log.repeated[type(error).__name__] += 1
            return False
        if answer.status_code in NOT_NOW:
            self._log.repeated[str(answer.status_code)] += 1
            return False
        if answer.status_code != HTTPStatus.ACCEPTED:
            raise RuntimeError(f"a good event was answered with {answer.status_code}: {answer.text[:300]}")
        return True


def event_in(value: bytes | None) -> dict[str, Any] | None:
    """The event of a record that the API may have written; None where it is none."""
    try:
        event = json.loads(value or b"")
    except ValueError:
        return None
    names = ("center_id", "order_id", "event_id")
    return event if isinstance(event, dict) and all(isinstance(event.get(name), str) for name in names) else None
