"""When everything that was sent has arrived, and what is said while it has not."""

import asyncio

import pytest

from fixtrail.all_settings import Settings
from fixtrail.operations import status
from fixtrail.operations.overview import Overview
from fixtrail.operations.status import Lag, LagSnapshot, behind_text, wait_idle


def look(worker=0, writer=0, end=10):
    return LagSnapshot(
        (
            Lag("fixtrail", "service-events", 0, end - worker, end, worker),
            Lag("fixtrail-clickhouse", "journeys", 1, None, end, writer),
        ),
        dead_letters=3,
    )


class FakeWatcher:
    """Sees one look after another, the last one for ever."""

    looks: tuple[LagSnapshot, ...] = ()

    def __init__(self, _settings):
        self._left = list(self.looks)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def look(self):
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


@pytest.fixture
def waited(monkeypatch):
    monkeypatch.setattr(status, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(status, "Watcher", FakeWatcher)

    def wait(*looks):
        monkeypatch.setattr(FakeWatcher, "looks", looks)
        return asyncio.run(wait_idle(Settings(), 0.05))

    return wait


def test_it_is_idle_after_two_looks_without_any_lag(waited):
    assert waited(look(worker=5, writer=7), look(writer=2), look()) is None


def test_one_look_without_lag_is_not_enough_while_ends_still_move(waited):
    """What the worker wrote just now may not have been in the ends that the writer was compared with."""
    assert waited(look(end=10), look(end=11), look(worker=1, end=12)) is not None


def test_what_still_lags_at_the_time_out_is_named(waited):
    late = waited(look(worker=2, writer=1500))

    assert behind_text(late) == (
        "fixtrail has 2 records of service-events to go, fixtrail-clickhouse has 1,500 records of journeys to go"
    )


def test_scripts_get_every_partition():
    document = Overview(look(worker=4), [], [], {}, []).as_json()

    assert document["idle"] is False
    assert document["dead_letters"] == 3
    assert document["groups"]["fixtrail"] == {
        "lag": 4,
        "partitions": [{"topic": "service-events", "partition": 0, "committed": 6, "end": 10, "lag": 4, "lost": 0}],
    }
    assert document["groups"]["fixtrail-clickhouse"]["partitions"][0]["committed"] is None
