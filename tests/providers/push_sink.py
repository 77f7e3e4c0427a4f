"""The push sink as an operator runs it: a process, a broker, a configuration file, and its ledger on disk."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from aiokafka import AIOKafkaProducer
from psycopg.rows import dict_row

from fixtrail.all_settings import Settings
from fixtrail.local.child import die_with_parent
from fixtrail.operations.topics import ensure_topics
from tests.contract.broker.brokers import start_embedded
from tests.paths import ROOT
from tests.stack import wait_until_it_listens

HASH_KEY = "a key for these tests, long enough"
CRASHED = 99
PARTITIONS = 2
# Nobody is ever asleep and everybody may hear everything, where the delivery is what is tested.
ANYTIME = """
[quiet]
begins = 00:00:00
ends = 00:00:00
[limits]
a_day = 1000
gap_s = 0
"""
FINAL = {"SENT", "REJECTED", "UNKNOWN", "EXPIRED", "SUPERSEDED", "SUPPRESSED"}


class PushSink:
    """One data folder, one broker, and a push sink that may be started, killed and started again."""

    def __init__(self, folder: Path, bootstrap: str, config: str, environment: dict[str, str] | None = None) -> None:
        self.folder, self.bootstrap = folder, bootstrap
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "push.toml"
        self.config.write_text(config, encoding="utf-8")
        self.environment = environment or {}
        self.ledger = folder / "data" / "push.sqlite3"
        self.dsn = self.environment.get("FIXTRAIL_LEDGER", f"sqlite:///{self.ledger}")
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0

    # What it is told

    def tell(self, *notices: dict[str, Any], facts: Iterable[dict[str, Any]] = ()) -> None:
        """Write notices and journeys to their topics, keyed by order as the workers do: notices first."""
        asyncio.run(self._produce([("notices", value) for value in notices] + [("journeys", value) for value in facts]))

    async def _produce(self, records: list[tuple[str, dict[str, Any]]]) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, linger_ms=5)
        await producer.start()
        try:
            sent = [
                await producer.send(topic, json.dumps(value).encode(), key=value["order_id"].encode())
                for topic, value in records
            ]
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    # The process

    def start(self, **environment: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FIXTRAIL_")}
        ours = {
            "FIXTRAIL_DATA": str(self.folder / "data"),
            "FIXTRAIL_KAFKA": self.bootstrap,
            "FIXTRAIL_HASH_KEY": HASH_KEY,
            "FIXTRAIL_PUSH": str(self.config),
        }
        self._starts += 1
        with (self.folder / "sink.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fixtrail", "sink", "push"],
                cwd=ROOT,
                env={**inherited, **ours, **self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )

    def wait_ready(self, limit_s: float = 180.0) -> None:
        """Return once the process that was started last has its partitions."""
        deadline = time.monotonic() + limit_s
        while (self.folder / "sink.log").read_text(errors="replace").count('"assigned') < self._starts:
            assert time.monotonic() < deadline, self.story()
            self._still_there()
            time.sleep(0.05)

    def stop(self) -> int:
        """SIGTERM, once it listens for that; the exit code."""
        if self._process is not None:
            wait_until_it_listens(self._process.pid)
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        return self._end(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: "signal.Signals") -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(120)

    def wait_crashed(self, limit_s: float = 120.0) -> None:
        """Return once the process has ended at the crash point that it was told."""
        assert self._process is not None
        code = self._process.wait(limit_s)
        self._process = None
        assert code == CRASHED, f"ended with {code}: {self.story()}"

    @contextlib.contextmanager
    def running(self, **environment: str) -> Iterator[None]:
        """Started, and stopped in good order at the end."""
        self.start(**environment)
        try:
            yield
        except BaseException:
            print(self.story())
            self.kill()
            raise
        code = self.stop()
        assert code == 0, f"ended with {code}: {self.story()}"

    # What became of it

    def rows(self, where: str = "1 = 1") -> list[dict[str, Any]]:
        """Rows of the ledger's sends; none while there is no ledger."""
        return self._ask(f"SELECT * FROM sends WHERE {where}")

    def states(self, where: str = "1 = 1") -> Counter[str]:
        """How many sends are in each state."""
        rows = self._ask(f"SELECT state, count(*) n FROM sends WHERE {where} GROUP BY 1")
        return Counter({row["state"]: row["n"] for row in rows})

    def _ask(self, query: str) -> list[dict[str, Any]]:
        if self.dsn.startswith("postgresql:"):
            return self._ask_postgres(query)
        if not self.ledger.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=10)) as database:
            database.row_factory = sqlite3.Row
            try:
                return [dict(row) for row in database.execute(query)]
            except sqlite3.OperationalError:
                return []

    def _ask_postgres(self, query: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.dsn, row_factory=dict_row) as connection:
            try:
                return connection.execute(query.encode()).fetchall()
            except psycopg.errors.UndefinedTable:
                return []

    def wait_final(self, number: int, limit_s: float = 120.0, where: str = "1 = 1") -> Counter[str]:
        """The states once so many sends are there and all are final."""
        deadline = time.monotonic() + limit_s
        while True:
            states = self.states(where)
            if states.total() >= number and not set(states) - FINAL:
                return states
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {limit_s:.0f} s: {states}\n{self.story()}")
            self._still_there()
            time.sleep(0.05)

    def wait_for(self, state: str, number: int = 1, limit_s: float = 120.0) -> None:
        """Return once so many sends are in a state."""
        deadline = time.monotonic() + limit_s
        while self.states()[state] < number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {limit_s:.0f} s: {self.states()}\n{self.story()}")
            self._still_there()
            time.sleep(0.02)

    def _still_there(self) -> None:
        assert self._process is None or self._process.poll() is None, self.story()

    def run(self, *arguments: str, exit_code: int = 0) -> str:
        """What another `fixtrail` command says about the same folder."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FIXTRAIL_")}
        ours = {"FIXTRAIL_KAFKA": self.bootstrap, "FIXTRAIL_HASH_KEY": HASH_KEY, "FIXTRAIL_PUSH": str(self.config)}
        done = subprocess.run(
            [sys.executable, "-m", "fixtrail", *arguments, "--data", str(self.folder / "data")],
            cwd=ROOT,
            env={**inherited, **ours, **self.environment, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == exit_code, done.stderr
        return done.stdout

    def story(self) -> str:
        log = self.folder / "sink.log"
        return log.read_text(errors="replace")[-4000:] if log.exists() else ""


@contextlib.contextmanager
def a_broker(folder: Path) -> Iterator[str]:
    """A development broker with Fixtrail's topics; its address."""
    broker = start_embedded(folder, "--shortest-session", "1")
    try:
        asyncio.run(ensure_topics(Settings(kafka=broker.bootstrap, partitions=PARTITIONS)))
        yield broker.bootstrap
    finally:
        broker.kill()
