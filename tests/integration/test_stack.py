"""`fixtrail up` and the commands around it, as an operator meets them: real processes, broker and ClickHouse."""

import asyncio
import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests import feed
from tests.stack import COMMAND, Stack, is_running, wait_for


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stacks") / "stack", workers=2) as running:
        yield running


def call(folder: Path, *arguments: str | Path, stdin: bytes = b"", code: int = 0) -> subprocess.CompletedProcess[bytes]:
    """A command of `fixtrail` on this data folder; fails unless it ends with `code`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIXTRAIL_")}
    command = [*COMMAND, *map(str, arguments)]
    environment["FIXTRAIL_DATA"] = str(folder)
    ended = subprocess.run(command, input=stdin, capture_output=True, timeout=300, env=environment)
    assert ended.returncode == code, f"{command} ended with {ended.returncode}: {ended.stdout!r} {ended.stderr!r}"
    return ended


def send(stack: Stack, *lines: bytes) -> None:
    call(stack.folder, "send", "-", stdin=b"\n".join(lines) + b"\n")
    stack.wait_idle()


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 500 events."""
    path = tmp_path_factory.mktemp("feed") / "feed.ndjson"
    feed.write(path, feed.clean_feed(5, 500, days=10))
    return path


def test_where_everything_is_stands_in_a_file_that_only_the_owner_reads(stack: Stack):
    for name in ("stack.json", "secrets.json"):
        assert stat.S_IMODE((stack.folder / name).stat().st_mode) == 0o600
    assert set(stack.facts) >= {"kafka", "clickhouse", "clickhouse_native", "hash_key", "children", "partitions"}
    boxes = {"worker-1", "worker-2", "sink-clickhouse", "sink-push", "watch", "web"}
    assert set(stack.facts["children"]) == {"broker", "clickhouse", *boxes}
    assert all(is_running(child["pid"]) for child in stack.facts["children"].values())


def test_each_part_finds_only_those_secrets_in_its_environment_that_it_reads(stack: Stack):
    passwords = set(json.loads((stack.folder / "secrets.json").read_text()))
    needed = {
        "clickhouse": {"clickhouse_password", "clickhouse_reader_password"},
        "sink-clickhouse": {"clickhouse_password", "hash_key"},
        "sink-push": {"hash_key", "link_key", "webhook_key"},
        "watch": {"clickhouse_reader_password"},
        "web": {"clickhouse_reader_password", "hash_key", "link_key", "session_key"},
    }

    for part, pid in stack.pids().items():
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert {name for name in passwords if stack.facts[name].encode() in environment} == needed.get(part, set()), (
            part
        )


def test_a_second_stack_in_the_same_folder_is_refused(stack: Stack):
    second = call(stack.folder, "up", "--ports", "auto", code=78)

    assert f"in use by a running stack (process {stack.facts['pid']})" in second.stderr.decode()
    assert is_running(stack.facts["pid"])
    stack.wait_idle()


def test_status_tells_lags_and_health_to_scripts(stack: Stack):
    state: dict[str, Any] = {}

    def seen_idle() -> bool:
        state.update(stack.status())
        return state["idle"] is True

    # A heartbeat may be on its way at any one look.
    wait_for(seen_idle, 120, "a look at which all is done")
    assert set(state["groups"]) == {"fixtrail", "fixtrail-clickhouse"}
    assert state["groups"]["fixtrail"]["lag"] == 0
    assert {child["state"] for child in state["children"].values()} == {"ready"}


def test_waiting_ends_with_one_when_something_does_not_get_on(stack: Stack, lines: Path):
    stack.signal("sink-clickhouse", signal.SIGSTOP)
    try:
        call(stack.folder, "send", lines)
        late = call(stack.folder, "status", "--wait-idle", "2", code=1)
    finally:
        stack.signal("sink-clickhouse", signal.SIGCONT)

    assert "not idle after 2 s" in late.stderr.decode()
    # The events, and what heartbeats come meanwhile.
    assert re.search(r"fixtrail-clickhouse has 5\d\d records of service-events to go", late.stderr.decode())
    stack.wait_idle()


def test_a_clickhouse_that_stops_listening_is_not_ready_and_is_started_again(stack: Stack):
    def state() -> str:
        state: str = json.loads(stack.run("status", "--json", exit_code=None))["children"]["clickhouse"]["state"]
        return state

    before = stack.facts["children"]["clickhouse"]
    with contextlib.suppress(OSError):
        stack.ask_raw("SYSTEM STOP LISTEN HTTP")

    wait_for(lambda: state() != "ready", 60, "status sees it")
    wait_for(lambda: stack.facts["children"]["clickhouse"]["pid"] not in (None, before["pid"]), 120, "it is restarted")

    wait_for(lambda: state() == "ready", 120, "it answers again")
    assert "did not answer" in stack.facts["children"]["clickhouse"]["ended"]
    assert stack.sql("SELECT 1 AS one") == [{"one": 1}]


def test_sql_answers_in_any_format_and_only_reads(stack: Stack):
    def sql(*arguments: str, stdin: bytes = b"") -> bytes:
        return call(stack.folder, "sql", *arguments, stdin=stdin).stdout

    assert sql("SELECT 1 AS one", "--format", "JSONEachRow") == b'{"one":1}\n'
    assert sql("SELECT 1 AS one, 'x' AS two") == b"one\ttwo\n1\tx\n"
    assert sql("-", stdin=b"SELECT count() >= 0 FROM orders FORMAT CSV") == b"1\n"

    for query in ("DROP VIEW orders", "SELECT * FROM fixtrail_raw.journeys", "SELEC 1"):
        refused = call(stack.folder, "sql", query, code=1)
        assert refused.stdout == b""
        assert b"DB::Exception" in refused.stderr


