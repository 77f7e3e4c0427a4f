"""State in RocksDB is what it is in memory, and nothing is left in it of the process before."""

import builtins
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.failure import ExitError
from streams.worker.batches import PartitionStore
from streams.worker.rocks import RocksPartition, require_rocksdb
from tests import feed
from tests.worker_memory import Data, Memory
from tests.workshop import event_of

KEYS = st.sampled_from([b"", b"a", b"b", b"\x00", b"key" * 40])
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, st.binary(min_size=1, max_size=20)),
    st.tuples(st.just("pop"), KEYS, st.just(b"")),
)


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="fixtrail-rocks-"))
    yield path
    shutil.rmtree(path)


@settings(max_examples=10, deadline=None)
@given(steps=st.lists(STEPS, max_size=30))
def test_it_is_a_mapping_as_a_dict_is_one(steps: list[tuple[str, bytes, bytes]]):
    with tempfile.TemporaryDirectory() as folder:
        table, expected = RocksPartition(Path(folder) / "orders" / "0"), dict[bytes, bytes]()
        for step, key, value in steps:
            if step == "put":
                table[key] = expected[key] = value
            else:
                assert table.pop(key, None) == expected.pop(key, None)
            assert (key in table) == (key in expected)
            assert table.get(key) == expected.get(key)
        assert len(table) == len(expected)
        assert dict(table.items()) == expected
        table.clear()


def test_nothing_is_there_of_the_process_before(folder: Path):
    """What it had written may be ahead of the changelog."""
    RocksPartition(folder / "0")[b"order"] = b"state"

    assert dict(RocksPartition(folder / "1")) == {}
    assert dict(RocksPartition(folder / "0")) == {}


def test_a_partition_that_goes_takes_its_files_along(folder: Path):
    table = RocksPartition(folder / "0")
    table[b"order"] = b"state"

    table.clear()

    assert list(folder.iterdir()) == []


def test_the_journeys_are_the_same_across_crashes(folder: Path):
    number = count()

    def recovered(log: Data) -> RocksPartition:
        table = RocksPartition(folder / str(next(number)))
        table.update(log)
        return table

    events = list(enumerate(map(event_of, feed.dirty(feed.clean_feed(3, 600), 3))))
    memories = Memory(), Memory(recover=recovered)
    for memory in memories:
        chance = Random(7)
        for start in range(0, len(events), 60):
            memory.take(events[start : start + 60])
            if chance.random() < 0.3:
                memory.crash(chance)
                memory.take(events[max(0, start - 60) : start + 60])

    in_memory, in_rocks = memories
    assert in_rocks.sent == in_memory.sent
    assert in_rocks.center_hours() == in_memory.center_hours()
    assert in_rocks.notices == in_memory.notices
    assert [dict(table) for table in in_rocks.tables] == [dict(table) for table in in_memory.tables]


class FakeTable:
    """As much of a Faust table as its store asks for."""

    name = "orders"

    class changelog_topic:  # noqa: N801
        @staticmethod
        def get_topic_name() -> str:
            return "orders-changelog"


async def test_a_store_makes_and_forgets_the_files_of_its_partitions(folder: Path):
    store = PartitionStore(
        "memory://",
        None,
        FakeTable(),
        merge=lambda first, second: max(first, second),
        make=lambda table, number: RocksPartition(folder / table / str(number)),
    )
    for number in (0, 1, 2):
        store.partition(number)[b"%d" % number] = b"state"
    assert sorted(store) == [b"0", b"1", b"2"]
    assert len(store) == 3

    await store.on_rebalance(set(), {TP("orders-changelog", 0)}, set())
    await store.on_recovery_completed({TP("orders-changelog", 1)}, set())

    assert sorted(store) == [b"1"]
    assert [path.name for path in (folder / "orders").iterdir()] == ["1"]


def test_without_the_extra_the_worker_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    imported = builtins.__import__

    def refuse(name: str, *rest: Any, **options: Any) -> Any:
        if name == "rocksdict":
            raise ImportError(name)
        return imported(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)

    with pytest.raises(ExitError, match=r"fixtrail\[rocksdb\]") as refused:
        require_rocksdb()
    assert refused.value.exit_code == 78
