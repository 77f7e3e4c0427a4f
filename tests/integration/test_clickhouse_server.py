"""The embedded ClickHouse server: it starts, stops, survives kill -9, and gives nobody more than they may have."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all, free_ports, start_clickhouse
from tests.paths import ROOT
from tests.stack import wait_for

__all__ = ["clickhouse", "clickhouse_for_all"]

_SLEEPING = "SELECT count() FROM system.processes WHERE startsWith(query, 'SELECT sleep')"
REFUSED = "ACCESS_DENIED|READONLY|SETTING_CONSTRAINT_VIOLATION|Not enough privileges"


def has_landlock() -> bool:
    """Whether the kernel has Landlock (its version call answers)."""
    return sys.platform == "linux" and ctypes.CDLL(None).syscall(444, None, 0, 1) > 0


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ClickHouseNode]:
    node = start_clickhouse(tmp_path / "data")
    yield node
    if node.process.poll() is None:
        node.kill()


def test_sigterm_stops_it_within_seconds_though_clients_keep_their_connections(own_server: ClickHouseNode) -> None:
    client = own_server.client()
    assert client.command("SELECT 1") == 1
    began = time.monotonic()

    assert own_server.stop() == 0
    # Those clients keep it for 60 s.
    assert time.monotonic() - began < 30


def test_a_query_that_runs_at_sigterm_comes_to_its_end(own_server: ClickHouseNode) -> None:
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(own_server.ask, "SELECT sleep(3)")
        wait_for(lambda: own_server.ask(_SLEEPING) == "1", 30, "the query runs")
        assert own_server.stop() == 0

        assert running.result() == "0"


def test_what_was_acknowledged_survives_kill_9(own_server: ClickHouseNode) -> None:
    own_server.ask("CREATE DATABASE fixtrail_raw")
    own_server.ask("CREATE TABLE fixtrail_raw.kept (n UInt32) ENGINE = MergeTree ORDER BY n")
    for part in range(20):
        own_server.ask(f"INSERT INTO fixtrail_raw.kept SELECT number + {part * 100} FROM numbers(100)")
    own_server.kill()

    back = own_server.again()
    try:
        assert back.ask("SELECT count(), uniqExact(n) FROM fixtrail_raw.kept") == "2000\t2000"
    finally:
        back.stop()


def test_what_a_killed_server_left_in_its_tmp_folder_does_not_meet_the_next(own_server: ClickHouseNode) -> None:
    own_server.kill()
    leftover = own_server.data / "tmp" / "left" / "behind"
    leftover.mkdir(parents=True)

    back = own_server.again()
    try:
        assert not leftover.exists()
    finally:
        back.stop()


def test_two_servers_do_not_share_a_folder(own_server: ClickHouseNode) -> None:
    config = (own_server.data / "config.xml").read_text()
    http, tcp = free_ports(2)
    code = f"""
