"""Each box as its own user of an Apache Kafka that asks who it is: it can do its work, and nothing else.

The users get what `fixtrail kafka acls` prints, by the class that kafka-acls.sh runs, from KRaft's StandardAuthorizer.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from fixtrail.operations.kafka_acls import acls_of, as_script
from fixtrail.operations.kafka_rights import BOX_RIGHTS
from schemas.topics import TOPICS
from streams.changelog_names import changelog_names
from tests import compare, feed
from tests.clickhouse_node import ClickHouseNode, free_ports, start_clickhouse
from tests.kafka_cluster import POM, java_command, kafka_jars, prepare_kafka, require_kafka
from tests.stack import Row, rows_of, wait_for
from tests.truth import Truth

pytestmark = [pytest.mark.kafka, pytest.mark.long]

APP_ID = "with-users"
SOMEBODY_ELSES = "payroll"
EVENTS = 1_000
READY_S = 600.0
COMMANDS = {
    "worker": ("worker",),
    "clickhouse": ("sink", "clickhouse"),
    "push": ("sink", "push"),
    "watch": ("watch",),
    "pulse": ("pulse",),
    "web": ("web",),
}
PROPERTIES = """
listeners=SASL_PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=SASL_PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config={login}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS
broker.session.timeout.ms=20000
"""
LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="of-admin"'


def user_of(box: str) -> str:
    return f"fixtrail-{box}"


class Kafka:
    """A broker with an authorizer; its users are the boxes'."""

    def __init__(self, data: Path, running: ExitStack) -> None:
        port, controller_port = free_ports(2)
        self.bootstrap, self._data = f"127.0.0.1:{port}", data
        users = " ".join(f'user_{user}="of-{user}"' for user in ("admin", *map(user_of, BOX_RIGHTS)))
        further = PROPERTIES.format(port=port, controller_port=controller_port, login=f"{LOGIN} {users};")
        command = prepare_kafka(data, port, controller_port, further)
        with (data / "kafka.log").open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        running.callback(process.wait, 90)
        running.callback(process.terminate)
        wait_for(lambda: process.poll() is not None or _listens(port), 180, "Kafka listens")
        assert process.poll() is None, (data / "kafka.log").read_text()[-2000:]

    def grant(self, script: str) -> None:
        """Run a script that calls kafka-acls.sh: one JVM makes all its calls."""
        calls = self._data / "calls"
        shim = self._data / "bin" / "kafka-acls.sh"
        shim.parent.mkdir()
        shim.write_text(f"#!/bin/sh\nprintf '%s\\037' \"$@\" >> {calls}\necho >> {calls}\n")
        shim.chmod(0o700)
        login = self._data / "admin.properties"
        login.write_text(f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config={LOGIN};\n")
        environment = {"BOOTSTRAP": self.bootstrap, "COMMAND_CONFIG": str(login)}
        path = {"PATH": f"{shim.parent}:{os.environ['PATH']}"}
        subprocess.run(["sh"], input=script, text=True, env={**os.environ, **environment, **path}, check=True)
        self._java("grant", lines=calls.read_text())

    async def make_groups(self, topic: str, names: list[str]) -> None:
        """Groups that have committed something: of others nobody can be told what may be done with them."""
        for name in names:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self.bootstrap,
                group_id=name,
                enable_auto_commit=False,
                security_protocol="SASL_PLAINTEXT",
                sasl_mechanism="PLAIN",
                sasl_plain_username="admin",
                sasl_plain_password="of-admin",
            )
            await consumer.start()
            consumer.assign([TopicPartition(topic, 0)])
            await consumer.commit({TopicPartition(topic, 0): 0})
            await consumer.stop()

    def rights(self, names: list[str]) -> dict[tuple[str, str], set[str]]:
        """What the broker lets each box's user do with topics and groups, by user and name."""
        logins = "\n".join(f"{user_of(box)} of-{user_of(box)}" for box in BOX_RIGHTS)
        answer = self._java("rights", self.bootstrap, *names, lines=logins).splitlines()
        rows = [line.split("\t") for line in answer if line.count("\t") == 2]
        return {(user, name): {*operations.split(",")} - {""} for user, name, operations in rows}

    @staticmethod
    def _java(*arguments: str, lines: str) -> str:
        command = java_command(kafka_jars(), str(POM.with_name("Authorizer.java")), *arguments)
        done = subprocess.run(command, input=lines, text=True, capture_output=True, timeout=300)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout


def _listens(port: int) -> bool:
    with socket.socket() as socket_:
        return socket_.connect_ex(("127.0.0.1", port)) == 0


