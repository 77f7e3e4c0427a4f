"""The command line as a person meets it: quick help with examples, exit codes, errors that say what to do."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fixtrail.cli.main import app

COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands] + [
    f"{group.name} {command.name}"
    for group in app.registered_groups
    for command in group.typer_instance.registered_commands
]
NOW = "2026-03-02T00:00:00Z"
COMMON = {"order_id": "RO-1", "vehicle_id": "VIN-1", "center_id": "c1"}
VISIT = [
    {"type": "check_in", "occurred_at": "2026-03-01T08:00:00Z", "customer_id": "u1", "lane": "quick"},
    {"type": "repair", "occurred_at": "2026-03-01T08:20:00Z", "phase": "started", "job_id": "j1"},
    {"type": "repair", "occurred_at": "2026-03-01T09:00:00Z", "phase": "completed", "job_id": "j1"},
    {"type": "handoff", "occurred_at": "2026-03-01T09:10:00Z", "amount": 199.5},
]


def call(
    *arguments: str | Path, code: int = 0, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "fixtrail", *map(str, arguments)]
    ended = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=180, env={"PATH": "", **environment}
    )
    assert ended.returncode == code, f"{command} ended with {ended.returncode}: {ended.stdout} {ended.stderr}"
    assert "Traceback" not in ended.stderr
    return ended


@pytest.fixture
def visit(tmp_path: Path) -> Path:
    """One car's visit, a line an event."""
    path = tmp_path / "visit.ndjson"
    events = [{"event_id": f"e{number}", **COMMON, **event} for number, event in enumerate(VISIT)]
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str):
    helped = CliRunner().invoke(app, [*command.split(), "--help"])
    output = helped.output

    assert helped.exit_code == 0
    assert "Example" in output
    assert command.split()[0] in output


def test_help_comes_at_once():
    """Nothing heavy is imported for it."""
    program = "import sys, fixtrail.cli; print(' '.join(sys.modules))"
    command = [sys.executable, "-P", "-c", program]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not {"aiokafka", "faust", "pydantic", "clickhouse_connect", "chdb", "aiohttp", "simpy"} & set(modules)

    began = time.monotonic()
    call("--help")
    assert time.monotonic() - began < 15


def test_facts_of_a_visit_add_up(visit: Path):
    ended = call("facts", visit, "--now", NOW, FIXTRAIL_HASH_KEY="a secret for this test, which is long")
    fact = json.loads(ended.stdout)

    assert fact["order_id"] == "RO-1"
    assert fact["checked_in_at"] == "2026-03-01T08:00:00.000Z"
    assert (fact["lead_s"], fact["wait_reception_s"], fact["repair_s"], fact["pickup_s"]) == (4200, 1200, 2400, 600)
    assert (fact["ftf"], fact["ftf_status"], fact["final_amount"]) == (True, "provisional", 199.5)
    assert len(fact["vehicle_key"]) == 32
    assert "VIN-1" not in ended.stdout
    assert ended.stderr == ""


def test_without_the_secret_facts_name_no_vehicle(visit: Path):
    ended = call("facts", visit, "--now", NOW, FIXTRAIL_DATA=str(visit.parent))

    assert not {"vehicle_key", "customer_key", "vehicle_id", "customer_id"} & set(json.loads(ended.stdout))
    assert "vehicle_key and customer_key are left out" in ended.stderr


def test_facts_of_an_open_order_run_to_now(visit: Path):
    lines = visit.read_text().splitlines()[:2]
    fact = json.loads(call("facts", "-", "--now", "2026-03-01T10:20:00+00:00", stdin="\n".join(lines)).stdout)

    assert (fact["status"], fact["activity"], fact["repair_s"], fact["lead_s"]) == ("open", "repair", 7200, 8400)


def test_bad_lines_are_told_and_the_good_ones_count(visit: Path):
    content = visit.read_text().replace("check_in", "checkin", 1) + "{broken\n"
    ended = call("facts", "-", "--now", NOW, stdin=content, code=1)

    assert json.loads(ended.stdout)["anomalies"] == ["missing_check_in"]
    assert "line 1: unknown_type" in ended.stderr
    assert "line 5: not_json" in ended.stderr
    assert "2 lines are no event" in ended.stderr


def test_a_check_finds_what_would_be_refused(visit: Path):
    assert "4 events, 0 errors" in call("send", visit, "--check").stdout

    lines = visit.read_text().splitlines()
    lines[1] = lines[1].replace('"started"', '"begun"')
    report = json.loads(call("send", "-", "--check", "--json", stdin="\n".join(lines), code=1).stdout)
    assert [(error["line"], error["code"]) for error in report["errors"]] == [(2, "invalid_field")]
    assert report["types"] == {"check_in": 1, "repair": 1, "handoff": 1}


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "error_text"),
    [
        (["send", "/nowhere.ndjson", "--check"], {}, 1, "there is no file /nowhere.ndjson"),
        (["facts", "-", "--now", "yesterday"], {}, 2, "no time with offset"),
        (["up", "--ports", "some"], {}, 2, "--ports is auto or fixed"),
        (["migrate", "--only", "kafka"], {}, 2, "--only is topics or clickhouse"),
        (["contracts"], {}, 2, "--write or --check"),
        (["dead-letters", "redrive", "1:2", "--code", "empty"], {}, 2, "name letters by"),
        (["dead-letters", "redrive", "1:2", "1:3", "--file", "x"], {}, 2, "exactly one"),
        (["status"], {"FIXTRAIL_PARTITIONS": "many"}, 2, "FIXTRAIL_PARTITIONS"),
        (["dead-letters", "list"], {"FIXTRAIL_KAFKA": "127.0.0.1:1"}, 1, "Is it running?"),
        (["sql", "SELECT 1"], {"FIXTRAIL_CLICKHOUSE": "http://127.0.0.1:1"}, 1, "cannot be reached"),
        (["migrate", "--only", "clickhouse"], {"FIXTRAIL_CLICKHOUSE": "http://127.0.0.1:1"}, 1, "cannot be used"),
        (["import", "x.csv", "--mapping", "/nowhere.toml"], {}, 1, "/nowhere.toml"),
        (["simulate", "--scenario", "/nowhere.toml", "--out", "-"], {}, 1, "/nowhere.toml"),
        (["demo", "--data", "/usr", "--once"], {}, 1, "not made by `fixtrail demo`"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(arguments: list[str], environment: dict[str, str], code: int, error_text: str):
    ended = call(*arguments, code=code, **environment)

    assert error_text in ended.stderr
    assert ended.stderr.startswith("fixtrail: ") or code == 1
    assert ended.stdout == ""


def test_a_reader_that_has_seen_enough_is_no_error(visit: Path):
    program = f"{sys.executable} -P -m fixtrail facts {visit} | head -c 1 > /dev/null; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", program], capture_output=True, text=True)

    assert ended.stdout.strip() == "0"
    assert "BrokenPipe" not in ended.stderr