from pathlib import Path
from fixtrail.local import clickhouse
clickhouse.LOCK_LIMIT_S = 0.2
raise SystemExit(clickhouse.serve(clickhouse.Server({http}, {tcp}, Path({str(own_server.data)!r}), "app", "reader")))
"""
    second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)

    assert second.returncode == 70
    assert f"another server runs in {own_server.data}" in second.stderr
    assert (own_server.data / "config.xml").read_text() == config


def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    http, tcp = free_ports(2)
    command = [sys.executable, "-m", "fixtrail.local.clickhouse", f"--http-port={http}", f"--tcp-port={tcp}"]
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess, time; p = subprocess.Popen({[*command, f'--data={tmp_path}']!r}); "
            "print(p.pid, flush=True); time.sleep(600)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    assert starter.stdout.readline() == "ready\n"

    starter.send_signal(signal.SIGKILL)
    starter.wait()

    assert _ends_within(pid, 30)


def test_it_says_so_when_its_port_is_taken(own_server: ClickHouseNode, tmp_path: Path) -> None:
    ports = (f"--http-port={own_server.http_port}", f"--tcp-port={free_ports(1)[0]}")
    second = subprocess.run(
        [sys.executable, "-m", "fixtrail.local.clickhouse", *ports, f"--data={tmp_path / 'second'}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert second.returncode == 70
    assert "Address already in use" in second.stderr


def test_passwords_are_made_once_and_kept_to_their_owner(tmp_path: Path) -> None:
    from fixtrail.local.clickhouse import load_passwords

    file = tmp_path / "passwords.json"
    passwords = load_passwords(file)

    assert len(set(passwords)) == 2 and all(len(password) >= 24 for password in passwords)
    assert load_passwords(file) == passwords
    assert file.stat().st_mode & 0o077 == 0


def test_the_configuration_holds_no_password(own_server: ClickHouseNode) -> None:
    config = own_server.data / "config.xml"

    assert config.stat().st_mode & 0o077 == 0
    assert not any(password in config.read_text() for password in own_server.passwords.values())


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count() FROM fixtrail_raw.journeys",
        "SELECT * FROM fixtrail_raw.events",
        "SELECT name FROM system.users",
        "SELECT query FROM system.processes",
        "INSERT INTO fixtrail_raw.centers (center_id) VALUES ('x')",
        "CREATE TABLE fixtrail.mine (n UInt8) ENGINE = Memory",
        "CREATE OR REPLACE VIEW fixtrail.orders AS SELECT 1",
        "DROP VIEW fixtrail.orders",
        "TRUNCATE TABLE fixtrail_raw.journeys",
        "SYSTEM STOP LISTEN HTTP",
        "SET max_execution_time = 0",
        "SELECT 1 SETTINGS max_memory_usage = 0",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM s3('http://127.0.0.1:1/bucket/key', NOSIGN, 'LineAsString', 'a String')",
        "SELECT * FROM remote('127.0.0.1', 'system', 'one')",
        "SELECT * FROM executable('id', 'TSV', 'a String')",
        "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "INSERT INTO FUNCTION file('x.csv', 'CSV', 'a UInt8') VALUES (1)",
    ],
)
def test_the_reader_may_only_read_the_views(clickhouse: ClickHouseNode, sql: str) -> None:
    with pytest.raises(AssertionError, match=REFUSED):
        clickhouse.ask(sql, user="reader")


def test_a_reader_s_query_is_limited_in_rows_and_memory(clickhouse: ClickHouseNode) -> None:
    with pytest.raises(AssertionError, match="TOO_MANY_ROWS_OR_BYTES"):
        clickhouse.ask("SELECT number FROM numbers(2000000) FORMAT Null", user="reader")
    with pytest.raises(AssertionError, match="MEMORY_LIMIT_EXCEEDED"):
        clickhouse.ask("SELECT length(groupArray(number)) FROM numbers(1000000000)", user="reader")


@pytest.mark.parametrize("query", ["", "?user=default", "?session_id=mine", "?user=default&password="])
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SYSTEM STOP LISTEN HTTP",
        "SYSTEM STOP LISTEN TCP",
        "SELECT count() FROM numbers(100000000000)",
        "SELECT count() FROM fixtrail.orders",
        "SELECT count() FROM fixtrail_raw.journeys",
        "SELECT name FROM system.users",
    ],
)
def test_nobody_does_anything_as_default(clickhouse: ClickHouseNode, sql: str, query: str) -> None:
    """Any page that is open in a browser on this machine can send such a request."""
    headers = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
    request = urllib.request.Request(f"{clickhouse.url}/{query}", data=sql.encode(), headers=headers)

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)

    assert "USER_SESSION_LIMIT_EXCEEDED" in refused.value.read().decode()
    assert clickhouse.ask("SELECT 1") == "1"


def test_nobody_logs_in_as_default_by_the_native_protocol(clickhouse: ClickHouseNode) -> None:
    hello = _native_hello("default")
    with socket.create_connection(("127.0.0.1", clickhouse.tcp_port), timeout=10) as connection:
        connection.sendall(hello)
        answer = connection.recv(4096)

    assert b"overflown session count" in answer


def test_the_query_of_a_reader_who_is_gone_is_cancelled(clickhouse: ClickHouseNode) -> None:
    running = "SELECT count() FROM system.processes WHERE user = 'reader'"
    body = b"SELECT count() FROM numbers(1000000000000) WHERE rand() = 7"
    login = f"X-ClickHouse-User: reader\r\nX-ClickHouse-Key: {clickhouse.passwords['reader']}\r\n"
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\n{login}Content-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", clickhouse.http_port), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        wait_for(lambda: clickhouse.ask(running) == "1", 15, "the query runs")

    # Its own limit in these tests is 30 s.
    assert wait_for(lambda: clickhouse.ask(running) == "0", 20, "the query has ended") < 15


@pytest.mark.skipif(not has_landlock(), reason="this kernel has no Landlock")
@pytest.mark.parametrize("file", ["/etc/passwd", "/proc/self/environ", "{data}/passwords.json", "{data}/../secret"])
def test_no_user_reads_a_file_outside_of_the_store(clickhouse: ClickHouseNode, file: str) -> None:
    (clickhouse.data / "passwords.json").touch()
    (clickhouse.data.parent / "secret").touch()

    for user in ("reader", "app"):
        with pytest.raises(AssertionError, match="Permission denied"):
            clickhouse.ask(f"SELECT file('{file.format(data=clickhouse.data)}')", user=user)


@pytest.mark.skipif(not has_landlock(), reason="this kernel has no Landlock")
def test_the_library_loads_whatever_lies_in_memory_behind_the_environment(tmp_path: Path) -> None:
    """Where it cannot read the kernel's facts on the process, it takes what follows the environment for them.

    A variable set later moves the environment beside other memory: 33 there (the size of a small allocation) says
    "here is the kernel's code", and the library died of SIGSEGV while it was loaded.
    """
    code = f"""
