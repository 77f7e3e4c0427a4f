"""The data folder of an embedded stack: one stack at a time, and one kind of broker."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fixtrail.base_settings import KAFKA_FOLDER
from runtime.failure import REFUSED, ExitError

LOCK_FILE = "stack.lock"


def require_its_broker(folder: Path, kafka_jars: Path | None) -> None:
    """Raises ExitError where the folder's topics are in the other broker: this one would begin without any event."""
    other_folder, name = ("broker", "embedded") if kafka_jars else (KAFKA_FOLDER, "kafka")
    if (folder / other_folder).exists():
        raise ExitError(f"the topics of {folder} are in --broker {name}: say so, or name another --data", REFUSED)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; the kernel lets go of it however the process ends."""
    with (folder / LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip() or "another process"
            raise ExitError(
                f"{folder} is in use by a running stack (process {owner}): stop that one, or name another --data",
                REFUSED,
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
