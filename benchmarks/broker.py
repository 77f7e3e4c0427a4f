"""A broker to measure on: the embedded one or Apache Kafka in a folder of its own, or one that is running already."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.kafka_cluster import start_kafka

ROOT = Path(__file__).resolve().parent.parent
STOP_S = 20.0


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """Where it is; `pid` of the embedded one, None of another's."""

    address: str
    name: str
    pid: int | None = None


@contextlib.contextmanager
def broker(kafka: str | None, folder: Path) -> Iterator[RunningBroker]:
    """The broker at `kafka`, or the embedded one for as long as the block runs."""
    if kafka is not None:
        yield RunningBroker(kafka, f"Kafka at {kafka}")
        return
    command = [sys.executable, "-m", "fixtrail.local.broker", "--port", "0", "--data", str(folder / "broker")]
    with (folder / "broker.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        first_line = process.stdout.readline() if process.stdout else ""
        if not first_line.startswith("ready "):
            raise RuntimeError(f"the embedded broker did not start: {(folder / 'broker.log').read_text()[-2000:]}")
        yield RunningBroker(first_line.split()[1], "the embedded broker", process.pid)
    finally:
        stop(process)


@contextlib.contextmanager
def apache_kafka(folder: Path) -> Iterator[RunningBroker]:
    """Apache Kafka for as long as the block runs: the tests' single node, from jars that Maven fetches once."""
    node = start_kafka(folder / "apache-kafka")
    try:
        yield RunningBroker(node.bootstrap, "Apache Kafka", node.pid)
    finally:
        node.stop()


def stop(process: subprocess.Popen[str]) -> None:
    """End a process we started: asked first, then at once."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
