"""Topics get more and fewer partitions while events come in: the views are right before, meanwhile and afterwards."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests import compare, feed
from tests.integration.conftest import MakeStack
from tests.stack import Stack
from tests.truth import Truth

pytestmark = pytest.mark.long

EVENTS = 1200
GIVES_UP_MS = 1000
PAUSE = "3"


class Sender:
    """A system that sends one event after the other, each again until it is acknowledged, as integrators are told."""

    def __init__(self, stack: Stack, events: list[feed.Event]) -> None:
        self._kafka, self._left = stack.facts["kafka"], list(reversed(events))
        self.sent: list[feed.Event] = []
        self._stop = threading.Event()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send in the background, and all that is left at the end."""
        thread = threading.Thread(target=lambda: asyncio.run(self._send()))
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    async def _send(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._kafka, acks="all", request_timeout_ms=GIVES_UP_MS)
        await producer.start()
        while self._left and not self._stop.is_set():
            event = self._left[-1]
            try:
                await producer.send_and_wait(
                    "service-events", json.dumps(event).encode(), key=event["vehicle_id"].encode()
                )
                self.sent.append(self._left.pop())
                await asyncio.sleep(0.02)
            except KafkaError:
                await asyncio.sleep(0.1)
        await producer.stop()


class Glances:
    """Somebody who looks at the views all the time: how many check-ins each shows."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._stop = stack, threading.Event()
        self.hours: list[int] = []
        self.events: list[int] = []

    @contextmanager
    def looking(self) -> Iterator[None]:
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _look(self) -> None:
        while not self._stop.is_set():
            self.hours.append(self._number("SELECT sum(check_ins) AS n FROM center_hours"))
            self.events.append(self._number("SELECT count() AS n FROM events"))
            time.sleep(0.1)

    def _number(self, query: str) -> int:
        return int(self._stack.ask(query)[0]["n"])


def test_growing_and_shrinking_under_load_changes_no_figure(make_stack: MakeStack, tmp_path: Any):
    stack = make_stack()
    events = feed.dirty(feed.clean_feed(3, EVENTS, days=8), 3, conflicts=0)
    before, after = events[: EVENTS // 2], events[EVENTS // 2 :]
    source = tmp_path / "events.ndjson"
    feed.write(source, before)
    stack.send(source)
    stack.wait_idle()
    plan = json.loads(stack.run("kafka", "partitions", "--to", "8", "--dry-run", "--json"))
    sender, glances = Sender(stack, after), Glances(stack)

    with sender.sending(), glances.looking():
        stack.run("kafka", "partitions", "--to", "8", "--pause", PAUSE)
        stack.run("kafka", "partitions", "--to", "3", "--pause", PAUSE)

    assert {row["partitions"] for row in plan["topics"]} == {4}
    assert sender.sent
    stack.wait_idle()
    truth = Truth([*before, *sender.sent])
    differences = compare.clickhouse_differences(stack.ask, truth)
    assert not differences, compare.summary_of(differences)
    stack.run("verify")
    # Never a row too many, never one that is gone.
    assert glances.hours == sorted(glances.hours)
    assert glances.events == sorted(glances.events)
    arrivals = stack.ask("SELECT count() AS n FROM arrivals")
    assert int(arrivals[0]["n"]) == len(before) + len(sender.sent)
    assert stack.facts["partitions"] == 3
