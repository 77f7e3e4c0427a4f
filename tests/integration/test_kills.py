"""Parts are killed in the middle of the flow, and the numbers are right all the same."""

import random
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests import compare, feed
from tests.integration.conftest import AT_LENGTH, EVENTS, SEED, MakeStack
from tests.stack import Stack, is_running, wait_for
from tests.truth import Truth

pytestmark = pytest.mark.long

# With EVENTS at its default: some seconds of flow, in which the kills fall.
SENT = EVENTS * 2 // 5
RATE = 500.0
BACK_LIMIT_S = 180.0


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth(feed.dirty(feed.clean_feed(SEED + 1, round(SENT / 1.05)), SEED, conflicts=0.3))


@pytest.fixture
def source(truth: Truth, tmp_path: Path) -> Path:
    path = tmp_path / "events.ndjson"
    feed.write(path, truth.events)
    return path


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
@pytest.mark.parametrize("workers", [1, 2] if AT_LENGTH else [2])
def test_workers_and_writer_are_killed_twice_each(
    make_stack: MakeStack, truth: Truth, source: Path, workers: int, store: str
):
    stack = make_stack(workers=workers, environment={"FIXTRAIL_STATE_STORE": store})

    kill_in_the_flow(stack, source, ["worker-1", "sink-clickhouse", f"worker-{workers}", "sink-clickhouse"])

    assert_all_equal(stack, truth)


def test_broker_and_clickhouse_are_killed(make_stack: MakeStack, truth: Truth, source: Path):
    stack = make_stack(workers=2)

    kill_in_the_flow(stack, source, ["clickhouse", "broker", "worker-2", "clickhouse"])

    assert_all_equal(stack, truth)


def test_stack_goes_on_where_it_was_ended(make_stack: MakeStack, truth: Truth, source: Path):
    """SIGTERM while events are on their way, then kill -9 of `up`; each time `up` on the same folder goes on."""
    half = len(truth.events) // 2
    first, second = source.with_name("first.ndjson"), source.with_name("second.ndjson")
    feed.write(first, truth.events[:half])
    feed.write(second, truth.events[half:])
    stack = make_stack(workers=2)

    stack.send(first)
    assert stack.stop() == 0
    stack.start()
    stack.send(second)
    children = [*stack.pids().values()]
    stack.kill()
    wait_for(lambda: not any(map(is_running, children)), 60, "all children of a killed `up` are gone")
    assert not processes_of(stack)
    stack.start()

    stack.wait_idle()
    assert_all_equal(stack, truth)


def kill_in_the_flow(stack: Stack, source: Path, victims: Iterable[str]) -> None:
    """Send at a pace and kill -9 one after the other, each some random time after the one before has come back."""
    rng = random.Random(SEED)
    with stack.sending(source, RATE) as sender:
        wait_for(lambda: stack.ask("SELECT count() AS n FROM events")[0]["n"] > 0, 180, "events reach ClickHouse")
        for name in victims:
            time.sleep(rng.uniform(0.2, 1.0))
            stack.kill_and_wait(name, limit_s=BACK_LIMIT_S)
        is_in_the_flow = sender.poll() is None
    stack.wait_idle()
    assert is_in_the_flow, "everything was sent before the last kill: send more, or more slowly"


def assert_all_equal(stack: Stack, truth: Truth) -> None:
    differences = compare.clickhouse_differences(stack.ask, truth)
    assert not differences, compare.summary_of(differences)
    # A letter may be sent twice, by who was killed and by who went on; it is about the same record.
    assert stack.ask("SELECT DISTINCT code FROM dead_letters") == [{"code": "event_id_conflict"}]


def processes_of(stack: Stack) -> list[str]:
    """The command lines of all processes that know the stack's folder."""
    named = str(stack.folder).encode()
    processes = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                description = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            except OSError:
                continue
            if named in description and is_running(int(process.name)):
                processes.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return processes
