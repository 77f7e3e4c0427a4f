"""A whole stack for a test, as an operator runs it: `fixtrail up` and the other commands, in processes of their own.

`with Stack(folder) as stack: ...` starts it and, whatever happens, leaves nothing running. Commands are run with the
interpreter of the tests; endpoints come from stack.json alone.
"""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from fixtrail.local.child import die_with_parent
from tests.paths import ROOT

COMMAND = [sys.executable, "-m", "fixtrail"]
START_LIMIT_S = 180.0
STOP_LIMIT_S = 150.0

Row = dict[str, Any]


class Stack:
    """One data folder and the `fixtrail up` that serves it; may be stopped, killed and started again."""

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 1,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.workers, self.options = workers, options
        self.environment = dict(environment or {})
        self.log_path = folder.with_name(f"{folder.name}-up.log")
        self._up: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Stack":
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is not None:
            print(self.story())
        if self._up is None:
            return
        code = self.stop()
        assert kind is not None or code == 0, f"fixtrail up ended with {code}: {self.story()}"

    # The stack as a whole

    def start(self) -> None:
        """Start it and return once it is ready."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log_file:
            begin = log_file.tell()
            command = [*COMMAND, "up", "--data", str(self.folder), "--ports", "auto", "--workers", str(self.workers)]
            command += self.options
            self._up = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=subprocess.STDOUT,
                preexec_fn=partial(die_with_parent, signal.SIGTERM),
            )
        self._wait_ready(begin)

    def _wait_ready(self, begin: int) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        assert self._up is not None
        while b"ready" not in self.log_path.read_bytes()[begin:].splitlines():
            if self._up.poll() is not None:
                raise RuntimeError(f"fixtrail up ended with {self._up.returncode}: {self.story()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"the stack is not ready after {START_LIMIT_S:.0f} s: {self.story()}")
            time.sleep(0.05)

    def stop(self) -> int:
        """SIGTERM to `up`; its exit code once it is gone."""
        up, self._up = self._up, None
        assert up is not None
        up.terminate()
        try:
            return up.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            up.kill()
            up.wait()
            raise

    def kill(self) -> None:
        """Kill -9 of `up` alone: what it started must go by itself."""
        up, self._up = self._up, None
        if up is not None:
            up.kill()
            up.wait()

    # Its parts

    @property
    def facts(self) -> dict[str, Any]:
        """The content of stack.json."""
        endpoints: dict[str, Any] = json.loads((self.folder / "stack.json").read_text())
        return endpoints

    def pids(self) -> dict[str, int]:
        """The process of each part that runs at present."""
        return {name: child["pid"] for name, child in self.facts["children"].items() if child["pid"]}

    def signal(self, name: str, number: signal.Signals = signal.SIGKILL, *, limit_s: float = 120.0) -> int:
        """Send a signal to one part, once it runs; its process id."""
        pids: list[int] = []

        def is_there() -> bool:
            pid = self.pids().get(name)
            if pid is not None and is_running(pid):
                pids.append(pid)
            return bool(pids)

        wait_for(is_there, limit_s, f"{name} runs")
        os.kill(pids[0], number)
        return pids[0]

    def kill_and_wait(self, name: str, *, limit_s: float = 120.0) -> None:
        """Kill -9 one part and return once another process has taken its place."""
        pid = self.signal(name, limit_s=limit_s)
        wait_for(lambda: self.pids().get(name) not in (None, pid), limit_s, f"{name} is started again")

    # The commands

    def run(self, *arguments: str, exit_code: int | None = 0, limit_s: float = 300.0) -> str:
        """What a `fixtrail` command prints on stdout; asserts its exit code, unless any will do."""
        done = subprocess.run(
            [*COMMAND, *arguments, "--data", str(self.folder)],
            cwd=ROOT,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit_s,
        )
        errors = done.stderr.decode(errors="replace")
        if exit_code is not None:
            assert done.returncode == exit_code, f"fixtrail {arguments} ended with {done.returncode}: {errors}"
        return done.stdout.decode()

    def send(self, source: Path) -> None:
        """`fixtrail send` of a file."""
        self.run("send", str(source))

    @contextlib.contextmanager
    def sending(self, source: Path, rate: float) -> Iterator[subprocess.Popen[bytes]]:
        """`fixtrail send --rate` in the background; at the end all must have been acknowledged."""
        sender = subprocess.Popen(
            [*COMMAND, "send", str(source), "--rate", str(rate), "--data", str(self.folder)],
            cwd=ROOT,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=partial(die_with_parent, signal.SIGTERM),
        )
        try:
            yield sender
            _, errors = sender.communicate(timeout=300)
            assert sender.returncode == 0, f"send ended with {sender.returncode}: {errors.decode()}"
        finally:
            if sender.poll() is None:
                sender.kill()
                sender.wait()

    def wait_idle(self, limit_s: float = 240.0) -> None:
        """Return once everything sent has reached ClickHouse."""
        self.run("status", "--wait-idle", str(limit_s), limit_s=limit_s + 60)

    def status(self) -> dict[str, Any]:
        """`fixtrail status --json`."""
        status: dict[str, Any] = json.loads(self.run("status", "--json"))
        return status

    def sql(self, query: str) -> list[Row]:
        """The rows of a query by `fixtrail sql`; numbers with a point are Decimal."""
        return rows_of(self.run("sql", query, "--format", "JSONEachRow"))

    # Behind the commands

    def ask(self, query: str) -> list[Row]:
        """The same as `sql`, asked of ClickHouse directly as the reader."""
        return self._post(query, "reader", "clickhouse_reader_password")

    def ask_raw(self, query: str) -> list[Row]:
        """Like `ask`, as the user who may also read and write the raw tables."""
        return self._post(query, "app", "clickhouse_password")

    def _post(self, query: str, user: str, password: str) -> list[Row]:
        facts = self.facts
        login = base64.b64encode(f"{user}:{facts[password]}".encode()).decode()
        url = f"{facts['clickhouse']}/?database=fixtrail&default_format=JSONEachRow&wait_end_of_query=1"
        request = urllib.request.Request(url, data=query.encode(), headers={"Authorization": f"Basic {login}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return rows_of(answer.read().decode())

    def logs(self) -> dict[str, str]:
        """Everything that the parts have logged so far, by file."""
        return {path.name: path.read_text(errors="replace") for path in sorted((self.folder / "logs").glob("*.log*"))}

    def story(self) -> str:
        """The ends of all logs, for a failed test."""
        log_text = self.log_path.read_text(errors="replace")[-3000:] if self.log_path.exists() else ""
        ends = [f"--- {name}\n{text[-3000:]}" for name, text in self.logs().items() if text]
        return "\n".join([f"--- fixtrail up\n{log_text}", *ends])

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FIXTRAIL_")}
        # Should a part die of a signal, its log says where.
        # A query may take as long as a busy machine needs.
        return {**inherited, "PYTHONFAULTHANDLER": "1", "FIXTRAIL_READER_S": "30", **self.environment}


def rows_of(text: str) -> list[Row]:
    """The objects of JSON lines; numbers with a point are Decimal, exactly as printed."""
    return [json.loads(line, parse_float=Decimal) for line in text.splitlines() if line]


def is_running(pid: int) -> bool:
    """Whether the process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_it_listens(pid: int, limit_s: float = 120.0) -> None:
    """Return once the process, if it is still there, ends in good order at SIGTERM: it has a handler for it."""

    def listens() -> bool:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return True
        caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
        return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1) or not is_running(pid)

    wait_for(listens, limit_s, f"process {pid} listens for SIGTERM")


def wait_for(is_so: Callable[[], bool], limit_s: float, condition: str) -> float:
    """Return once `is_so`, with the seconds that took. Raises TimeoutError naming what did not become so."""
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > limit_s:
            raise TimeoutError(f"not so after {limit_s:.0f} s: {condition}")
        time.sleep(0.05)
    return time.monotonic() - began
