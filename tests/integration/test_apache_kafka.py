"""The boxes by settings, as in production: on Apache Kafka and a ClickHouse of their own, with processes killed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests import compare, feed
from tests.clickhouse_node import ClickHouseNode, start_clickhouse
from tests.kafka_cluster import KafkaNode, apache_kafka, kafka_jars, require_kafka, start_kafka  # noqa: F401
from tests.stack import COMMAND, Row, Stack, rows_of
from tests.truth import Truth

pytestmark = pytest.mark.kafka

EVENTS = 6_000
MOVED_EVENTS = 1_200


class Boxes:
    """Workers and a writer as processes of their own, told by the environment where Kafka and ClickHouse are."""

    def __init__(self, folder: Path, kafka: str, clickhouse: ClickHouseNode) -> None:
        self._folder, self._clickhouse = folder, clickhouse
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FIXTRAIL_")},
            "FIXTRAIL_KAFKA": kafka,
            "FIXTRAIL_CLICKHOUSE": clickhouse.url,
            "FIXTRAIL_CLICKHOUSE_USER": "app",
            "FIXTRAIL_CLICKHOUSE_PASSWORD": clickhouse.passwords["app"],
            "FIXTRAIL_CLICKHOUSE_READER_PASSWORD": clickhouse.passwords["reader"],
            "FIXTRAIL_HASH_KEY": "a secret of this test, which is long",
            "FIXTRAIL_DATA": str(folder / "data"),
            "FIXTRAIL_APP_ID": "on-apache-kafka",
            "FIXTRAIL_PARTITIONS": "3",
        }

    def run(self, *arguments: str) -> str:
        """A command of the command line that must succeed; what it prints."""
        done = self._run(*arguments)
        assert done.returncode == 0, f"{arguments}: exit code {done.returncode}\n{done.stdout}{done.stderr[-3000:]}"
        return done.stdout

    def refused(self, *arguments: str) -> str:
        """A command of the command line that must end with 78; what it says."""
        done = self._run(*arguments)
        assert done.returncode == 78, f"{arguments}: exit code {done.returncode}\n{done.stdout}{done.stderr[-3000:]}"
        return done.stderr

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fixtrail", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def expect_partitions(self, number: int) -> None:
        """From now on the boxes are told of so many."""
        self._environment["FIXTRAIL_PARTITIONS"] = str(number)

    @contextmanager
    def box(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A long-running box; ended in good order if it still runs."""
        with (self._folder / f"{'-'.join(arguments)}-{time.monotonic_ns()}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "fixtrail", *arguments], env=self._environment, stdout=log, stderr=log
            )
            try:
                yield process
            finally:
                process.terminate()
                process.wait(60)

    def ask(self, query: str) -> list[Row]:
        """The rows that the reader gets for a query on the views."""
        client = self._clickhouse.client("reader")
        client.database = "fixtrail"
        return rows_of(client.raw_query(query, fmt="JSONEachRow").decode())


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[tuple[Boxes, KafkaNode, Path]]:
    """A Kafka and a ClickHouse of the test's own, so that both may be killed."""
    require_kafka()
    with ExitStack() as running:
        kafka = start_kafka(tmp_path / "kafka")
        running.callback(lambda: start_kafka(tmp_path / "kafka").stop() if kafka.process.poll() else kafka.stop())
        clickhouse = start_clickhouse(tmp_path / "clickhouse")
        running.callback(clickhouse.stop)
        (tmp_path / "boxes").mkdir()
        boxes = Boxes(tmp_path / "boxes", kafka.bootstrap, clickhouse)
        boxes.run("migrate")
        yield boxes, kafka, tmp_path


def test_the_numbers_are_right_on_apache_kafka_though_workers_and_writer_are_killed(
    boxes: tuple[Boxes, KafkaNode, Path],
):
    running, _, folder = boxes
    truth = Truth(feed.dirty(feed.clean_feed(11, EVENTS), 11, conflicts=0.3))
    half = len(truth.events) // 2
    feed.write(folder / "first", truth.events[:half])
    feed.write(folder / "second", truth.events[half:])

    with running.box("worker"), running.box("sink", "clickhouse") as writer:
        with running.box("worker") as killed:
            running.run("send", str(folder / "first"))
            time.sleep(4)
            killed.kill()
        writer.kill()
        running.run("send", str(folder / "second"))
        with running.box("worker"), running.box("sink", "clickhouse"):
            running.run("status", "--wait-idle", "240")

            differences = compare.clickhouse_differences(running.ask, truth)
            assert not differences, compare.summary_of(differences)
            assert "0 differences" in running.run("verify")


@pytest.mark.long
def test_topics_of_apache_kafka_get_more_and_fewer_partitions_once_boxes_and_senders_are_stopped(
    boxes: tuple[Boxes, KafkaNode, Path],
):
    running, _, folder = boxes
    truth = Truth(feed.dirty(feed.clean_feed(12, MOVED_EVENTS, days=8), 12))
    thirds = [truth.events[number::3] for number in range(3)]
    partitions = 3
    for number, (part, to) in enumerate(zip(thirds, (5, 2, None), strict=True)):
        source = folder / f"part-{number}"
        feed.write(source, part)
        with running.box("worker"), running.box("sink", "clickhouse"):
            running.run("send", str(source))
            running.run("status", "--wait-idle", "240")
            if to is not None:
                assert "still run" in running.refused("kafka", "partitions", "--to", str(to), "--senders-stopped")
        if to is None:
            break
        assert "stop all that send" in running.refused("kafka", "partitions", "--to", str(to))
        plan = json.loads(running.run("kafka", "partitions", "--to", str(to), "--dry-run", "--json"))
        events = next(topic for topic in plan["topics"] if topic["topic"] == "service-events")
        assert (events["partitions"], plan["partitions"], plan["changes"]) == (partitions, to, True)

        running.run("kafka", "partitions", "--to", str(to), "--senders-stopped", "--pause", "0")

        assert f"has {to} partitions" in running.refused("migrate", "--only", "topics")
        running.expect_partitions(partitions := to)
        running.run("migrate", "--only", "topics")
        assert "0 differences" in running.run("verify")

    differences = compare.clickhouse_differences(running.ask, truth)
    assert not differences, compare.summary_of(differences)
    assert "0 differences" in running.run("verify")


def test_one_machine_can_have_apache_kafka_for_its_broker(tmp_path: Path):
    """`fixtrail up --broker kafka`: a stop and a start keep all; the embedded broker does not begin beside it."""
    require_kafka()
    events = tmp_path / "events.ndjson"
    feed.write(events, feed.clean_feed(3, 400, days=10))
    with Stack(tmp_path / "stack", options=("--broker", "kafka", "--kafka-home", str(kafka_jars()))) as stack:
        for _ in range(2):
            stack.send(events)
            stack.wait_idle()
            assert stack.ask("SELECT count() AS events FROM events") == [{"events": 400}]
            stack.run("kafka", "partitions", "--to", "8", "--pause", "0", exit_code=78)
            assert stack.stop() == 0
            refused = subprocess.run(
                [*COMMAND, "up", "--data", str(stack.folder), "--ports", "auto"],
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert (refused.returncode, "are in --broker kafka" in refused.stderr) == (78, True)
            stack.start()
