"""The watch as a process: what the clock tells is told once, whatever is killed; alerts open, escalate and close."""

import asyncio
import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.crash_point import CRASHED
from sinks.clickhouse.writer import WriterConfig, run_writer
from sinks.push.address import target_secret
from sinks.push.channels.webhook import encoded_secret
from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all, free_ports
from tests.providers.board import Board, board
from tests.providers.push_sink import ANYTIME, HASH_KEY, PushSink, a_broker
from tests.providers.watch_box import Watches, ago
from tests.providers.webhooks import Webhooks
from tests.workshop import approved, checked_in, facts_after, part, quoted, repair

__all__ = ["board", "clickhouse", "clickhouse_for_all"]

# Minutes are seconds here: 0.05 is three of them.
CUSTOMERS = """
time_zone = "UTC"
[[customers.running_late]]
minutes = 0.02
[[customers.no_news]]
minutes = 0.05
"""
STAFF = """
locale = "en"
time_zone = "UTC"
[[rule]]
name = "parts"
kind = "wait"
activity = "parts"
minutes = 0.03
escalate_minutes = [0.06, 600]
[ops.board]
url = "env:BOARD_URL"
"""
PUSH = f"""{ANYTIME}
[webhook]
allow_private = true
"""


@pytest.fixture
def bootstrap(tmp_path: Path) -> Iterator[str]:
    with a_broker(tmp_path / "broker") as address:
        yield address


def waiting_for_parts(order_id: str, since_s: float = 1.0, **promise: str) -> list[dict[str, Any]]:
    """An order whose part was requested so many seconds ago."""
    ids = {"order_id": order_id, "vehicle_id": f"V-{order_id}"}
    return [
        checked_in("08:00", occurred_at=ago(since_s + 60), **promise, **ids),
        quoted("08:00", occurred_at=ago(since_s + 50), **ids),
        approved("08:00", occurred_at=ago(since_s + 40), **ids),
        part("requested", "08:00", occurred_at=ago(since_s), **ids),
    ]


