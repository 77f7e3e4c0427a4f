"""What every box shares as a process: its number in the group, and stopping on a signal."""

import asyncio
import contextlib
import fcntl
import gc
import hashlib
import itertools
import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from runtime.failure import OK
from runtime.watchdog import Watchdog

THREADS_WITHIN_S = 1.0
# What does not answer is waited for so long after a stop; supervisors kill a box later (docs/operators.md).
STOP_WITHIN_S = 13.0

_NEW_OBJECTS = 300_000

log = logging.getLogger(__name__)


def collect_rarely() -> None:
    """Look seldom for objects that hold each other: those of a batch do not, and looking takes a tenth.

    Seldom is once there are more new ones than a batch of thousands of events has.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 50, 1000)


def is_alive(pid: int) -> bool:
    """Whether a process runs under this id; one that has ended but was not collected yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


@contextlib.contextmanager
def member_slot(folder: Path, group: str) -> Iterator[int]:
    """The lowest number that no other process of this group holds in the folder: makes a static member's id.

    A process that is started again takes the number of the one that died, and so its partitions, without a rebalance.
    """
    slots = folder / "slots"
    slots.mkdir(parents=True, exist_ok=True)
    for number in itertools.count():
        lock = (slots / f"{group}-{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        with lock:
            yield number
        return


@contextlib.contextmanager
def member_instance(folder: Path, group: str) -> Iterator[str]:
    """The id of a static member of the group: by host, folder and slot, so that no two folders of a host share one."""
    with member_slot(folder, group) as number:
        yield f"{group}-{socket.gethostname()}-{folder_id(folder)}-{number}"


def folder_id(folder: Path) -> str:
    """The same for a folder at every call, and another one for every other folder, a copy of it included."""
    note = folder / "slots" / "folder-id"
    note.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        # Under its name at once and whole: of two processes that start together, one makes it.
        draft = note.with_name(f"folder-id.{os.getpid()}")
        draft.write_text(secrets.token_hex(8))
        try:
            os.link(draft, note)
        finally:
            draft.unlink()
    seed = f"{note.read_text()} {folder.stat().st_ino}"
    return hashlib.sha256(seed.encode()).hexdigest()[:8]


def run_until_stopped(
    main: Callable[[asyncio.Event], Awaitable[int]],
    *,
    watchdog: Watchdog | None = None,
    stop_within_s: float = STOP_WITHIN_S,
) -> int:
    """The exit code of `main`, which runs on a fresh event loop; its event is set by SIGTERM and SIGINT.

    Once `main` has returned nothing is left to be kept: threads that still compute do not hold the process up. Nor does
    anything else for longer than `stop_within_s` after the signal.
    """
    timers: list[threading.Timer] = []

    async def run() -> int:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()

        def ask_to_stop() -> None:
            if not stop.is_set():
                timers.append(end_within(stop_within_s))
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ask_to_stop)
        if watchdog:
            watchdog.follow(loop)
            watchdog.start()
        try:
            code = await main(stop)
        finally:
            if watchdog:
                watchdog.stop()
        timers.append(_end_later(THREADS_WITHIN_S, code))
        return code

    try:
        return asyncio.run(run())
    finally:
        for timer in timers:
            timer.cancel()


def end_within(seconds: float) -> threading.Timer:
    """End the process as stopped (0) after so long, whatever it waits for; what it did not commit is read again."""
    return _end_later(
        seconds, OK, f"not all could be ended within {seconds:.0f} s of the stop: the next start repeats it"
    )


def _end_later(seconds: float, code: int, warning: str = "") -> threading.Timer:
    """End the process then: asyncio would wait for each thread, such as a report's, however long it takes."""

    def end() -> None:
        if warning:
            log.warning(warning)
        os._exit(code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return timer
