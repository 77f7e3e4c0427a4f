"""What every box shares as a process: logs, health page, watchdog, stopping on a signal."""

import asyncio
import contextlib
import faulthandler
import fcntl
import itertools
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, Literal

from fixtrail.failure import STALLED

State = Literal["starting", "ready", "stopping"]

# Never in a log, whoever passes them by mistake: they are personal, or contain what is.
PERSONAL = frozenset({"vehicle_id", "customer_id", "contact", "comment", "value", "key", "headers", "password"})


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


def log_as_json(box: str, level: str) -> None:
    """Let this process log one JSON object a line on stderr, its own messages and its libraries' alike.

    An exception that ends the process or a thread is logged so, too.
    """
    import structlog

    from fixtrail.exceptions import told_exception

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(lambda exc_info: told_exception(exc_info[1])),
        _without_personal,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(_worth_reading)
    logging.basicConfig(handlers=[handler], level="DEBUG" if level == "debug" else "WARNING", force=True)
    for ours in ("fixtrail", "streams", "sinks", "schemas"):
        logging.getLogger(ours).setLevel(level.upper())
    structlog.contextvars.bind_contextvars(box=box)
    faulthandler.enable()
    log = structlog.get_logger(__name__)
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


class Watchdog:
    """Ends the process (exit code 75, all stacks dumped) when it stands still; whoever supervises starts it again.

    Standing still is: the event loop has not turned for `limit_s`, or there is work and none of it moved for as long.
    `work` says how far the work has come (any number that grows) and whether some is waiting; it is called from a
    thread of its own and must not block.
    """

    def __init__(
        self,
        limit_s: float,
        work: Callable[[], tuple[int, bool]] = lambda: (0, False),
        end: Callable[[str], object] | None = None,
    ) -> None:
        self._limit_s = limit_s
        self._work = work
        self._end = end or _end_process
        self._beat_at: float | None = None
        self._moved_at = time.monotonic()
        self._moved = 0
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def follow(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch this event loop from now on; call it on the loop's own thread."""
        self._beat_at = time.monotonic()
        if not self._stopped.is_set():
            loop.call_later(min(1.0, self._limit_s / 10), self.follow, loop)

    def stalled(self) -> str | None:
        """Why the process is held to stand still, or None while it moves."""
        now = time.monotonic()
        moved, waiting = self._work()
        if moved != self._moved or not waiting:
            self._moved, self._moved_at = moved, now
        if self._beat_at is not None and now - self._beat_at > self._limit_s:
            return f"the event loop has not turned for {now - self._beat_at:.0f} s"
        if now - self._moved_at > self._limit_s:
            return f"there is work and none of it moved for {now - self._moved_at:.0f} s"
        return None

    def _watch(self) -> None:
        while not self._stopped.wait(self._limit_s / 10):
            if reason := self.stalled():
                self._end(reason)
                return


def _end_process(reason: str) -> None:
    logging.getLogger("fixtrail.watchdog").critical("stands still, ending with exit code %d: %s", STALLED, reason)
    faulthandler.dump_traceback(all_threads=True)
    sys.stderr.flush()
    os._exit(STALLED)


class HealthPage:
    """/healthz (alive), /readyz (doing its work) and /metrics (Prometheus) of one process, served by its own thread.

    The own thread keeps it answering while the box's event loop is busy. One that is stuck is the watchdog's to end.
    """

    def __init__(self, box: str, state: Callable[[], State], host: str = "127.0.0.1", port: int = 0) -> None:
        self.port = port
        self._box = box
        self._state = state
        self._host = host
        self._served = threading.Event()
        self._failed: OSError | None = None

    def start(self) -> int:
        """The port it answers on. Raises OSError where the port is taken."""
        threading.Thread(target=lambda: asyncio.run(self._serve()), name="health", daemon=True).start()
        self._served.wait()
        if self._failed:
            raise self._failed
        return self.port

    async def _serve(self) -> None:
        from aiohttp import web

        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", _metrics)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        site = web.TCPSite(runner, self._host, self.port)
        try:
            await site.start()
            self.port = runner.addresses[0][1]
        except OSError as error:
            self._failed = error
            return
        finally:
            self._served.set()
        await asyncio.Event().wait()

    async def _healthz(self, _: Any) -> Any:
        return self._answer(lambda state: True)

    async def _readyz(self, _: Any) -> Any:
        return self._answer(lambda state: state == "ready")

    def _answer(self, well: Callable[[State], bool]) -> Any:
        from aiohttp import web

        state = self._state()
        said = {"box": self._box, "state": state, "pid": os.getpid()}
        return web.json_response(said, status=200 if well(state) else 503)


async def _metrics(_: Any) -> Any:
    from aiohttp import web
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def run_until_stopped(main: Callable[[asyncio.Event], Awaitable[int]], *, watchdog: Watchdog | None = None) -> int:
    """The exit code of `main`, which runs on a fresh event loop; its event is set by SIGTERM and SIGINT."""

    async def run() -> int:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if watchdog:
            watchdog.follow(loop)
            watchdog.start()
        try:
            return await main(stop)
        finally:
            if watchdog:
                watchdog.stop()

    return asyncio.run(run())
