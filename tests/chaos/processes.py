"""Processes that are kept running, whatever becomes of them, and how each of them ended."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals

from fixtrail.local.child import die_with_parent
from tests.stack import wait_for

# A machine that is busy with other things takes its time.
START_LIMIT_S = 300.0
STOP_LIMIT_S = 40.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 4.0
SETTLED_S = 10.0
CRASHED = 99  # sinks.crash_point: a step at which the process was told to end


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended: `asked` is the signal that we sent it last, `step` where it had been told to end itself."""

    at: float
    name: str
    code: int
    signal_sent: int | None
    step: str = ""
    log_tail: str = ""

    @property
    def is_allowed(self) -> bool:
        """0 after SIGTERM, a fail-stop, the watchdog, a named step, a signal of ours, or Kafka away at the start."""
        if self.code == 0:
            return self.signal_sent == SIGTERM
        if self.code < 0:
            return self.signal_sent == -self.code
        if self.name.startswith("broker"):
            # Java says 143 after SIGTERM; a broker whose disk is full ends by itself.
            return self.code in (143, 1)
        if self.name == "ledger":
            # PostgreSQL is started again while what was killed is not gone yet.
            return self.code in (0, 1)
        if self.code == 1:
            return "Kafka cannot be used" in self.log_tail
        return self.code in (70, 75) or (self.code == CRASHED and bool(self.step))


@dataclass
class Part:
    """One process that is to run; started again whenever it has ended, for as long as it is wanted."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    cwd: Path
    is_ready: Callable[[], bool]
    is_enabled: bool = False
    # For its next start alone.
    once: dict[str, str] = field(default_factory=dict)
    step: str = ""
    process: subprocess.Popen[bytes] | None = None
    signal_sent: int | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    starts: int = 0

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None else None


class Processes:
    """Starts each part that is wanted again whenever it has ended; logs go to `folder`/logs.

    `ends` and `started` tell what happened, by the monotonic clock.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: dict[str, Part] = {}
        self.ends: list[End] = []
        self.started: list[tuple[float, str]] = []
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="fleet", daemon=True)

    def supervise(self) -> None:
        """Begin."""
        self._supervisor.start()

    def supervise_no_more(self) -> None:
        """End, once everything is stopped."""
        self._closing.set()
        if self._supervisor.is_alive():
            self._supervisor.join(30)

    def want(self, *names: str) -> None:
        """Have these running from now on."""
        with self._lock:
            for name in names:
                part = self.parts[name]
                part.is_enabled, part.start_at, part.pause_s = True, 0.0, FIRST_PAUSE_S

    def wait_ready(self, *names: str, limit_s: float = START_LIMIT_S) -> None:
        """Return once each of these says that it does its work."""
        for name in names:
            wait_for(self.parts[name].is_ready, limit_s, f"{name} is ready\n{self.tail(name)}")

    def signal(self, name: str, number: Signals, *, limit_s: float = 60.0) -> int:
        """Send a signal to a part, once it runs; its process id."""
        pids: list[int] = []

        def sent() -> bool:
            with self._lock:
                part = self.parts[name]
                if part.process is None or part.process.poll() is not None:
                    return False
                if number not in (SIGSTOP, SIGCONT):
                    part.signal_sent = number
                part.process.send_signal(number)
                pids.append(part.process.pid)
            return True

        wait_for(sent, limit_s, f"{name} runs")
        return pids[0]

    def stop(self, *names: str, number: Signals = SIGTERM) -> None:
        """End these and leave them ended; SIGKILL for those that do not go in time."""
        with self._lock:
            running = []
            for name in names:
                part = self.parts[name]
                part.is_enabled = False
                if part.process is not None:
                    part.signal_sent = number
                    part.process.send_signal(number)
                    # One that was stopped with SIGSTOP must run to end.
                    part.process.send_signal(SIGCONT)
                    running.append(part)
        for part in running:
            try:
                wait_for(lambda part=part: part.process is None, STOP_LIMIT_S, f"{part.name} ends")  # type: ignore[misc]
            except TimeoutError:
                print(f"{part.name} did not end within {STOP_LIMIT_S:.0f} s and is killed", flush=True)
                self.signal(part.name, SIGKILL)
                wait_for(lambda part=part: part.process is None, 10, f"{part.name} ends")  # type: ignore[misc]

    def move_to_release(self, name: str, number: int, **settings: str) -> None:
        """From its next start on the box runs from the other copy of the code, with these settings."""
        with self._lock:
            part = self.parts[name]
            part.cwd = self.folder / f"release-{number}"
            part.environment = {**part.environment, **settings}

    def _supervise(self) -> None:
        # All processes are started by this one thread: they end with the thread that started them.
        while not self._closing.wait(0.05):
            with self._lock:
                for part in self.parts.values():
                    self._look_after(part)

    def _look_after(self, part: Part) -> None:
        now = time.monotonic()
        if part.process is not None and (code := part.process.poll()) is not None:
            self.ends.append(End(now, part.name, code, part.signal_sent, part.step, self.tail(part.name, 400)))
            part.pause_s = FIRST_PAUSE_S if now - part.started_at > SETTLED_S else part.pause_s
            part.process, part.start_at = None, now + part.pause_s
            part.pause_s = min(2 * part.pause_s, LONGEST_PAUSE_S)
        if part.is_enabled and part.process is None and now >= part.start_at:
            once, part.once = part.once, {}
            with (self.folder / "logs" / f"{part.name}.log").open("ab") as log:
                part.process = subprocess.Popen(
                    part.command,
                    cwd=part.cwd,
                    env={**inherited(), **part.environment, **once},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    preexec_fn=die_with_parent,
                )
            part.signal_sent, part.started_at, part.step = None, now, once.get("FIXTRAIL_CRASH_AT", "")
            part.starts += 1
            self.started.append((now, part.name))

    def tail(self, name: str, size: int = 2000) -> str:
        path = self.folder / "logs" / f"{name}.log"
        return path.read_text(errors="replace")[-size:] if path.exists() else "(no log)"


def inherited() -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FIXTRAIL_", "PYTHON"))}
    return {**environment, "PYTHONFAULTHANDLER": "1", "PYTHONUNBUFFERED": "1"}


def memory_and_files(pid: int) -> tuple[float, int] | None:
    """Resident memory in MB and open files of a process; None where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        pages = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(pages.split()[1]) / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except (OSError, StopIteration):
        return None