CHECK_IN = (
    b'{"event_id":"%s","type":"check_in","order_id":"%s","vehicle_id":"%s","center_id":"c1",'
    b'"occurred_at":"2026-03-01T08:00:00Z","customer_id":"u1","lane":%s}'
)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_events_that_a_producer_has_packed_become_orders(stack: Stack, codec: str):
    async with AIOKafkaProducer(bootstrap_servers=stack.facts["kafka"], compression_type=codec) as producer:
        vehicle, order = f"VIN-{codec}".encode(), f"packed-{codec}".encode()
        event = CHECK_IN % (order, order, vehicle, b'"quick"')
        await producer.send_and_wait("service-events", event, key=vehicle)
    await asyncio.to_thread(stack.wait_idle)

    assert stack.sql(f"SELECT lane FROM orders WHERE order_id = 'packed-{codec}'") == [{"lane": "quick"}]


def letters(stack: Stack) -> dict:
    answer: dict = json.loads(stack.run("dead-letters", "list", "--json", "--newest", "1000"))
    return answer


def test_a_refused_event_is_repaired_and_put_back_once(stack: Stack, tmp_path: Path):
    bad = CHECK_IN % (b"repair-1", b"order-r1", b"VIN-R1", b'"express"')
    send(stack, bad, b'{"vehicle_id":"VIN-R2", broken')
    by_code = {letter["code"]: letter for letter in letters(stack)["newest"]}
    position = by_code["invalid_field"]["place"]

    assert by_code["invalid_field"]["topic"] == "service-events"
    assert "not_json" in by_code
    assert "express" not in json.dumps(by_code)
    shown = json.loads(call(stack.folder, "dead-letters", "show", position, "--raw").stdout)
    assert {**shown, "customer_id": None} == {**json.loads(bad), "customer_id": None}
    assert "lane" in stack.run("dead-letters", "show", position)

    def redrive(*arguments: str | Path, code: int = 0) -> str:
        return call(stack.folder, "dead-letters", "redrive", position, *arguments, code=code).stdout.decode()

    assert "would be refused again, invalid_field" in redrive(code=1)

    repaired = tmp_path / "repaired.json"
    repaired.write_bytes(bad.replace(b"express", b"quick") + b"\n")
    assert "1 would be put back" in redrive("--file", repaired, "--dry-run")
    assert stack.sql("SELECT * FROM orders WHERE order_id = 'order-r1'") == []

    redrive("--file", repaired)
    stack.wait_idle()
    assert stack.sql("SELECT lane FROM orders WHERE order_id = 'order-r1'") == [{"lane": "quick"}]

    assert "was put back before" in redrive("--file", repaired, code=1)
    assert next(letter for letter in letters(stack)["newest"] if letter["place"] == position)["redriven"]


def test_dead_letters_that_are_not_there_are_told(stack: Stack):
    for command in ("show", "redrive"):
        lost = call(stack.folder, "dead-letters", command, "0:999999", code=1)
        assert b"there is no dead letter 0:999999" in lost.stderr
    call(stack.folder, "dead-letters", "show", "nonsense", code=2)
    call(stack.folder, "dead-letters", "redrive", code=2)


def test_a_line_of_two_megabytes_arrives_and_is_named_too_large(stack: Stack):
    before = letters(stack)["codes"].get("too_large", 0)
    send(stack, CHECK_IN % (b"big", b"order-big", b"VIN-BIG", b'"quick","note":"' + b"x" * 2_000_000 + b'"'))

    assert letters(stack)["codes"]["too_large"] == before + 1


def test_events_go_at_the_pace_that_was_asked_for(stack: Stack):
    history = [CHECK_IN % (b"p%d" % n, b"order-p", b"VIN-P", b'"quick"') for n in range(40)]
    began = time.monotonic()
    call(stack.folder, "send", "-", "--rate", "20", stdin=b"\n".join(history))

    assert 1.8 < time.monotonic() - began < 60


def test_simulated_workshops_reach_clickhouse(stack: Stack):
    # A visit whose events name two centers by mistake is an order at each of them.
    visits = "SELECT uniqExact(order_id) AS n FROM orders"
    before = stack.sql(visits)[0]["n"]
    result = stack.run("simulate", "--scenario", "quiet-day", "--days", "1", "--centers", "2", "--seed", "3")
    stack.wait_idle()

    orders = int(result.split(" events of ")[1].split()[0].replace(",", ""))
    assert stack.sql(visits)[0]["n"] == before + orders > before


@pytest.mark.long
def test_a_stack_stops_cleanly_and_goes_on_with_what_it_has(tmp_path: Path, lines: Path):
    count = "SELECT count() AS orders, sum(event_count) AS events FROM orders"
    stack = Stack(tmp_path / "stack")
    stack.start()
    stack.send(lines)
    stack.wait_idle()
    before, pids = stack.sql(count), stack.pids()
    assert stack.stop() == 0
    assert not any(map(is_running, pids.values()))
    assert not (stack.folder / "stack.json").exists()

    stack.start()
    stack.wait_idle()
    assert stack.sql(count) == before
    pids = stack.pids()
    stack.kill()
    wait_for(lambda: not any(map(is_running, pids.values())), 60, "kill -9 of the parent leaves nothing running")


def test_without_a_stack_the_commands_say_what_to_do(tmp_path: Path):
    for command in (["status"], ["sql", "SELECT 1"], ["send", "-"], ["migrate"], ["worker"], ["sink", "clickhouse"]):
        lost = call(tmp_path, *command, code=1)
        assert b"start `fixtrail up`" in lost.stderr
        assert b"Traceback" not in lost.stderr
