"""A closed journey leaves its topic once it is old enough and everybody has had time to read it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtrail.all_settings import Settings
from fixtrail.operations import retention
from schemas.times import DAY_MS

NOW = 1_800_000_000_000


def record(order_id: str, *, status: str = "handed_off", heard: float = 401, written_days_ago: float = 401) -> Any:
    value = json.dumps({"status": status, "last_event_at": NOW - int(heard * DAY_MS)}).encode()
    return SimpleNamespace(
        key=order_id.encode(), value=value, timestamp=NOW - int(written_days_ago * DAY_MS), partition=2
    )


def deleted(order_id: str) -> Any:
    return SimpleNamespace(key=order_id.encode(), value=None, timestamp=NOW, partition=2)


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The records of topic `journeys`, to be filled."""
    records: list[Any] = []

    async def whole_topic(*_: Any) -> AsyncIterator[list[Any]]:
        yield records

    async def partitions(*_: Any) -> list[int]:
        return [0]

    monkeypatch.setattr(retention, "records_of", whole_topic)
    monkeypatch.setattr(retention, "require_topic", partitions)
    return records


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, kafka="127.0.0.1:1", hash_key="a key for these tests, long enough")


@pytest.mark.parametrize(
    ("record_of_topic", "why"),
    [
        (record("R1", status="open"), "it is open"),
        (record("R1", heard=399), "it was heard of lately"),
        (record("R1", written_days_ago=6), "it was written lately, as by a replay"),
    ],
)
async def test_a_journey_stays(topic: list[Any], settings: Settings, record_of_topic: Any, why: str) -> None:
    topic += [record("R2"), record_of_topic]

    assert await retention.old_journeys(settings, NOW) == {(2, b"R2")}, why


async def test_the_newest_record_of_an_order_decides(topic: list[Any], settings: Settings) -> None:
    topic += [record("R1"), record("R2"), record("R3"), record("R1", heard=3), deleted("R2")]

    assert await retention.old_journeys(settings, NOW) == {(2, b"R3")}


async def test_nothing_leaves_where_journeys_are_kept_for_ever(topic: list[Any], tmp_path: Path) -> None:
    topic.append(record("R1"))
    settings = Settings(
        data=tmp_path, kafka="127.0.0.1:1", hash_key="a key for these tests, long enough", journeys_days=0
    )

    assert await retention.forget_old(settings, NOW) == 0


async def test_a_dry_run_only_counts(topic: list[Any], settings: Settings) -> None:
    topic.append(record("R1"))

    assert await retention.forget_old(settings, NOW, dry_run=True) == 1
