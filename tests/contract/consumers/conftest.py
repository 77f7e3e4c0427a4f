import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fixtrail.all_settings import Settings
from fixtrail.operations.topics import ensure_topics
from runtime import store
from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all
from tests.contract.broker.brokers import EmbeddedBroker, start_embedded
from tests.contract.consumers.boxes import BOXES, BoxKind, RunningBox, World, a_world

__all__ = ["clickhouse", "clickhouse_for_all"]

PARTITIONS = 2


@pytest.fixture(params=BOXES, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> BoxKind:
    """Each box that runs on the consumer loop."""
    box: BoxKind = request.param
    return box


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """A development broker of the test's own, with no topics yet."""
    running = start_embedded(tmp_path / "broker", "--shortest-session", "1", "--upkeep-every", "0.3")
    yield running
    running.kill()


@pytest.fixture
def world(
    broker: EmbeddedBroker, clickhouse: ClickHouseNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A broker with Fixtrail's topics, and what the boxes write to."""
    monkeypatch.setattr(store, "BUSY_LIMIT_S", 0.2)
    asyncio.run(ensure_topics(Settings(kafka=broker.bootstrap, partitions=PARTITIONS)))
    world = a_world(broker.bootstrap, tmp_path, clickhouse)
    yield world
    world.proxy.stop()


@pytest.fixture
async def box(kind: BoxKind, world: World) -> AsyncIterator[RunningBox]:
    """The box, running; a test may stop it itself."""
    running = RunningBox(kind, world, "one")
    running.start()
    yield running
    assert await running.stop() == 0
