"""The embedded ClickHouse server and the development broker for tests: child processes on free ports of 127.0.0.1.

Test packages import the fixture `clickhouse` (one migrated server for the test run) or start servers of their own.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sinks.clickhouse.connection import ClickHouse, connect
from sinks.clickhouse.layout import SINGLE, Layout
from sinks.clickhouse.migrations import migrate
from tests.paths import ROOT

START_S = 180.0
STOP_S = 90.0
TABLES = (
    *("journeys", "events", "dead_letters", "center_hours", "centers", "alerts", "reference_events"),
    "history_vehicles",
)


@dataclass
class Node:
    """A running child process; its data stays when it is stopped or killed."""

    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(STOP_S)

    def kill(self) -> None:
        """Kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_S)


@dataclass
class ClickHouseNode(Node):
    http_port: int
    tcp_port: int
    data: Path
    passwords: Mapping[str, str] = field(default_factory=lambda: {"app": "app-secret", "reader": "reader-secret"})
    layout: Layout = SINGLE

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def server(self, user: str = "app") -> ClickHouse:
        return ClickHouse(self.url, user, self.passwords[user], layout=self.layout)

    def client(self, user: str = "app") -> Any:
        """A clickhouse-connect client."""
        return connect(self.server(user))

    def ask(self, sql: str, user: str = "app") -> str:
        """The answer as tab-separated text. Raises AssertionError with ClickHouse's message where it refuses."""
        request = urllib.request.Request(
            self.url + "/",
            data=sql.encode(),
            headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": self.passwords[user]},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read().decode().rstrip("\n")
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None

    def empty(self, *further: str) -> None:
        """Delete all rows that writers write, and those of further tables."""
        for table in (*TABLES, *further):
            self.ask(f"TRUNCATE TABLE fixtrail_raw.{table}")

    def again(self) -> "ClickHouseNode":
        """The same server once more, on the same ports and data."""
        return start_clickhouse(self.data, self.http_port, self.tcp_port)


def free_ports(number: int) -> list[int]:
    """Ports of 127.0.0.1 that were free a moment ago, all different."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for socket_ in sockets:
            socket_.bind(("127.0.0.1", 0))
        return [server.getsockname()[1] for server in sockets]
    finally:
        for socket_ in sockets:
            socket_.close()


def start(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """`python -m module arguments` as a child that has said `ready`."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # Long enough for a busy machine.
        env={"FIXTRAIL_READER_S": "30", **os.environ, **(environment or {})},
        cwd=ROOT,
    )
    assert process.stdout is not None
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 0.1)[0]:
            line = process.stdout.readline()
            if line.startswith("ready"):
                process.ready_line = line.strip()  # type: ignore[attr-defined]
                return process
            assert line, f"{module} ended with exit code {process.wait(STOP_S)}"
    process.kill()
    raise AssertionError(f"{module} did not say ready within {START_S:.0f} s")


def start_clickhouse(
    data: Path, http_port: int | None = None, tcp_port: int | None = None, shard_ports: Sequence[int] = ()
) -> ClickHouseNode:
    """An embedded ClickHouse server that answers, without tables; one of the shards at those TCP ports."""
    http, tcp = (http_port, tcp_port) if http_port and tcp_port else free_ports(2)
    node = ClickHouseNode(None, http, tcp, data)  # type: ignore[arg-type]
    node.process = start(
        "fixtrail.local.clickhouse",
        *("--http-port", str(http), "--tcp-port", str(tcp), "--data", str(data)),
        *("--shard-ports", ",".join(map(str, shard_ports))),
        environment={
            "FIXTRAIL_CLICKHOUSE_PASSWORD": node.passwords["app"],
            "FIXTRAIL_CLICKHOUSE_READER_PASSWORD": node.passwords["reader"],
        },
    )
    return node


@dataclass
class BrokerNode(Node):
    bootstrap: str


def start_broker(data: Path) -> BrokerNode:
    """A development broker that serves `data`."""
    process = start("fixtrail.local.broker", "--port", "0", "--data", str(data))
    return BrokerNode(process, process.ready_line.split()[1])  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def clickhouse_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseNode]:
    """One migrated ClickHouse server for the whole test run."""
    node = start_clickhouse(tmp_path_factory.mktemp("clickhouse"))
    migrate(node.client())
    yield node
    node.stop()


@pytest.fixture
def clickhouse(clickhouse_for_all: ClickHouseNode) -> ClickHouseNode:
    """A migrated ClickHouse server with empty tables."""
    clickhouse_for_all.empty()
    return clickhouse_for_all


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerNode]:
    """One development broker for the whole test run; consumer groups and topics need names of their own in it."""
    node = start_broker(tmp_path_factory.mktemp("broker"))
    yield node
    node.stop()
