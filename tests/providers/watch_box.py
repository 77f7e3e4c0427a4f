"""The watch as an operator runs it: one or more processes at a broker, told of orders by their journeys."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from fixtrail.local.child import die_with_parent
from tests.kafka_io import read_topic
from tests.paths import ROOT
from tests.stack import wait_until_it_listens

Row = dict[str, Any]


class Watches:
    """One data folder, one broker, and any number of watches by name."""

    def __init__(self, folder: Path, bootstrap: str, config: str, environment: dict[str, str] | None = None) -> None:
        self.folder, self.bootstrap = folder, bootstrap
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "watch.toml"
        self.config.write_text(config, encoding="utf-8")
        self.environment = environment or {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._starts = 0

    # What they are told

    def tell(self, **topics: list[Row]) -> None:
        """Write rows to their topics, keyed as the workers do: `journeys=[…]`, `notices=[…]`, `center_hours=[…]`."""
        asyncio.run(self._produce(topics))

    async def _produce(self, topics: dict[str, list[Row]]) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, linger_ms=2)
        await producer.start()
        try:
            for name, rows in topics.items():
                key = "center_id" if name == "center_hours" else "order_id"
                topic = name.replace("_", "-")
                sent = [
                    await producer.send(topic, json.dumps(row).encode(), key=str(row[key]).encode()) for row in rows
                ]
                await asyncio.gather(*sent)
        finally:
            await producer.stop()

    # The processes

    def start(self, name: str = "one", **environment: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FIXTRAIL_")}
        self._starts += 1
        with (self.folder / "watch.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "fixtrail", "watch"],
                cwd=ROOT,
                env={**inherited, **self._ours(), **self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )

    def wait_ready(self, limit_s: float = 180.0) -> None:
        """Return once each process that was started has its partitions."""
        self.wait_for(lambda: self.story().count('"assigned') >= self._starts, "the watch has its partitions", limit_s)

    def _ours(self) -> dict[str, str]:
        return {
            "FIXTRAIL_DATA": str(self.folder / "data"),
            "FIXTRAIL_KAFKA": self.bootstrap,
            "FIXTRAIL_WATCH": str(self.config),
        }

    def stop(self, name: str = "one") -> int:
        """SIGTERM, once it listens for that; the exit code."""
        wait_until_it_listens(self._processes[name].pid)
        return self._end(name, signal.SIGTERM)

    def kill(self, name: str = "one") -> int:
        return self._end(name, signal.SIGKILL)

    def _end(self, name: str, number: signal.Signals) -> int:
        process = self._processes.pop(name)
        process.send_signal(number)
        return process.wait(120)

    def wait_crashed(self, code: int, name: str = "one", limit_s: float = 120.0) -> None:
        """Return once a process has ended at the crash point that it was told."""
        assert self._processes.pop(name).wait(limit_s) == code, self.story()

    @contextlib.contextmanager
    def running(self, *names: str) -> Iterator[None]:
        """Started, and stopped in good order at the end; those that a test ended itself are not missed."""
        for name in names or ("one",):
            self.start(name)
        try:
            yield
        except BaseException:
            print(self.story())
            for name in [*self._processes]:
                self.kill(name)
            raise
        for name in [*self._processes]:
            assert self.stop(name) == 0, self.story()

    def run(self, *arguments: str, exit_code: int = 0) -> str:
        """What another `fixtrail` command says about the same broker."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FIXTRAIL_")}
        done = subprocess.run(
            [sys.executable, "-m", "fixtrail", *arguments],
            cwd=ROOT,
            env={**inherited, **self._ours(), **self.environment, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == exit_code, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    # What they wrote

    def notices(self) -> list[Row]:
        """The notices that the clock told, in order."""
        notices = [json.loads(record.value) for record in read_topic(self.bootstrap, "notices")]
        return [notice for notice in notices if notice["milestone"] in ("running_late", "no_news")]

    def versions(self) -> list[Row]:
        """Every version of every alert, as written."""
        return [json.loads(record.value) for record in read_topic(self.bootstrap, "alerts") if record.value]

    def alerts(self) -> list[Row]:
        """Each alert as it is now, the oldest first."""
        newest: dict[str, Row] = {}
        for version in self.versions():
            if version["version"] > newest.get(version["alert_id"], {"version": 0})["version"]:
                newest[version["alert_id"]] = version
        return sorted(newest.values(), key=lambda alert: (alert["opened_at"], alert["alert_id"]))

    def wait_for(self, is_so: Callable[[], bool], condition: str, limit_s: float = 120.0) -> None:
        deadline = time.monotonic() + limit_s
        while not is_so():
            assert time.monotonic() < deadline, f"not so: {condition}; {self.notices()} {self.alerts()}\n{self.story()}"
            assert all(process.poll() is None for process in self._processes.values()), self.story()
            time.sleep(0.1)

    def story(self) -> str:
        log = self.folder / "watch.log"
        return log.read_text(errors="replace")[-6000:] if log.exists() else ""


def ago(seconds: float) -> str:
    """So many seconds before now, as events say it."""
    return datetime.fromtimestamp(time.time() - seconds, UTC).isoformat()
