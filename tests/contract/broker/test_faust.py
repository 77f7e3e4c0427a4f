"""A Faust worker with a table, killed and started again: the table comes back from its changelog."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka.admin import NewTopic

from tests.contract.broker.clients import Lab, eventually

APP = Path(__file__).with_name("faust_app.py")
VEHICLES = [b"VIN%d" % number for number in range(6)]


async def test_a_table_is_recovered_after_a_kill(lab: Lab, tmp_path: Path) -> None:
    name = lab.name("app")
    async with lab.admin() as admin:
        await admin.create_topics([NewTopic(f"{name}-events", 2, 1)])

    async with _worker(lab, name, tmp_path / "first.log"):
        await _send(lab, name, range(0, 120))
        await eventually(lambda: _table_is(lab, name, 120), 60)
    async with _worker(lab, name, tmp_path / "second.log"):
        await _send(lab, name, range(120, 240))
        await eventually(lambda: _table_is(lab, name, 240), 60)


@asynccontextmanager
async def _worker(lab: Lab, name: str, log: Path) -> AsyncIterator[None]:
    """A worker that has recovered its table; at the end it is killed.

    Nothing is sent before: plain Faust may throw away what it fetched while it seeks after a recovery, on any broker.
    """
    environment = {**os.environ, "BROKER": lab.bootstrap, "APP": name, "DATA": str(log.parent)}
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(APP), env=environment, stdout=output, stderr=output
        )

    async def ready() -> bool:
        return "Worker ready" in log.read_text()

    try:
        await eventually(ready, 60)
        yield
        assert process.returncode is None, log.read_text()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _send(lab: Lab, name: str, numbers: range) -> None:
    for partition in (0, 1):
        mine = [number for number in numbers if number % 2 == partition]
        records = [(VEHICLES[number % 6], b"event-%03d" % number) for number in mine]
        await lab.put(f"{name}-events", records, partition=partition)


async def _table_is(lab: Lab, name: str, count: int) -> bool:
    """Whether the changelog's last values hold every event sent, once."""
    changelog = f"{name}-seen-changelog"
    async with lab.admin() as admin:
        if changelog not in await admin.list_topics():
            return False
    table: dict[bytes, list[str]] = {}
    for partition in (0, 1):
        for record in await lab.read_all(changelog, partition):
            table[record.key] = json.loads(record.value)
    event_numbers = sorted(event for events in table.values() for event in events)
    return event_numbers == [f"event-{number:03d}" for number in range(count)]