import ctypes, importlib.util, sys
from pathlib import Path
from fixtrail.local import clickhouse
assert clickhouse._shut_in(Path({str(tmp_path)!r}), [1])
behind = (ctypes.c_uint64 * 4)(0, 33, 0x1234567, 0)
ctypes.c_void_p.in_dll(ctypes.CDLL(None), "environ").value = ctypes.addressof(behind)
library = Path(importlib.util.find_spec("chdb").origin).with_name("_chdb.abi3.so")
ctypes.CDLL(str(library), mode=sys.getdlopenflags() | 8)  # RTLD_DEEPBIND, as the package does
print("loaded", flush=True)
clickhouse.os._exit(0)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)

    assert (result.returncode, result.stdout) == (0, "loaded\n"), result.stderr


@pytest.mark.skipif(not has_landlock(), reason="this kernel has no Landlock")
def test_a_process_that_is_shut_in_connects_only_where_it_may(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as allowed, socket.create_server(("127.0.0.1", 0)) as forbidden:
        ports = [allowed.getsockname()[1], forbidden.getsockname()[1]]
        code = f"""
import socket, sys
from pathlib import Path
from fixtrail.local.landlock import shut_in
assert shut_in(read=[], write=[Path({str(tmp_path)!r})], connect=[{ports[0]}])
Path({str(tmp_path / "mine")!r}).write_text("kept")
for attempt in (
    lambda: socket.socket().connect(("127.0.0.1", {ports[0]})),
    lambda: socket.socket().connect(("127.0.0.1", {ports[1]})),
    lambda: Path({__file__!r}).read_text(),
):
    try:
        attempt()
        print("done")
    except PermissionError:
        print("refused")
"""
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert result.stdout.split() == ["done", "refused", "refused"]


def test_the_reader_sees_the_views_with_an_ordinary_client(clickhouse: ClickHouseNode) -> None:
    client = clickhouse.client("reader")

    assert client.query("SELECT count() FROM fixtrail.orders").result_rows == [(0,)]
    assert {name for (name,) in client.query("SHOW TABLES FROM fixtrail").result_rows} >= {"orders", "stages", "events"}


def _native_hello(user: str) -> bytes:
    """The first packet of ClickHouse's native protocol: client name, version, revision, database, user, password."""
    revision = b"\xd3\xa8\x03"
    return b"\x00\x04test\x18\x01" + revision + b"\x00" + bytes([len(user)]) + user.encode() + b"\x00"


def _ends_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
