"""The exit codes of every command and box, and the one exception that carries one to the shell."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

OK = 0
NEGATIVE = 1
USAGE = 2
# What is asked for cannot be told from the data that there are.
UNPROVEN = 3
BUG = 70
STALLED = 75
REFUSED = 78

log = logging.getLogger(__name__)


class ExitError(RuntimeError):
    """Ends a command: the message says what to do, `exit_code` is what the shell sees. Trying again may help."""

    def __init__(self, message: str, exit_code: int = NEGATIVE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@contextmanager
def exit_on(*errors: type[Exception], code: int = NEGATIVE) -> Iterator[None]:
    """Ends the command with what one of these errors says."""
    try:
        yield
    except errors as error:
        raise ExitError(str(error), code) from None


def fail_stop(reason: str, code: int = BUG) -> NoReturn:
    """End the process at once: unfinished records are not acked, so they are read again after the restart."""
    log.critical("worker ends", extra={"reason": reason, "exit_code": code})
    os._exit(code)
