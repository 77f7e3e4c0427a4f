"""The servers of an embedded stack, running for the length of a command."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fixtrail.settings import STACK_FILE
from runtime.failure import ExitError

START_LIMIT_S = 300.0
STOP_LIMIT_S = 150.0


@contextmanager
def running_stack(data: Path) -> Iterator[None]:
    """`fixtrail up --no-boxes` on free ports, stopped at the end. Raises ExitError where it does not start."""
    command = [sys.executable, "-m", "fixtrail", "up", "--data", str(data), "--ports", "auto", "--no-boxes"]
    up = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while not (data / STACK_FILE).exists():
            if up.poll() is not None or time.monotonic() > deadline:
                raise ExitError(f"the stack of {data} does not start: see {data / 'logs'}")
            time.sleep(0.2)
        yield
    finally:
        if up.poll() is None:
            up.send_signal(signal.SIGTERM)
            up.wait(STOP_LIMIT_S)
