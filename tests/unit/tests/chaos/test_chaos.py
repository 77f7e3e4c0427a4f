"""The means of the chaos runs: the plan, the load, the proxy, and what the checker expects of notices."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.decode import decode_event
from streams.journey.partition_state import PartitionState
from tests.chaos import notices, page
from tests.chaos.hosts import free_ports
from tests.chaos.load import Sent, records_of
from tests.chaos.plan import KINDS, plan_of
from tests.chaos.proxy import HOST, Proxy
from tests.chaos.shortages import SHORTAGES
from tests.paths import ROOT


def test_the_same_seed_is_the_same_plan():
    assert plan_of(3, 1800) == plan_of(3, 1800)
    assert plan_of(3, 1800) != plan_of(4, 1800)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_half_an_hour_has_sixty_faults_and_every_kind(seed: int):
    plan = plan_of(seed, 1800, api=True, postgres=True)

    assert len(plan) >= 60
    assert {fault.kind for fault in plan} == set(KINDS)
    assert all(fault.at_s + fault.for_s < 1800 for fault in plan)


def test_the_smoke_plan_of_continuous_integration_has_eight_faults():
    plan = plan_of(51, 60, mean_gap_s=5, broker="embedded", smoke=True)

    assert len(plan) >= 8
    assert "worker.outputs_acknowledged" in " ".join(fault.detail for fault in plan)


@pytest.fixture(scope="module")
def records() -> list[Sent]:
    return records_of(1, 10_000)


def test_the_load_is_as_dirty_as_promised(records: list[Sent]):
    events = [record.event for record in records if record.event is not None]
    by_id: dict[tuple[str, str], list[bytes | None]] = {}
    for record in records:
        if record.event is not None:
            by_id.setdefault((record.event["vehicle_id"], record.event["event_id"]), []).append(record.value)
    twice = [values for values in by_id.values() if len(values) > 1]

    assert len(records) - len(events) == 100
    assert 0.09 < len(twice) / len(by_id) < 0.11
    assert 0.003 < sum(len(set(values)) > 1 for values in twice) / len(by_id) < 0.007


def test_notices_are_expected_as_the_rules_tell_them(records: list[Sent]):
    """The checker's own reading of the milestones, from lists of events, against the running rules."""
    good = [record for record in records if record.event is not None]
    milestones: set[notices.MilestoneKey] = set()
    book = PartitionState(0, {}, {}, {})
    for start in range(0, len(good), 300):
        batch = [
            (start + number, decode_event(record.value)) for number, record in enumerate(good[start : start + 300])
        ]
        outputs = book.apply(batch)
        milestones |= {
            (notice["center_id"], notice["order_id"], notice["milestone"], notice["event_id"])
            for notice in outputs.notices
        }

    assert milestones == set(notices.expected(record.event for record in good))


class Server(threading.Thread):
    """Answers each line with the same line, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.requests: list[bytes] = []
        self._socket = socket.create_server((HOST, 0))
        self.port = self._socket.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionResetError):
            while line := connection.recv(100):
                self.requests.append(line)
                connection.sendall(line)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.close()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    proxy = Proxy(free_ports("proxy")["proxy"], server.port)
    proxy.start()
    yield proxy
    proxy.stop()


def ask(proxy: Proxy, line: bytes, *, within_s: float = 5.0) -> bytes:
    with socket.create_connection((HOST, proxy.port), timeout=within_s) as connection:
        connection.sendall(line)
        return connection.recv(100)


def test_a_proxy_hands_on_what_is_said(proxy: Proxy):
    assert ask(proxy, b"hello") == b"hello"


def test_a_lost_answer_was_served(proxy: Proxy, server: Server):
    proxy.set("cut")

    with pytest.raises(ConnectionResetError):
        ask(proxy, b"insert")
    assert server.requests == [b"insert"]
    assert proxy.counts == Counter(cut=1)


def test_a_proxy_that_refuses_comes_back_on_its_port(proxy: Proxy):
    proxy.set("refuse")
    with pytest.raises(ConnectionRefusedError):
        ask(proxy, b"hello")

    proxy.set("pass")
    assert ask(proxy, b"hello") == b"hello"


def test_a_black_hole_swallows_and_goes_on_where_it_was(proxy: Proxy):
    with socket.create_connection((HOST, proxy.port), timeout=5) as connection:
        connection.sendall(b"one")
        assert connection.recv(100) == b"one"
        proxy.set("blackhole")
        connection.sendall(b"two")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(100)

        proxy.set("pass")
        connection.settimeout(5)
        assert connection.recv(100) == b"two"


def test_a_reset_ends_what_was_open_and_what_comes(proxy: Proxy):
    with socket.create_connection((HOST, proxy.port), timeout=5) as connection:
        connection.sendall(b"one")
        assert connection.recv(100) == b"one"
        proxy.set("reset")
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    with pytest.raises(ConnectionResetError):
        ask(proxy, b"two")


@pytest.mark.skipif(not page.PAGE.exists(), reason="nothing was reported yet")
def test_the_page_on_reliability_is_what_the_runs_reported():
    assert page.PAGE.read_text() == page.page(), "run: python -m tests.chaos.page --write"


def test_every_change_that_a_trial_asks_for_exists():
    from tests.chaos.mutants.__main__ import TRIALS
    from tests.chaos.mutants.changes import CHANGES

    changes = {name for trial in TRIALS.values() for name in (trial.changes or "").split("+") if name}

    assert changes <= CHANGES.keys()


# The rules and the writer, called as they are by the boxes, with what a change has put in their place.
CALLED = """
import inspect
from sinks.clickhouse import writer
from sinks.push import address, sink
from streams.journey import notices, order, partition_state, vehicle
from streams.worker import outbox, tracker
from tests.chaos.mutants.changes import CHANGES

def functions():
    owners = [outbox.Outbox, tracker.Tracker, order.Order, vehicle.Vehicle, partition_state.PartitionState]
    owners += [writer._Writer, address.AddressKeys, sink._Sink, notices]
    return {(owner, name): item for owner in owners for name, item in vars(owner).items() if inspect.isfunction(item)}

before = functions()
for change in CHANGES.values():
    change()
for target, changed in functions().items():
    parameters = inspect.signature(before[target]).parameters.values()
    inspect.signature(changed).bind(
        *(item.name for item in parameters if item.default is item.empty and item.kind is not item.KEYWORD_ONLY),
        **{item.name: None for item in parameters if item.default is not item.empty or item.kind is item.KEYWORD_ONLY},
    )
"""


def test_what_changes_put_in_the_place_of_rules_is_called_in_the_same_way(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", CALLED],
        cwd=ROOT,
        env={**os.environ, "FIXTRAIL_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_said_to_show_a_shortage_is_there():
    proofs = [proof for row in SHORTAGES for proof in row.proofs]
    for path, _, name in (proof.partition("::") for proof in proofs):
        assert f"def {name}(" in (ROOT / "tests" / path).read_text() if name else path in KINDS
