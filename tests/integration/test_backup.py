"""A machine is lost, and its backup restored: no figure differs, and nobody is sent anything twice."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import compare, feed
from tests.integration.conftest import MakeStack
from tests.providers.postgres import a_database
from tests.providers.webhooks import Webhooks
from tests.stack import Stack, wait_for
from tests.truth import Truth

pytestmark = pytest.mark.long

EVENTS = 500
LIMIT_S = 120
PUSH = """
locale = "en"
[quiet]
begins = 00:00:00
ends = 00:00:00
[limits]
gap_s = 0
[webhook]
allow_private = true
"""


def visit(url: str) -> list[dict[str, Any]]:
    """A car that is in the workshop now; its customer is told by a webhook."""
    now = datetime.now(UTC)
    steps = [
        {"type": "check_in", "customer_id": "K1", "lane": "standard", "contact": [f"webhook:{url}/in"]},
        {"type": "repair", "phase": "started", "job_id": "J1"},
        {"type": "handoff"},
    ]
    common = {"order_id": "LIVE-1", "center_id": "C1", "vehicle_id": "V-LIVE-1"}
    times = [(now - timedelta(seconds=90 - 30 * number)).isoformat(timespec="milliseconds") for number in range(3)]
    return [
        {**common, "event_id": f"live-{number}", "occurred_at": times[number], **step}
        for number, step in enumerate(steps)
    ]


def sent(stack: Stack, folder: Path, events: list[feed.Event]) -> None:
    source = folder / "events.ndjson"
    feed.write(source, events)
    stack.send(source)
    stack.wait_idle()


@pytest.fixture(params=["sqlite", "postgres"])
def stores(request: pytest.FixtureRequest) -> Callable[[str], dict[str, str]]:
    """Where ledger and person keys are, by the settings: files in the data folder, or new databases of PostgreSQL."""
    if request.param == "sqlite":
        return lambda when: {}
    dsn: str = request.getfixturevalue("postgres")
    return lambda when: {
        "FIXTRAIL_LEDGER": a_database(dsn, f"ledger-{when}"),
        "FIXTRAIL_PERSON_KEYS": a_database(dsn, f"keys-{when}"),
    }


def test_a_lost_machine_comes_back_with_every_figure_and_sends_nothing_twice(
    make_stack: MakeStack, tmp_path: Path, stores: Callable[[str], dict[str, str]]
):
    (tmp_path / "push.toml").write_text(PUSH)
    # Not so long ago that the car in the workshop makes what comes of them too late.
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=45)
    events = feed.dirty(feed.clean_feed(5, EVENTS, days=8, start=start), 5, conflicts=0.3)
    backup = tmp_path / "backup"
    with Webhooks() as hooks:
        stack = make_stack(environment={"FIXTRAIL_PUSH": str(tmp_path / "push.toml"), **stores("before")})
        hooks.secret = stack.run("notices", "webhook-secret", hooks.url).strip()
        arrived, started, departed = visit(hooks.url)
        before, after = [*events[: EVENTS // 2], arrived], [*events[EVENTS // 2 :], started]

        def milestones() -> list[str]:
            return [body["data"]["milestone"] for _, body in hooks.accepted]

        sent(stack, tmp_path, before)
        wait_for(lambda: "checked_in" in milestones(), LIMIT_S, "the arrival is told")
        files = json.loads(stack.run("backup", str(backup), "--json"))["files"]
        would_be = json.loads(stack.run("person", "erase", "--customer", "K1", "--dry-run", "--json"))
        assert [(backup_state["folder"], backup_state["state"]) for backup_state in would_be["backups"]] == [
            (str(backup), "keys")
        ]
        # Between the last backup and the loss.
        sent(stack, tmp_path, after)
        wait_for(lambda: "repair_started" in milestones(), LIMIT_S, "the repair is told")

        stack.stop()
        shutil.rmtree(stack.folder)
        if lost := stores("after"):
            # Its PostgreSQL is there still, and knows of the repair.
            stack.run("restore", str(backup), exit_code=2)
            stack.environment.update(lost)
        stack.run("restore", str(backup))
        stack.start()
        sent(stack, tmp_path, [*before, *after])
        departed["occurred_at"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        sent(stack, tmp_path, [departed])
        wait_for(lambda: "handed_off" in milestones(), LIMIT_S, "the handoff is told")

        assert {"kafka/service-events.records", "ledger/sends.rows", "keys/person_keys.rows"} <= {
            file["path"] for file in files
        }
        truth = Truth([*before, *after, departed])
        differences = [*compare.order_differences(stack.ask, truth), *compare.center_hour_differences(stack.ask, truth)]
        assert not differences, compare.summary_of(differences)
        stack.run("verify")
        assert sorted(milestones()) == sorted(set(milestones()))
        log = {row["milestone"]: row["state"] for row in json.loads(stack.run("notices", "log", "LIVE-1", "--json"))}
        assert log["checked_in"] == "SENT" and log["repair_started"] == "UNKNOWN"

        # A backup that was changed is refused.
        (backup / "ledger" / "sends.rows").write_bytes(b"x")
        stack.run("restore", str(backup), "--dry-run", exit_code=1)
