"""A data folder that an older version wrote goes on under this one: broker, state, ClickHouse and ledger."""

import asyncio
import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.order_key import OrderKey
from tests.chaos.hosts import delete_topics
from tests.paths import ROOT
from tests.providers.messages import now_ms
from tests.stack import Stack, wait_for

FIXTURES = ROOT / "tests" / "fixtures"
BEFORE: dict[str, Any] = json.loads((FIXTURES / "stack-before.json").read_text(encoding="utf-8"))
OPEN_ORDER = OrderKey("C1", "UPGRADE-1")
VEHICLE = "V-UPGRADE-1"
# The one order without check-in: the older version's row of it names no center, and stays until a replay.
WITHOUT_CENTER = OrderKey("", 'WO/13 \'a\\b"c"')
WITH_CENTER = OrderKey("C01", WITHOUT_CENTER.order_id)
# What the older version knew nothing of and kept nothing of, and so only a replay can tell: why a job was paused.
NEVER_KEPT = {"bay_expert_s", "bay_shift_end_s"}
KEYED_ANEW = ("journeys", "notices", "center-hours", "alerts")
SETTLED = timedelta(minutes=3)  # "ready" is sent two minutes after it became true: one more job may follow
PUSH = """
locale = "en"
[quiet]
begins = 00:00:00
ends = 00:00:00
[limits]
gap_s = 0
[console]
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("upgrade")
    with tarfile.open(FIXTURES / "stack-before.tar.xz") as archive:
        archive.extractall(folder / "stack", filter="data")
    (folder / "push.toml").write_text(PUSH)
    with Stack(folder / "stack", environment={"FIXTRAIL_PUSH": str(folder / "push.toml")}) as stack:
        stack.wait_idle()
        yield stack


def orders(stack: Stack) -> dict[OrderKey, dict[str, Any]]:
    rows = list(map(json.loads, stack.run("sql", "SELECT * FROM orders", "--format", "JSONEachRow").splitlines()))
    facts = {OrderKey.of(row): row for row in rows}
    assert len(facts) == len(rows)
    return facts


def notices(stack: Stack) -> dict[str, dict[str, Any]]:
    """The open order's sends by milestone."""
    return {send["milestone"]: send for send in json.loads(stack.run("notices", "log", OPEN_ORDER.order_id, "--json"))}


def as_recorded(row: dict[str, Any], recorded: dict[str, Any]) -> dict[str, Any]:
    """The row's values that the older version had, too."""
    return {name: row.get(name, "no such column") for name in recorded}


def at_rest(recorded: dict[str, Any]) -> dict[str, Any]:
    """A recorded order without what the view adds up to the present: the seconds of an open order."""
    rest = {name: value for name, value in recorded.items() if recorded["closed_at"] or not name.endswith("_s")}
    return {**rest, "center_id": recorded["center_id"] or ""}


def change_of_meaning(before: dict[str, Any], after: dict[str, Any]) -> str:
    """By which rule that is new in this version an order's row is another one; empty where none explains all of it."""
    if before["status"] == "open" and after["anomalies"] == [*before["anomalies"], "never_closed"]:
        rest = {**after, "anomalies": before["anomalies"]}
        return "never closed" if rest == before else change_of_meaning(before, rest)
    columns = {name for name in before if before[name] != after[name]}
    handed_off_from = {"ready_at": before["closed_at"]} if before["status"] == "handed_off" else {}
    if columns == {"ftf", "ftf_cause"} and after["ftf_cause"] == "reopened":
        return "reopened"
    if columns == {"ready_at"} and before["ready_at"] is None and {"ready_at": after["ready_at"]} == handed_off_from:
        return "ready at the handoff"
    if columns == {"activity", "ready_at"} and before["activity"] == "pickup":
        return "finishing" if (after["activity"], after["ready_at"]) == ("finishing", None) else ""
    if columns == {"ready_at", "wait_s", "wait_bay_s", "pickup_s"} and before["ready_at"] < after["ready_at"]:
        waited, in_bay, fetched = (after[name] - before[name] for name in ("wait_s", "wait_bay_s", "pickup_s"))
        return "ready later" if waited == pytest.approx(in_bay) == pytest.approx(-fetched) else ""
    return ""


def test_orders_dead_letters_and_sends_are_as_they_were(stack: Stack) -> None:
    """What the worker reads again behind its commit is written by the new rules; nothing else is another."""
    now, recorded = orders(stack), {OrderKey.of(row): at_rest(row) for row in BEFORE["orders"]}
    sends, recorded_sends = notices(stack), {send["milestone"]: send for send in BEFORE["notices"]}

    assert (len(recorded), sum(not row["closed_at"] for row in recorded.values())) == (46, 6)
    assert sum(bool(row["comeback_order_id"]) for row in recorded.values()) == 6
    assert now.keys() - recorded.keys() == {WITH_CENTER}
    named = {**recorded[WITHOUT_CENTER], "center_id": WITH_CENTER.center_id}
    assert as_recorded(now.pop(WITH_CENTER), named) == named
    rows = {name: as_recorded(row, recorded[name]) for name, row in now.items()}
    changed = {name: change_of_meaning(recorded[name], row) for name, row in rows.items() if row != recorded[name]}
    assert now.keys() == recorded.keys()
    meanings = {"reopened", "ready at the handoff", "finishing", "ready later", "never closed"}
    assert set(changed.values()) == meanings, changed
    still_open = {name for name, row in recorded.items() if not row["closed_at"]}
    never_closed = {name for name, row in now.items() if "never_closed" in row["anomalies"]}
    assert never_closed - {OPEN_ORDER} == still_open - {OPEN_ORDER}
    assert stack.sql("SELECT count() AS n FROM dead_letters")[0]["n"] == BEFORE["dead_letters"] == 2
    assert {name: as_recorded(sends[name], send) for name, send in recorded_sends.items()} == recorded_sends


