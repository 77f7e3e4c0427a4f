"""A machine that runs short, or whose clock jumps, in the middle of the flow: what is lost is time, and no event.

One stack goes through all of it; after each trouble more events are sent, and every figure is compared.
"""

import contextlib
import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import compare, feed
from tests.integration.conftest import SEED
from tests.jumping_clock import COMPILER, HOUR_S, JumpingClock
from tests.stack import Stack, is_running, wait_for
from tests.truth import Event, Truth

pytestmark = pytest.mark.long

EVENTS = 4_000
RATE = 100.0
BOXES = ("worker-1", "worker-2", "sink-clickhouse", "sink-push", "watch", "web")
FROZEN_S = 60.0
SHORT_S = 10.0
BACK_LIMIT_S = 240.0
MEGABYTE = 1024 * 1024


class Flow:
    """Events in portions, each sent at a pace while something happens; all that was sent is compared with the truth."""

    def __init__(self, stack: Stack, events: list[Event], folder: Path, portions: int) -> None:
        self.stack, self._events, self._folder = stack, events, folder
        self._size, self._sent = len(events) // portions, 0

    @contextlib.contextmanager
    def portion(self) -> Iterator[None]:
        """Send the next events while the body runs; returns once all figures are right."""
        path = self._folder / f"from-{self._sent}.ndjson"
        feed.write(path, self._events[self._sent : self._sent + self._size])
        self._sent += self._size
        with self.stack.sending(path, RATE):
            yield
        self.stack.wait_idle()
        truth = Truth(self._events[: self._sent])
        differences = compare.clickhouse_differences(self.stack.ask, truth)
        assert not differences, compare.summary_of(differences)
        codes = {row["code"] for row in self.stack.ask("SELECT DISTINCT code FROM dead_letters")}
        assert codes <= {"event_id_conflict"}, codes
        assert "0 differences" in self.stack.run("verify")


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> JumpingClock | None:
    return JumpingClock(tmp_path_factory.mktemp("clock")) if COMPILER else None


@pytest.fixture(scope="module")
def flow(clock: JumpingClock | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    folder = tmp_path_factory.mktemp("scarcity")
    with Stack(folder / "stack", workers=2, environment=clock.environment if clock else {}) as stack:
        yield Flow(stack, feed.dirty(feed.clean_feed(SEED + 5, EVENTS), SEED, conflicts=0.3), folder, portions=5)


def test_boxes_that_stood_still_for_a_minute_go_on(flow: Flow):
    with flow.portion():
        frozen: list[int] = []
        try:
            frozen += (flow.stack.signal(name, signal.SIGSTOP) for name in BOXES)
            time.sleep(FROZEN_S)
        finally:
            for pid in frozen:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


def test_boxes_that_may_open_no_more_files_go_on_once_they_may(flow: Flow):
    with flow.portion():
        for name in BOXES:
            shorten(flow.stack.pids()[name], resource.RLIMIT_NOFILE, open_files(flow.stack.pids()[name]))
        time.sleep(SHORT_S)
        flow.stack.kill_and_wait("broker", limit_s=BACK_LIMIT_S)
        time.sleep(SHORT_S)
        for pid in flow.stack.pids().values():
            lengthen(pid, resource.RLIMIT_NOFILE)


def test_boxes_out_of_memory_lose_nothing(flow: Flow):
    """One that ends of it is started again; no record is blamed for it."""
    with flow.portion():
        short = {name: flow.stack.pids()[name] for name in ("worker-1", "worker-2", "sink-clickhouse", "sink-push")}
        for pid in short.values():
            shorten(pid, resource.RLIMIT_AS, size_of(pid) + MEGABYTE)
        time.sleep(SHORT_S)
        for pid in short.values():
            lengthen(pid, resource.RLIMIT_AS)
    wait_for(lambda: flow.stack.pids().keys() >= short.keys(), BACK_LIMIT_S, "all boxes run")


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
def test_a_clock_that_jumps_by_an_hour_changes_no_figure(flow: Flow, clock: JumpingClock, jump_s: int):
    with flow.portion():
        time.sleep(SHORT_S / 2)
        clock.set(jump_s)
        time.sleep(SHORT_S)
        clock.set(0)


def shorten(pid: int, kind: int, limit: int) -> None:
    """Let a running process have no more than this."""
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, kind, (limit, resource.prlimit(pid, kind)[1]))


def lengthen(pid: int, kind: int) -> None:
    """Let it have what it may have at most."""
    if is_running(pid):
        with contextlib.suppress(ProcessLookupError):
            most = resource.prlimit(pid, kind)[1]
            resource.prlimit(pid, kind, (most, most))


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def size_of(pid: int) -> int:
    """Bytes of address space."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
