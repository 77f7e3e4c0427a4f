"""Logs as JSON lines; an exception's message is logged only where it cannot hold a customer's data."""

import faulthandler
import logging
import math
import re
import sys
import threading
import time
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any

OURS = ("fixtrail", "sinks", "streams", "runtime", "schemas")
# Messages that begin alike are of one kind: which broker comes first, how long it took last. So many are remembered.
_KIND_LENGTH, _KINDS = 60, 1000

# Code that has events, facts or addresses in hand: what is raised below it may quote them.
_SEES_DATA = ("/schemas/", "/streams/journey/", "/sinks/clickhouse/", "/sinks/push/", "/fixtrail/web/")
_WITHHELD = "(message withheld, it may be personal)"


def exception_text(error: BaseException | None) -> str:
    """The tracebacks of an exception and of its causes, the first cause first."""
    chain = list(_chain(error))
    frames = ["".join(traceback.format_tb(link.__traceback__)) for link in chain]
    # One that followed from another may quote it.
    sees_data = any(part in link for part in _SEES_DATA for link in frames)
    texts = [_one_exception_text(link, above, sees_data) for link, above in zip(chain, frames, strict=True)]
    return "\nwhich led to\n".join(reversed(texts)) or "no exception"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    visited: set[int] = set()
    while error is not None and id(error) not in visited:
        visited.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _one_exception_text(error: BaseException, frames: str, sees_data: bool) -> str:
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    grouped = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    within = "".join(f"\nof which\n{exception_text(inner)}" for inner in grouped)
    return f"{frames}{kind}: {_WITHHELD if sees_data else error}{within}"


# Never logged, even if passed by mistake: these are personal, or contain personal data.
PERSONAL = frozenset({"vehicle_id", "customer_id", "contact", "comment", "value", "key", "headers", "password"})


# A customer's page under /t/, or an order's story, is opened by the token alone; a token has 34 characters and more.
_TOKEN = re.compile(r"(/(?:t|story)/)[A-Za-z0-9_-]{30,}")


def without_tokens(text: str) -> str:
    """The text with the token of every tracking link masked."""
    return _TOKEN.sub(r"\1…", text)


class FewOfAKind(logging.Filter):
    """Lets libraries say a thing once in so many seconds; the next one tells how many like it were left out.

    While a broker is away a client says so ten times a second, and asyncio a hundred times that there are no more files
    to open: what matters is lost between, and a disk is full. Other errors with an exception and our own pass.
    """

    def __init__(self, every_s: float = 10.0) -> None:
        super().__init__()
        self._every_s = every_s
        self._last: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        is_ours, error = record.name.partition(".")[0] in OURS, record.exc_info and record.exc_info[1]
        if is_ours or (error and not isinstance(error, OSError)):
            return True
        kind, now = (record.name, record.levelno, record.getMessage()[:_KIND_LENGTH]), time.monotonic()
        since, left_out = self._last.get(kind, (-math.inf, 0))
        if now - since < self._every_s:
            self._last[kind] = since, left_out + 1
            return False
        if len(self._last) >= _KINDS:
            self._last.clear()
        self._last[kind] = now, 0
        if left_out:
            record.left_out = left_out
        return True


def log_as_json(box: str, level: str) -> None:
    """Let this process log one JSON object a line on stderr, its own messages and its libraries' alike.

    An exception that ends the process or a thread is logged so, too.
    """
    import structlog

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(lambda exc_info: exception_text(exc_info[1])),
        _without_personal,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        # What a call gives as `extra` stands in its line under its own name.
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared, structlog.stdlib.add_logger_name],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
            lambda _, __, line: without_tokens(str(line)),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(_worth_reading)
    if level != "debug":
        handler.addFilter(FewOfAKind())
    logging.basicConfig(handlers=[handler], level="DEBUG" if level == "debug" else "WARNING", force=True)
    for ours in OURS:
        logging.getLogger(ours).setLevel(level.upper())
    structlog.contextvars.bind_contextvars(box=box)
    faulthandler.enable()
    log = logging.getLogger(__name__)
    sys.excepthook = lambda *exc_info: log.critical("ended by an exception", exc_info=exc_info)
    threading.excepthook = lambda args: log.critical("a thread ended by an exception", exc_info=args.exc_value)


def _worth_reading(record: logging.LogRecord) -> bool:
    """Faust logs the start and stop of every service; ours are services too and would say so under their own name."""
    return record.levelno > logging.INFO or not str(record.msg).startswith("[^")


def _without_personal(_: object, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in PERSONAL & entry.keys():
        entry[name] = "(withheld)"
    if getattr(entry.get("_record"), "name", "") == "asyncio":
        # Below its first line asyncio shows the task, and with it the exception's message.
        entry["event"] = str(entry.get("event", "")).partition("\n")[0]
    return entry