def test_the_next_event_of_an_open_order_finds_its_state(stack: Stack, tmp_path: Path) -> None:
    """The repair goes on from what the older version knew, and of its messages none is sent again."""

    def then(number: int, type_: str, **fields: str) -> dict[str, Any]:
        """The order, once this has happened, too."""
        event = {
            **{"event_id": f"{OPEN_ORDER.order_id}-{number}", "type": type_, **OPEN_ORDER._asdict()},
            **{"vehicle_id": VEHICLE, **fields},
            "occurred_at": (datetime.now(UTC) - SETTLED).isoformat(timespec="milliseconds"),
        }
        (tmp_path / "event.jsonl").write_text(json.dumps(event) + "\n")
        stack.send(tmp_path / "event.jsonl")
        stack.wait_idle()
        return orders(stack)[OPEN_ORDER]

    before = orders(stack)[OPEN_ORDER]
    done = then(4, "repair", phase="completed", job_id="J1")
    after = then(5, "ready")

    assert (before["event_count"], done["event_count"], after["event_count"]) == (4, 5, 6)
    assert after["checked_in_at"] == before["checked_in_at"]
    assert (before["activity"], done["activity"], after["activity"]) == ("repair", "finishing", "pickup")
    assert after["ready_at"] and not done["ready_at"] and not after["anomalies"]
    wait_for(lambda: len(notices(stack)) > len(BEFORE["notices"]), 60, "the customer is told that the car is ready")
    wait_for(lambda: notices(stack).get("ready", {}).get("state") == "SENT", 60, "that is sent")
    sends = notices(stack)
    assert sends["ready"]["attempts"] == 1
    assert [as_recorded(sends[send["milestone"]], send) for send in BEFORE["notices"]] == BEFORE["notices"]


def test_recomputing_finds_what_the_older_version_had_not_kept(stack: Stack) -> None:
    report = json.loads(stack.run("verify", "--json", exit_code=1))

    (difference_of_row,) = (difference for difference in report["differences"] if not difference["column"])
    seconds = [difference for difference in report["differences"] if difference["column"]]

    assert report["by_column"].keys() == {"order as a whole", *(f"order {column}" for column in NEVER_KEPT)}
    assert (OrderKey(*difference_of_row["key"][:2]), difference_of_row["stored"], difference_of_row["computed"]) == (
        WITHOUT_CENTER,
        "stored",
        None,
    )
    assert {difference["column"] for difference in seconds} == NEVER_KEPT
    assert all(difference["stored"] == 0 < difference["computed"] for difference in seconds)


def delete_of_before(stack: Stack) -> None:
    """Delete the topics whose keys are others now, while the broker runs alone."""
    command = [sys.executable, "-m", "fixtrail.local.broker", "--port", "0", "--data", str(stack.folder / "broker")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as broker:
        try:
            assert broker.stdout is not None
            asyncio.run(delete_topics(broker.stdout.readline().removeprefix("ready ").strip(), KEYED_ANEW))
        finally:
            broker.terminate()
    assert broker.returncode == 0


@pytest.mark.long
def test_a_replay_under_a_new_app_id_leaves_no_difference(stack: Stack) -> None:
    """As docs/operators.md says: without the topics of before, into an empty ClickHouse; nobody is told it again."""
    before, sends = orders(stack), notices(stack)
    assert stack.stop() == 0
    delete_of_before(stack)
    shutil.rmtree(stack.folder / "clickhouse")
    stack.environment["FIXTRAIL_APP_ID"] = "fixtrail-2"
    stack.start()
    stack.wait_idle()

    assert "0 differences" in stack.run("verify")
    assert orders(stack).keys() == before.keys() - {WITHOUT_CENTER}
    assert WITHOUT_CENTER in before
    assert stack.sql("SELECT count() AS n FROM dead_letters")[0]["n"] == BEFORE["dead_letters"]
    assert notices(stack) == sends


def issued_before(secret: bytes, number: str) -> str:
    """A link as the older version issued it: signed was the number alone."""
    key = hashlib.blake2b(secret, digest_size=32, person=b"tracking-link").digest()
    signed = now_ms().to_bytes(6, "big") + (90).to_bytes(2, "big") + number.encode()
    tag = hashlib.blake2b(signed, digest_size=16, key=key).digest()
    return base64.urlsafe_b64encode(tag + signed).rstrip(b"=").decode()


def test_links_by_the_one_key_of_before_still_open(stack: Stack):
    secrets = json.loads((stack.folder / "secrets.json").read_text())
    token = issued_before(secrets["hash_key"].encode(), OPEN_ORDER.order_id)

    assert not {"link_key", "session_key", "webhook_key"} & secrets.keys()
    with urllib.request.urlopen(f"{stack.facts['web']}/t/{token}", timeout=60) as page:
        assert page.status == 200
    assert json.loads(stack.run("keys", "list", "--json"))["links"]["from"] == "of the hash key"