class Boxes:
    """The boxes and commands, each as the user of its name."""

    def __init__(self, folder: Path, kafka: Kafka, clickhouse: ClickHouseNode) -> None:
        self.folder, self.kafka, self._clickhouse = folder, kafka, clickhouse
        folder.mkdir()

    def run(self, box: str, *arguments: str) -> str:
        done = subprocess.run(
            self._command(*arguments), env=self._environment(box), capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{box}: {arguments}: {done.returncode}\n{done.stdout}{done.stderr[-3000:]}"
        return done.stdout

    @contextmanager
    def running(self) -> Iterator[None]:
        """All boxes, each ready; ended in good order."""
        ports = dict(zip(COMMANDS, free_ports(len(COMMANDS)), strict=True))
        with ExitStack() as started:
            processes = {box: self._start(box, port, started) for box, port in ports.items()}
            for box, port in ports.items():
                self._wait_until_ready(box, processes[box], port)
            yield

    def _start(self, box: str, port: int, started: ExitStack) -> subprocess.Popen[bytes]:
        log = started.enter_context((self.folder / f"{box}.log").open("wb"))
        environment = self._environment(box) | {"FIXTRAIL_HEALTH_PORT": str(port)}
        process = subprocess.Popen(self._command(*COMMANDS[box]), env=environment, stdout=log, stderr=log)
        started.callback(process.wait, 90)
        started.callback(process.terminate)
        return process

    def _wait_until_ready(self, box: str, process: subprocess.Popen[bytes], port: int) -> None:
        deadline = time.monotonic() + READY_S
        while not _is_ready(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{box} is not ready: {self.log(box)[-3000:]}")
            time.sleep(0.5)

    def log(self, box: str) -> str:
        return (self.folder / f"{box}.log").read_text()

    def ask(self, query: str) -> list[Row]:
        client = self._clickhouse.client("reader")
        client.database = "fixtrail"
        return rows_of(client.raw_query(query, fmt="JSONEachRow").decode())

    @staticmethod
    def _command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "fixtrail", *arguments]

    def _environment(self, box: str) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("FIXTRAIL_")},
            "FIXTRAIL_KAFKA": self.kafka.bootstrap,
            "FIXTRAIL_KAFKA_SECURITY": "SASL_PLAINTEXT",
            "FIXTRAIL_KAFKA_SASL_MECHANISM": "PLAIN",
            "FIXTRAIL_KAFKA_USER": user_of(box),
            "FIXTRAIL_KAFKA_PASSWORD": f"of-{user_of(box)}",
            "FIXTRAIL_CLICKHOUSE": self._clickhouse.url,
            "FIXTRAIL_CLICKHOUSE_PASSWORD": self._clickhouse.passwords["app"],
            "FIXTRAIL_CLICKHOUSE_READER_PASSWORD": self._clickhouse.passwords["reader"],
            "FIXTRAIL_HASH_KEY": "a secret of this test, which is long",
            "FIXTRAIL_DATA": str(self.folder / "data"),
            "FIXTRAIL_APP_ID": APP_ID,
            "FIXTRAIL_PARTITIONS": "2",
            "FIXTRAIL_WEB_PORT": "0",
        }


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[Boxes]:
    """All users have their rights, and there are topics."""
    require_kafka()
    with ExitStack() as running:
        kafka = Kafka(tmp_path / "kafka", running)
        clickhouse = start_clickhouse(tmp_path / "clickhouse")
        running.callback(clickhouse.stop)
        boxes = Boxes(tmp_path / "boxes", kafka, clickhouse)
        kafka.grant(as_script(BOX_RIGHTS, APP_ID, "User:fixtrail-{box}"))
        boxes.run("migrate", "migrate")
        yield boxes


def test_the_authorizer_lets_each_user_do_what_its_box_needs_and_nothing_else(boxes: Boxes) -> None:
    assert _differences(boxes.kafka) == {}


def test_each_box_can_do_its_work(boxes: Boxes, tmp_path: Path) -> None:
    truth = Truth(feed.dirty(feed.clean_feed(11, EVENTS), 11))
    feed.write(tmp_path / "events", truth.events)
    with boxes.running():
        boxes.run("send", "send", str(tmp_path / "events"))
        boxes.run("operator", "status", "--wait-idle", "240")

        differences = compare.clickhouse_differences(boxes.ask, truth)
        assert not differences, compare.summary_of(differences)
        for box in COMMANDS:
            assert "uthorization" not in boxes.log(box), box
            assert "not authorized" not in boxes.log(box), box


def _differences(kafka: Kafka) -> dict[tuple[str, str], tuple[set[str], set[str]]]:
    """By user and topic or group: what the broker lets the user do, and what the box needs, where they differ."""
    topics = [*(topic.name for topic in TOPICS), *changelog_names(APP_ID)]
    groups = [f"group:{APP_ID}{suffix}" for suffix in ("", "-clickhouse", "-push", "-watch")]
    others = f"group:{SOMEBODY_ELSES}"
    asyncio.run(kafka.make_groups(topics[0], [name.removeprefix("group:") for name in (*groups, others)]))
    granted = kafka.rights([*topics, *groups, others])
    needed = {(user_of(box), name): _needed(box, name) for box in BOX_RIGHTS for name in (*topics, *groups)}
    assert granted.keys() > needed.keys()
    return {
        key: (operations, needed.get(key, set()))
        for key, operations in granted.items()
        if operations != needed.get(key, set())
    }


def _needed(box: str, name: str) -> set[str]:
    is_group, plain = name.startswith("group:"), name.removeprefix("group:")
    return {
        _upper(operation)
        for acl in acls_of(box, APP_ID)
        if (acl.kind == "group") == is_group and (plain.startswith(acl.name) if acl.prefixed else plain == acl.name)
        for operation in acl.operations
    }


def _upper(operation: str) -> str:
    return {"DescribeConfigs": "DESCRIBE_CONFIGS"}.get(operation, operation.upper())
