"""Packs of reports from a real ClickHouse: the same data give the same hash, and each is sent once."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fixtrail.cli.main import app
from fixtrail.packs.files import write_pack
from fixtrail.packs.history import record_pack
from fixtrail.schedules import ledger
from runtime.crash_point import CRASHED
from tests import feed
from tests.clickhouse_node import ClickHouseNode, clickhouse_for_all
from tests.providers.board import Board, board
from tests.told_packs import full_pack
from tests.warehouse import fill, settings_of

__all__ = ["board", "clickhouse_for_all"]

pytestmark = pytest.mark.long

NOW = datetime.now(UTC)
START = (NOW - timedelta(days=50)).replace(hour=0, minute=0, second=0, microsecond=0)
END = (NOW - timedelta(days=12)).date()
ORDERS = 240
SCHEDULE = """
time_zone = "UTC"
working_days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
[channels.board]
url = "env:BOARD_URL"
[[schedule]]
name = "vp"
when = "daily 00:00"
period = "week"
form = 3
to = ["board"]
locale = "en"
"""


@pytest.fixture
def filled(clickhouse_for_all: ClickHouseNode, monkeypatch: pytest.MonkeyPatch) -> ClickHouseNode:
    """Two months of a dirty feed; the command line finds the server by its environment."""
    clickhouse_for_all.empty("packs")
    events = feed.dirty(feed.clean_events(7, orders=ORDERS, vehicles=80, days=45, start=START), 7)
    fill(clickhouse_for_all, feed.lines(events))
    for name, value in environment(clickhouse_for_all).items():
        monkeypatch.setenv(name, value)
    return clickhouse_for_all


def environment(node: ClickHouseNode) -> dict[str, str]:
    return {
        "FIXTRAIL_CLICKHOUSE": node.url,
        "FIXTRAIL_CLICKHOUSE_PASSWORD": node.passwords["app"],
        "FIXTRAIL_CLICKHOUSE_READER_PASSWORD": node.passwords["reader"],
        "FIXTRAIL_HASH_KEY": "a secret of these tests, long enough",
    }


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and output of a command."""
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output + (str(result.exception) if result.exit_code else "")


def test_the_same_data_give_the_same_pack_and_other_data_restate_it(filled: ClickHouseNode, tmp_path: Path):
    call = ("report", "pack", "--period", "week", "--end", END.isoformat(), "--locale", "en")
    code, output = run(*call, "--out", str(tmp_path / "first"))
    assert code == 0, output
    for table in ("events", "journeys"):
        filled.ask(f"OPTIMIZE TABLE fixtrail_raw.{table} FINAL")
    code, again = run(*call, "--dry-run", "--json")
    assert code == 0, again

    pack = json.loads((tmp_path / "first" / "pack.json").read_text())
    assert json.loads(again)["sha256"] == pack["sha256"]
    assert {*pack["reports"]} >= {"kpi", "change", "drivers", "pareto", "journey", "parts", "quality", "eta", "data"}
    assert pack["watermark"]["partitions"]["0"] == pack["watermark"]["records"] - 1
    code, report = run("report", "kpi", "--json", "--from", pack["period"]["since"], "--to", pack["period"]["until"])
    assert code == 0
    assert differing(pack, json.loads(report)) == []
    code, report = run("report", "parts", "--json", "--from", pack["period"]["since"], "--to", pack["period"]["until"])
    assert code == 0
    assert counts_of_rates(pack["reports"]["parts"]) == counts_of_rates(json.loads(report))
    stored = "SELECT count(), countIf(of_period = 'this' AND figure = 'nps') FROM fixtrail.packs"
    assert filled.ask(stored, user="reader") == f"{len(pack['figures'])}\t1"

    file = str(tmp_path / "first" / "pack.json")
    code, output = run("pack", "verify", file)
    assert (code, "all numbers hold" in output) == (0, True), output
    fill(filled, feed.lines([handed_off_order(), survey_of_it()]))
    events = "SELECT * REPLACE (kafka_offset + 1000000 AS kafka_offset) FROM fixtrail_raw.events"
    filled.ask(f"INSERT INTO fixtrail_raw.events {events} WHERE order_id = 'late'")
    code, output = run("pack", "verify", file)
    assert (code, "restated" in output, "wrong" in output) == (0, True, False), output

    figure = next(row for row in pack["figures"] if row["figure"] == "nps" and row["period"] == "this")
    figure["value"] += 1
    write_pack(pack, Path(file))
    assert run("report", "pack", "verify", file)[0] == 1


