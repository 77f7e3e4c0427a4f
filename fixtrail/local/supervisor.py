"""Child processes that are kept running: started, logged, restarted when they die, stopped in order."""

import asyncio
import contextlib
import json
import logging
import logging.handlers
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fixtrail.local.ping import until_silent
from fixtrail.local.stack_secrets import SECRET_VARIABLES
from runtime.failure import BUG, REFUSED, STALLED, ExitError
from runtime.tasks import end_all

LOG_BYTES = 10 * 1024 * 1024
LOG_FILES = 3
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
# Ends before it was ready. An exit code comes again; a signal (a crash, too little memory) may not.
FALSE_STARTS = 3
CRASHED_STARTS = 6
REFUSED_PAUSE_S = 30.0
# A child that ran this long was well; its next death is a new story.
SETTLED_S = 30.0

MEANINGS = {
    BUG: "a bug of ours or a write that failed; nothing was acknowledged that was not done",
    STALLED: "its watchdog ended it because work stood still",
    REFUSED: "it refuses to go on",
}


@dataclass(frozen=True, slots=True)
class Spec:
    """What to run: a module, its arguments, and what is added to the environment, out of which all secrets are taken.

    A child with a `ping` URL is stopped and started again when it does not answer there any more.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_within_s: float = 15.0
    ready_line: str | None = None
    ping: str | None = None


class RefusalError(ExitError):
    """A child ended with 78 before it was ready. It is tried again, but only a change by somebody can help."""


class Child:
    """One supervised process. `changed` is told after every start and every end; `ended` says how it ended last."""

    def __init__(self, spec: Spec, logs: Path, say: Callable[[str], object], changed: Callable[[], object]) -> None:
        self.spec = spec
        self.pid: int | None = None
        self.restarts = 0
        self.ended: str | None = None
        self.refused = False
        self.ready = asyncio.Event()
        self.last_lines: list[str] = []
        self._exits = 0
        self._crashes = 0
        self._silent = False
        self.log_path = logs / f"{spec.name}.log"
        self._say = say
        self._changed = changed
        self._stopping = False
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._log = _log_file(self.log_path)

    def start(self) -> None:
        """Run it from now on, again and again, until `stop`."""
        self._task = asyncio.create_task(self._keep_running(), name=self.spec.name)

    async def run_once(self) -> int:
        """Run it to its end; its exit code."""
        await self._spawn()
        return await self._to_end()

    async def wait_ready(self, limit_s: float) -> None:
        """Wait for its ready line.

        Raises ExitError where that does not come in time, or it ends again and again (killed by a signal, it gets more
        attempts than with an exit code); RefusalError where it refuses to go on.
        """
        await self.wait_until(self.ready.is_set, limit_s)

    async def wait_until(self, is_ready: Callable[[], bool], limit_s: float) -> None:
        """Like `wait_ready`, with another sign of being ready; it is asked on a thread of its own."""
        deadline = time.monotonic() + limit_s
        while not await asyncio.to_thread(is_ready):
            if self.refused:
                raise RefusalError(f"{self.spec.name} {self.ended} (log: {self.log_path})", REFUSED)
            if time.monotonic() > deadline:
                raise self._not_ready(f"is not ready after {limit_s:.0f} s")
            if self._ends_again_and_again():
                ends = self._exits + self._crashes
                raise self._not_ready(f"ended {ends} times before it was ready; the last time it {self.ended}")
            await asyncio.sleep(0.05)

    def _ends_again_and_again(self) -> bool:
        return self._exits >= FALSE_STARTS or self._exits + self._crashes >= CRASHED_STARTS

    def _not_ready(self, problem: str) -> ExitError:
        last_lines = "\n".join(f"  {line}" for line in self.last_lines)
        return ExitError(f"{self.spec.name} {problem} (log: {self.log_path}). It said last:\n{last_lines}")

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when its time is over; returns once it is gone."""
        self._stopping = True
        if self._process:
            await self._end(self._process)
        if self._task:
            await end_all(self._task)
        self._log.close()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), self.spec.stop_within_s)
        except TimeoutError:
            self._say(f"{self.spec.name} did not stop within {self.spec.stop_within_s:.0f} s and is killed")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _keep_running(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping:
            began = time.monotonic()
            await self._spawn()
            code = await self._to_end()
            if self._stopping:
                return
            pause_s = FIRST_PAUSE_S if time.monotonic() - began > SETTLED_S else pause_s
            wait_s = REFUSED_PAUSE_S if code == REFUSED else pause_s
            self.ended, self.refused = self._end_text(code), code == REFUSED
            self._exits += code >= 0
            self._crashes += code < 0
            self._changed()
            self._note(f"{self.spec.name} {self.ended}; it starts again in {wait_s:.1f} s")
            await asyncio.sleep(wait_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            self.restarts += 1

    def _note(self, line: str) -> None:
        """Tell the operator, and write it into the child's log, behind its own last lines."""
        self._say(line)
        self._log.emit(logging.makeLogRecord({"msg": f"--- {line}"}))

    def _end_text(self, code: int) -> str:
        if self._silent:
            return f"did not answer {self.spec.ping} any more and was stopped"
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        meaning = f" ({MEANINGS[code]})" if code in MEANINGS else ""
        message = f": {_message(self.last_lines[-1])}" if code == REFUSED and self.last_lines else ""
        return f"{how}{meaning}{message}"

    async def _spawn(self) -> None:
        self.ready.clear()
        self._silent = False
        # stdin stays open as long as this process lives: see fixtrail.local.child.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            # Nothing in the working directory may shadow a package of ours.
            "-P",
            "-m",
            "fixtrail.local.child",
            str(os.getpid()),
            self.spec.module,
            *self.spec.arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**_without_secrets(os.environ), "PYTHONUNBUFFERED": "1", **self.spec.environment},
            start_new_session=True,
            limit=1 << 20,
        )
        self.pid = self._process.pid
        self._changed()

    async def _to_end(self) -> int:
        process = self._process
        assert process and process.stdout
        copying = asyncio.create_task(self._copy_output(process.stdout))
        watching = asyncio.create_task(self._end_when_silent(process))
        code = await process.wait()
        watching.cancel()
        # Not for ever: something that the child started may still hold the pipe.
        await asyncio.wait([copying], timeout=2)
        copying.cancel()
        self.pid = None
        self.ready.clear()
        self._changed()
        return code

    async def _end_when_silent(self, process: asyncio.subprocess.Process) -> None:
        if self.spec.ping is None:
            return
        await self.ready.wait()
        await until_silent(self.spec.ping)
        if not self._stopping:
            self._silent = True
            await self._end(process)

    async def _copy_output(self, output: asyncio.StreamReader) -> None:
        while True:
            try:
                raw = await output.readline()
            except ValueError:
                # A line longer than the reader's limit: what was read of it is gone, the next line comes.
                continue
            if not raw:
                return
            line = raw.decode(errors="replace").rstrip("\n")
            self._log.emit(logging.makeLogRecord({"msg": line}))
            self.last_lines = [*self.last_lines[-9:], line]
            if self.spec.ready_line and line.startswith(self.spec.ready_line):
                self.ready.set()


def _without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in SECRET_VARIABLES}


def _message(line: str) -> str:
    """What a log line says: the reason or the event of a JSON one, else the line itself."""
    try:
        entry = json.loads(line)
        return str(entry.get("reason") or entry["event"])
    except (ValueError, KeyError, AttributeError):
        return line


def _log_file(path: Path) -> logging.handlers.RotatingFileHandler:
    path.parent.mkdir(parents=True, exist_ok=True)
    return logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
