"""The two brokers that the suite runs against, started and killed in the same way."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from fixtrail.local.child import die_with_parent
from tests.kafka_cluster import KafkaNode, start_kafka
from tests.paths import ROOT


class RunningBroker(Protocol):
    """A broker process; `start_broker` with the same folder takes up its data on the same port."""

    bootstrap: str

    @property
    def pid(self) -> int: ...

    def stop(self) -> int:
        """Stop in good order; the exit code."""

    def kill(self) -> int:
        """Kill -9; the exit code."""


class EmbeddedBroker:
    """`python -m fixtrail.local.broker` on its own folder."""

    def __init__(self, process: subprocess.Popen[str], bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> int:
        self._process.terminate()
        return self._process.wait(10)

    def kill(self) -> int:
        self._process.kill()
        return self._process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It keeps its connections and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


def start_broker(kind: str, data: Path) -> RunningBroker:
    """A broker of this kind that serves `data`, with short waiting times for what brokers do now and then."""
    if kind == "kafka":
        node: KafkaNode = start_kafka(data)
        return node
    return start_embedded(data, "--shortest-session", "1", "--upkeep-every", "0.3")


def start_embedded(data: Path, *flags: str) -> EmbeddedBroker:
    """The embedded broker, on the port that it had in this folder before."""
    data.mkdir(parents=True, exist_ok=True)
    note = data / "port"
    port = note.read_text() if note.exists() else "0"
    with (data / "broker.log").open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "fixtrail.local.broker", "--port", port, "--data", str(data / "broker"), *flags],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=die_with_parent,
        )
    assert process.stdout is not None
    ready = process.stdout.readline().split()
    if not ready or ready[0] != "ready":
        raise RuntimeError(f"the broker did not start: {(data / 'broker.log').read_text()[-2000:]}")
    note.write_text(ready[1].rpartition(":")[2])
    return EmbeddedBroker(process, ready[1])


def resident_mb(pid: int) -> float:
    """The memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