def differing(pack: dict[str, Any], report: dict[str, Any]) -> list[str]:
    """The figures of a report that are not those of the pack, to the digits that a pack has."""
    figures = {row["figure"]: row["value"] for row in pack["figures"] if row["period"] == "this"}
    now = {row["figure"]: row["value"] for row in report["figures"] if row["figure"] in figures}
    # What is settled depends on when one asks.
    of_clock = ("ftfr_confirmed", "ftfr_provisional", "open_silent", "open_past_promise")
    return [
        name for name, value in now.items() if name not in of_clock and value != pytest.approx(figures[name], rel=1e-8)
    ]


def counts_of_rates(parts: dict[str, Any]) -> dict[str, Any]:
    """n, n of all and what is left out of the part rates: in a pack, too, of all orders' requests."""
    rates = (row for row in parts["figures"] if row["figure"] in ("stockout_rate", "emergency_in_time"))
    return {row["figure"]: (row["n"], row["n_all"], row["left_out"]) for row in rates}


def handed_off_order() -> dict[str, Any]:
    at = datetime.combine(END, datetime.min.time(), UTC) + timedelta(hours=12)
    about = {"order_id": "late", "vehicle_id": "V-late", "center_id": "C1", "occurred_at": at.isoformat()}
    return {**about, "event_id": "late-1", "type": "handoff"}


def survey_of_it() -> dict[str, Any]:
    return {**handed_off_order(), "event_id": "late-2", "type": "survey", "score": 10}


def test_killed_while_it_sends_a_box_sends_no_pack_twice(filled: ClickHouseNode, tmp_path: Path, board: Board):
    until = NOW.date() - timedelta(days=1)
    pack = full_pack(tmp_path)
    for day in (until, until + timedelta(days=1)):
        (tmp_path / "packs" / f"week-{day}").mkdir(parents=True)
        write_pack(pack, tmp_path / "packs" / f"week-{day}" / "pack.json")
    config = tmp_path / "reports.toml"
    config.write_text(SCHEDULE)
    dsn = f"sqlite:///{tmp_path / 'push.sqlite3'}"
    with ledger.opened_ledger(dsn) as store:
        ledger.first_known(store, "vp", round((NOW - timedelta(days=3)).timestamp() * 1000))
    variables = {**os.environ, **environment(filled), "FIXTRAIL_DATA": str(tmp_path), "FIXTRAIL_REPORTS": str(config)}
    variables["BOARD_URL"] = f"json://127.0.0.1:{board.port}/"
    command = [sys.executable, "-m", "fixtrail", "reports"]

    killed = subprocess.run(command, env={**variables, "FIXTRAIL_CRASH_AT": "reports.sent"}, timeout=300)
    assert killed.returncode == CRASHED
    assert len(board.accepted) == 1
    box = subprocess.Popen(command, env=variables)
    try:
        deadline = time.monotonic() + 240
        while states(dsn) != ["UNKNOWN"] and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(1)
    finally:
        box.terminate()
    assert box.wait(60) == 0
    assert states(dsn) == ["UNKNOWN"]
    (message,) = board.accepted
    assert "Made up for" in message or NOW.hour == 0
    assert pack["sha256"][:12] in message


def states(dsn: str) -> list[str]:
    with ledger.opened_ledger(dsn) as store:
        return [send.state for send in ledger.all_sends(store)]


def test_what_was_told_stays_as_it_was_told(filled: ClickHouseNode, tmp_path: Path):
    pack = full_pack(tmp_path)
    for _ in range(2):
        record_pack(settings_of(filled), pack, "vp")

    query = "SELECT value, n, status FROM fixtrail.packs WHERE figure = 'nps' AND of_period = 'this'"
    assert filled.ask(query, user="reader").split("\t") == ["74.285714", "105", "missed"]
    assert date.fromisoformat(filled.ask("SELECT max(until) FROM fixtrail.packs", user="reader")) == date(2026, 7, 12)
