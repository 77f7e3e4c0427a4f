"""Worker and writer end at each of their named steps, one after the other, on one growing history of events.

After every end the next process goes on with what the one before left behind; the numbers at the end must be right.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import compare, feed
from tests.chaos import topics
from tests.clickhouse_node import BrokerNode, ClickHouseNode, start_broker, start_clickhouse
from tests.integration.conftest import AT_LENGTH, SEED
from tests.kafka_io import produce, read_topic
from tests.stack import ROOT, rows_of, wait_for
from tests.truth import Row, Truth

CRASHED = 99
LIMIT_S = 180.0
# Reached for every batch; at the third time, work is under way behind it.
OFTEN = (
    *("worker.batch_taken", "worker.rules_applied", "worker.before_outputs", "worker.outputs_sent"),
    *("worker.outputs_acknowledged", "worker.changelog_sent", "worker.changelog_acknowledged", "worker.acked"),
)
# Reached for every table that is written to.
BY_TABLE = ("writer.inserted",)
ONCE = (
    *("worker.state_recalled", "worker.before_commit", "worker.committed"),
    *("worker.before_seek", "worker.before_revoke", "worker.revoked"),
    *("writer.before_commit", "writer.after_commit"),
)
BOX_OF = {"worker": ("worker",), "writer": ("sink", "clickhouse")}
EVENTS_A_STEP = 240


def steps() -> list[tuple[str, int]]:
    """Each step, and at which of the times that it is reached the process ends: every other one at the third."""
    if AT_LENGTH:
        often = [(step, hit) for step in OFTEN for hit in (1, 3)] + [
            (step, hit) for step in BY_TABLE for hit in (1, 2, 3)
        ]
    else:
        often = [(step, 1 + 2 * (number % 2)) for number, step in enumerate(OFTEN)] + [(step, 2) for step in BY_TABLE]
    return [*often, *((step, 1) for step in ONCE)]


@dataclass
class Boxes:
    """Servers for the test, and boxes as `fixtrail up` would start them, but without anybody to start them again."""

    folder: Path
    broker: BrokerNode
    clickhouse: ClickHouseNode
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str, crash_at: str | None = None) -> subprocess.Popen[bytes]:
        environment = {
            "FIXTRAIL_DATA": str(self.folder / "data"),
            "FIXTRAIL_KAFKA": self.broker.bootstrap,
            "FIXTRAIL_CLICKHOUSE": self.clickhouse.url,
            "FIXTRAIL_CLICKHOUSE_PASSWORD": self.clickhouse.passwords["app"],
            "FIXTRAIL_CLICKHOUSE_READER_PASSWORD": self.clickhouse.passwords["reader"],
            "FIXTRAIL_HASH_KEY": "a secret for this test, which is long",
            # Small batches: several of them are under way at once.
            "FIXTRAIL_BATCH": "20",
            # What a process ends with must be right by the order of its writes alone; reading again would hide it.
            "FIXTRAIL_REPLAY_MARGIN": "0",
            **({"FIXTRAIL_CRASH_AT": crash_at} if crash_at else {}),
        }
        with (self.folder / "boxes.log").open("ab") as log_file:
            process = subprocess.Popen(
                [sys.executable, "-m", "fixtrail", *arguments],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=subprocess.STDOUT,
            )
        self.running.append(process)
        return process

    def run(self, *arguments: str) -> None:
        assert self.start(*arguments).wait(LIMIT_S) == 0, (arguments, self.log_text())

    def end_all(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()

    def log_text(self) -> str:
        return (self.folder / "boxes.log").read_text(errors="replace")[-3000:]


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[Boxes]:
    with ExitStack() as at_the_end:
        broker = start_broker(tmp_path / "broker")
        at_the_end.callback(broker.stop)
        clickhouse = start_clickhouse(tmp_path / "clickhouse")
        at_the_end.callback(clickhouse.stop)
        boxes = Boxes(tmp_path, broker, clickhouse)
        at_the_end.callback(boxes.end_all)
        boxes.run("migrate")
        yield boxes


@pytest.mark.long
def test_numbers_are_right_after_an_end_at_every_step(boxes: Boxes):
    chosen_steps = steps()
    truth = Truth(feed.dirty(feed.clean_feed(SEED + 3, len(chosen_steps) * EVENTS_A_STEP), SEED, conflicts=0.3))
    portions = portions_of(truth.events, len(chosen_steps))

    for (step, hit), portion in zip(chosen_steps, portions, strict=True):
        send(boxes, portion)
        box = boxes.start(*BOX_OF[step.partition(".")[0]], crash_at=f"{step}:{hit}")
        wait_for(lambda box=box: box.poll() is not None, LIMIT_S, f"{step} is reached {hit} times")
        assert box.poll() == CRASHED, f"{step}:{hit}: {boxes.log_text()}"
    last = [boxes.start(*arguments) for arguments in BOX_OF.values()]
    boxes.run("status", "--wait-idle", "150")
    assert [box.poll() for box in last] == [None, None]

    def ask(query: str) -> list[Row]:
        return rows_of(boxes.clickhouse.ask(f"{query} FORMAT JSONEachRow".replace("FROM ", "FROM fixtrail.")))

    differences = compare.clickhouse_differences(ask, truth)
    assert not differences, compare.summary_of(differences)
    kafka = boxes.broker.bootstrap
    journeys = read_topic(kafka, "journeys")
    assert topics.journeys_told_again(journeys) > 0, "no process ended between its output and its state"
    differences = topics.journey_differences(journeys, truth)
    differences += topics.center_hour_differences(read_topic(kafka, "center-hours"), truth)
    differences += topics.changelog_differences(read_topic(kafka, topics.ORDERS_CHANGELOG), truth)
    assert not differences, compare.summary_of(differences)
    letters = {topics.origin(letter): letter.value for letter in read_topic(kafka, "service-events.dead-letter")}
    assert sorted(letters.values()) == sorted(feed.lines(compare.contradictions(truth.events)))


def test_every_named_step_is_ended_at():
    """A step that is added to the code must be added here."""
    named = set()
    for folder in ("streams", "sinks/clickhouse"):
        for path in (ROOT / folder).rglob("*.py"):
            named |= set(re.findall(r'crash_point\("([^"]+)"\)', path.read_text()))

    assert named == {step for step, _ in steps()}


def portions_of(events: list[feed.Event], number: int) -> list[list[feed.Event]]:
    size = -(-len(events) // number)
    return [events[start : start + size] for start in range(0, len(events), size)]


def send(boxes: Boxes, events: list[feed.Event]) -> None:
    records = [(event["vehicle_id"].encode(), line) for event, line in zip(events, feed.lines(events), strict=True)]
    produce(boxes.broker.bootstrap, "service-events", records)
