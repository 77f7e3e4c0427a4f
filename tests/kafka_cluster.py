"""Apache Kafka for tests: one KRaft node on 127.0.0.1, from jars that Maven fetches once.

Other test packages import `apache_kafka` (a session fixture) or call `start_kafka` for a node of their own.
"""

import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import pytest

from fixtrail.local.child import die_with_parent
from fixtrail.local.ports import free_ports

POM = Path(__file__).parent / "apache-kafka" / "pom.xml"
CACHE = Path.home() / ".cache" / "fixtrail"
CLUSTER_ID = "Zml4dHJhaWwtdGVzdHMtMQ"
START_S = 180.0
JAVA_FLAGS = ["-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"]

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={data}/logs
auto.create.topics.enable=false
num.partitions=1
num.network.threads=2
num.io.threads=4
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=200
group.min.session.timeout.ms=1000
transaction.abort.timed.out.transaction.cleanup.interval.ms=500
log.initial.task.delay.ms=100
log.retention.check.interval.ms=500
log.cleaner.backoff.ms=200
log.cleaner.dedupe.buffer.size=8388608
log.segment.delete.delay.ms=100
"""
"""As in production, but for waiting times: what is done every few minutes there is done at once here."""


@dataclass
class KafkaNode:
    """A running Apache Kafka; its data stays when it is stopped or killed, and `start_kafka` takes it up again."""

    bootstrap: str
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> int:
        """Shut down in good order; the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(90)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """Kill -9; the exit code."""
        self.process.kill()
        return self.process.wait()


def missing_kafka() -> str | None:
    """Why Apache Kafka cannot be started here; None when it can."""
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    return f"Apache Kafka needs {' and '.join(missing)}" if missing else None


def require_kafka() -> None:
    """Skip the test with the reason unless Apache Kafka is wanted and can be started; fail where it must be there."""
    must = os.environ.get("FIXTRAIL_REQUIRE_KAFKA") == "1"
    if not must and os.environ.get("FIXTRAIL_TEST_KAFKA") != "1":
        pytest.skip("runs against Apache Kafka with FIXTRAIL_TEST_KAFKA=1 (make test-kafka)")
    reason = missing_kafka()
    if reason is not None and must:
        pytest.fail(reason)
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNode]:
    """One Apache Kafka for the whole test run; topics need names of their own in it."""
    require_kafka()
    node = start_kafka(tmp_path_factory.mktemp("apache-kafka"))
    yield node
    node.stop()


def prepare_kafka(
    data: Path, port: int, controller_port: int, further: str = "", *, format_options: Sequence[str] = ()
) -> list[str]:
    """The command that runs a node which serves `data`; makes its storage where there is none.

    `further` properties go before the usual ones; `format_options` are for the tool that makes the storage.
    """
    jars = kafka_jars()
    properties = data / "server.properties"
    if not properties.exists():
        data.mkdir(parents=True, exist_ok=True)
        usual = PROPERTIES.format(port=port, controller_port=controller_port, data=data)
        # Of a property that is there twice Java takes the last one.
        properties.write_text(usual + further)
        _format(jars, properties, format_options)
    return java_command(jars, "kafka.Kafka", str(properties))


def start_kafka(data: Path) -> KafkaNode:
    """A node that serves `data`, on the same port as the last time there."""
    properties = data / "server.properties"
    command = prepare_kafka(data, *astuple(free_ports())[:2])
    listener = re.search(r"PLAINTEXT://127\.0\.0\.1:(\d+)", properties.read_text())
    assert listener is not None
    port = int(listener.group(1))
    with (data / "kafka.log").open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,
        )
    _wait_until_it_answers(process, port, data / "kafka.log")
    return KafkaNode(f"127.0.0.1:{port}", process)


def kafka_jars() -> Path:
    """The folder with Kafka's jars, fetched by Maven when they are not there yet."""
    version = re.search(r"<kafka\.version>(.+)</kafka\.version>", POM.read_text())
    assert version is not None
    folder = CACHE / f"kafka-{version.group(1)}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            half = folder.with_name(f"{folder.name}.half")
            shutil.rmtree(half, ignore_errors=True)
            command = [
                "mvn",
                "-q",
                "-B",
                "-Dstyle.color=never",
                "-f",
                str(POM),
                "dependency:copy-dependencies",
                f"-DoutputDirectory={half}",
            ]
            subprocess.run([*command, "-DincludeScope=runtime"], check=True, timeout=600, stdin=subprocess.DEVNULL)
            half.rename(folder)
    return folder


def java_command(jars: Path, main: str, *arguments: str) -> list[str]:
    """The command that runs a class, or a source file, with Kafka's jars."""
    log_level = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return ["java", *JAVA_FLAGS, log_level, "-cp", f"{jars}/*", main, *arguments]


def _format(jars: Path, properties: Path, options: Sequence[str]) -> None:
    command = java_command(jars, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties), *options)
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"Apache Kafka could not format its storage: {done.stdout} {done.stderr}")


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while not kafka_answers(port):
        if process.poll() is not None:
            raise RuntimeError(f"Apache Kafka ended with {process.returncode}: {log.read_text()[-2000:]}")
        if time.monotonic() > deadline:
            process.kill()
            raise TimeoutError(f"Apache Kafka did not answer in {START_S} s: {log.read_text()[-2000:]}")
        time.sleep(0.1)


def kafka_answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a Metadata request is answered with a broker in it."""
    request = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)
    try:
        with socket.create_connection((host, port), timeout=10) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.recv(12)
    except OSError:
        return False
    return len(answer) == 12 and struct.unpack(">iii", answer)[2] > 0