def journeys(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [*facts_after(*events).values()]


def reached_at(order_id: str, address: str) -> dict[str, Any]:
    """As much of a worker's notice as says where a customer is reached."""
    return {
        "order_id": order_id,
        "milestone": "checked_in",
        "notice_id": f"n-{order_id}",
        "center_id": "C1",
        "occurred_at": 1,
        "recipients": [address],
    }


@pytest.mark.long
def test_what_the_clock_tells_reaches_the_customer_once_whatever_is_killed(tmp_path: Path, bootstrap: str):
    orders = [f"R{number}" for number in range(8)]
    watches = Watches(tmp_path / "watch", bootstrap, CUSTOMERS)
    with Webhooks() as hooks:
        hooks.secret = encoded_secret(target_secret(HASH_KEY.encode(), hooks.url))
        sink = PushSink(tmp_path / "sink", bootstrap, PUSH)
        history = [event for number in range(50) for event in waiting_for_parts(f"OLD{number}", 30 * 24 * 3600.0)]
        with sink.running():
            watches.tell(
                notices=[reached_at(order, f"webhook:{hooks.url}/in") for order in orders],
                journeys=journeys(history)
                + [fact for order in orders for fact in journeys(waiting_for_parts(order, promised_at=ago(-1)))],
            )
            # One ends with what it found unwritten, one once it is written and nobody has noted that.
            watches.start("one", FIXTRAIL_CRASH_AT="watch.before_write")
            watches.wait_crashed(CRASHED, "one")
            watches.start("one", FIXTRAIL_CRASH_AT="watch.written")
            watches.wait_crashed(CRASHED, "one")
            watches.start("two")
            with watches.running("one"):
                watches.wait_for(
                    lambda: len({notice["notice_id"] for notice in watches.notices()}) >= 16, "all are told"
                )
                watches.kill("one")
                watches.start("one")
                watches.wait_for(lambda: len(hooks.accepted) >= 16, "all have reached their customers")
                time.sleep(1.5)

        counts = Counter((message["data"]["order_id"], message["data"]["milestone"]) for _, message in hooks.accepted)
        assert counts == {(order, name): 1 for order in orders for name in ("running_late", "no_news")}
        assert {row["state"] for row in sink.rows("milestone IN ('running_late', 'no_news')")} == {"SENT"}


def test_news_in_time_is_worth_more_than_an_excuse(tmp_path: Path, bootstrap: str):
    """What has become untrue by the time it is sent is not sent, and the log says why."""
    watches = Watches(tmp_path / "watch", bootstrap, CUSTOMERS)
    waiting = waiting_for_parts("R1")
    with Webhooks() as hooks:
        sink = PushSink(tmp_path / "sink", bootstrap, PUSH)
        watches.tell(notices=[reached_at("R1", f"webhook:{hooks.url}/in")], journeys=journeys(waiting))
        with watches.running():
            watches.wait_for(lambda: bool(watches.notices()), "the silence is told")
            started = repair("started", "08:00", order_id="R1", vehicle_id="V-R1", occurred_at=ago(0))
            watches.tell(journeys=journeys([*waiting, started]))
        with sink.running():
            sink.wait_for("SUPERSEDED")

        (row,) = sink.rows("milestone = 'no_news'")
        assert row["reason"] == "there has been news"
        assert hooks.accepted == []


async def write_until(clickhouse: ClickHouseNode, bootstrap: str, is_there: str) -> str:
    """Run the ClickHouse writer until a query has an answer; that answer."""
    stop = asyncio.Event()
    config = WriterConfig({"bootstrap_servers": bootstrap}, clickhouse.server(), b"a key", flush_s=0.1)
    writing = asyncio.create_task(run_writer(config, stop))
    try:
        for _ in range(900):
            if answer := await asyncio.to_thread(clickhouse.ask, is_there, "reader"):
                return answer
            await asyncio.sleep(0.1)
        raise TimeoutError(is_there)
    finally:
        stop.set()
        assert await writing == 0


def steps_of_alert(watches: Watches) -> list[str]:
    """How each telling of the only alert ended."""
    return [step["outcome"] for step in watches.alerts()[0]["told"]]


def test_an_alert_opens_escalates_is_acknowledged_and_ends(
    tmp_path: Path, bootstrap: str, board: Board, clickhouse: ClickHouseNode
):
    (port,) = free_ports(1)
    url = {"BOARD_URL": f"json://127.0.0.1:{board.port}/", "FIXTRAIL_HEALTH_PORT": str(port)}
    watches = Watches(tmp_path / "watch", bootstrap, STAFF, url)
    with watches.running():
        watches.wait_ready()
        waiting = waiting_for_parts("R1", 0)
        watches.tell(journeys=journeys(waiting))
        watches.wait_for(lambda: [alert["level"] for alert in watches.alerts()] == [1], "it is open and escalated")
        watches.wait_for(lambda: len(board.accepted) == 2, "the staff heard of both")
        (alert,) = json.loads(watches.run("alerts", "list", "--json"))
        assert (alert["rule"], alert["order_id"], alert["state"]) == ("parts", "R1", "open")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as page:
            assert b'fixtrail_watch_open_alerts{kind="wait"} 1.0' in page.read()

        watches.run("alerts", "ack", alert["alert_id"][:8], "--by", "Li Wei", "--note", "parts come at three")
        assert watches.alerts()[0]["state"] == "acknowledged"
        watches.wait_for(lambda: steps_of_alert(watches) == ["SENT"] * 3, "the staff heard that Li Wei takes care")
        watches.kill()
        watches.start()
        fulfilled = part("fulfilled", "08:00", order_id="R1", vehicle_id="V-R1", occurred_at=ago(0))
        watches.tell(journeys=journeys([*waiting, fulfilled]))
        watches.wait_for(lambda: watches.alerts()[0]["state"] == "closed", "it is over")

    (alert,) = watches.alerts()
    assert [(step["step"], step["outcome"]) for step in alert["told"]] == [
        ("opened", "SENT"),
        ("level-1", "SENT"),
        ("closed", "SENT"),
    ]
    assert (alert["closed_by"], alert["acknowledged_by"], alert["note"]) == (
        *("acknowledgement", "Li Wei"),
        "parts come at three",
    )
    query = "SELECT state, level, closed_by, open_s > 0, length(told) FROM fixtrail.alerts WHERE state = 'closed'"
    answer = asyncio.run(write_until(clickhouse, bootstrap, query))
    assert answer.split("\t") == ["closed", "1", "acknowledgement", "1", "3"]
    assert "Li Wei" not in watches.story()


@pytest.mark.long
def test_killed_while_it_tells_the_staff_it_does_not_tell_twice(tmp_path: Path, bootstrap: str, board: Board):
    url = {"BOARD_URL": f"json://127.0.0.1:{board.port}/"}
    watches = Watches(tmp_path / "watch", bootstrap, STAFF.replace("0.06, ", ""), url)
    watches.tell(journeys=journeys(waiting_for_parts("R1")))
    watches.start(FIXTRAIL_CRASH_AT="watch.told")
    watches.wait_crashed(CRASHED)

    with watches.running():
        watches.wait_for(lambda: bool(watches.alerts()[0]["told"]), "somebody has taken over")
        watches.wait_for(lambda: watches.alerts()[0]["told"][0]["outcome"] == "UNKNOWN", "nobody knows")
        time.sleep(1.0)
    assert len(board.accepted) == 1
    (alert,) = watches.alerts()
    assert [(step["step"], step["outcome"]) for step in alert["told"]] == [("opened", "UNKNOWN")]
