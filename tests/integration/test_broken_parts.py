"""Parts of tables that ClickHouse starts without: the writer tells of them, and reading again brings the rows back."""

import asyncio
from pathlib import Path

from sinks.clickhouse.migrations import migrate
from tests.clickhouse_node import BrokerNode, start_clickhouse
from tests.integration.test_clickhouse_writer import (
    Record,
    broker,
    events,
    history,
    running_writer,
    send,
    until,
    until_committed,
)

__all__ = ["broker", "events", "history"]

ROWS = "SELECT count() FROM fixtrail_raw.journeys FINAL"


async def test_parts_that_clickhouse_starts_without_are_told(
    broker: BrokerNode, tmp_path: Path, history: list[Record]
) -> None:
    node = await asyncio.to_thread(start_clickhouse, tmp_path / "broken")
    try:
        migrate(node.client())
        await send(broker, history)
        async with running_writer(broker, node, "before"):
            await until_committed(broker, "before")
        before = int(node.ask(ROWS))
        folders = node.ask(
            "SELECT path FROM system.parts WHERE database = 'fixtrail_raw' AND table = 'journeys' AND active"
        )
        node.kill()
        for folder in folders.splitlines():
            Path(folder, "checksums.txt").write_bytes(b"")
        node = await asyncio.to_thread(node.again)
        assert int(node.ask(ROWS)) < before

        async with running_writer(broker, node, "anew") as progress:
            await until(lambda: progress.gauges.get(("broken_parts", "journeys")) == len(folders.splitlines()))
            assert progress.gauges["broken_parts", "events"] == 0
            await until_committed(broker, "anew")
        assert int(node.ask(ROWS)) == before
    finally:
        node.stop()
