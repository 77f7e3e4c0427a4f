"""`fixtrail demo`: the whole stack, today so far played fast, a live view of the centers, a summary; then it goes on.

The simulated workshops are where it is the middle of the afternoon: there are customers whenever the demo is started.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson

from fixtrail.demo.car import page_of, start_car
from fixtrail.demo.staff import board_lines, write_targets
from fixtrail.demo.view import centers_table, orders_now, summary_lines
from fixtrail.settings import ClickHouseSettings, KafkaSettings, SendingSettings, WebSettings
from runtime.failure import ExitError

if TYPE_CHECKING:
    from fixtrail.simulator.scenario import Scenario

SCENARIO = "quiet-day"
# The world's pace times this: a working day in some 40 seconds, or in 15 where nobody looks.
WATCHED_SPEED, UNWATCHED_SPEED = 900.0, 2400.0
LONGEST_PAUSE_S = 0.2
AFTERNOON = 15
LOOK_EVERY_S = 0.5
START_LIMIT_S = 120.0
IDLE_LIMIT_S = 60.0
STOP_LIMIT_S, STOP_INTERRUPTED_S = 60.0, 2.0

ReadSettings = Callable[[], WebSettings]


@dataclass(frozen=True, slots=True)
class _Day:
    scenario: "Scenario"
    seed: int
    days: int
    centers: int | None
    start: datetime


@dataclass(slots=True)
class _Playing:
    """How far the simulated day is; written by the thread that plays it."""

    at: datetime
    events: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None


def run_demo(
    folder: Path, read_settings: ReadSettings, *, once: bool, days: int, centers: int | None, seed: int
) -> int:
    """The exit code; without `once` the stack stays up until Ctrl-C. `folder` is emptied first.

    `read_settings` is called once the stack is up.

    Raises ExitError where the folder holds something else, or the stack does not come up.
    """
    from rich.console import Console

    console = Console()
    _empty(folder)
    console.print(f"Starting broker, ClickHouse and the boxes in {folder} …")
    began = time.monotonic()
    with _stack(folder, read_settings) as settings:
        zone = afternoon_zone(datetime.now(UTC))
        played = _loaded(zone.key)
        start = _midnight(zone, days - 1)
        console.print(f"Up after {time.monotonic() - began:.1f} s. Playing {days} simulated day(s) up to now …")
        _load_centers(settings, played, centers, start, folder)
        car = start_car(settings, played.center[0].id, quick=once)
        console.print(
            f"A customer's tracking page, live: [bold]{page_of(settings, played.center[0].id)}[/bold]", soft_wrap=True
        )
        for line in board_lines(settings):
            console.print(line, soft_wrap=True)
        _play_and_watch(settings, console, _Day(played, seed, days, centers, start), zone, once=once)
        if once:
            car.join()
        _wait_until_stored(settings)
        for line in summary_lines(settings):
            console.print(line)
        print(_look_further(folder, running=not once))
        if not once:
            console.print("The day goes on as it comes, live on the board; Ctrl-C stops it all.")
            threading.Event().wait()
    return 0


def _empty(folder: Path) -> None:
    """Remove an earlier demo's folder. Raises ExitError for one that is no demo's, or in use."""
    if not folder.exists():
        return
    if any(folder.iterdir()) and not (folder / "stack.lock").exists():
        raise ExitError(f"{folder} is not empty and was not made by `fixtrail demo`: name another --data")
    from fixtrail.local.data_folder import locked

    with locked(folder):
        shutil.rmtree(folder)


@contextlib.contextmanager
def _stack(folder: Path, read_settings: ReadSettings) -> Iterator[WebSettings]:
    """The settings of a stack that runs as long as this lasts."""
    command = [sys.executable, "-P", "-m", "fixtrail.local.child", str(os.getpid()), "fixtrail", "up"]
    process = subprocess.Popen(
        [*command, "--data", str(folder), "--ports", "auto"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "FIXTRAIL_TARGETS": str(write_targets(folder))},
    )
    output = _Listener(process.stdout)
    try:
        if not output.wait_for("ready", START_LIMIT_S):
            raise ExitError("the stack did not come up:\n" + "\n".join(output.lines))
        yield read_settings()
    except KeyboardInterrupt:
        _end(process, STOP_INTERRUPTED_S)
        raise
    finally:
        _end(process, STOP_LIMIT_S)


def _end(process: subprocess.Popen[str], limit_s: float) -> None:
    """Stop the stack in order; one that does not end in time is killed, and its children end by themselves."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(limit_s)
        process.kill()
        process.wait()


class _Listener:
    """Keeps what a process says, so that its pipe never fills up."""

    def __init__(self, output: IO[str] | None) -> None:
        self.lines: list[str] = []
        self._output = output
        self._changed = threading.Condition()
        self._ended = False
        threading.Thread(target=self._listen, daemon=True).start()

    def wait_for(self, line: str, limit_s: float) -> bool:
        """Whether the line comes in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or line in self.lines, limit_s)
            return line in self.lines

    def _listen(self) -> None:
        for line in self._output or ():
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def _loaded(zone: str) -> "Scenario":
    """The scenario with its centers in a time zone."""
    from fixtrail.simulator.scenario import load_scenario

    scenario = load_scenario(SCENARIO)
    return scenario.model_copy(
        update={"center": tuple(center.model_copy(update={"time_zone": zone}) for center in scenario.center)}
    )


def afternoon_zone(now: datetime) -> ZoneInfo:
    """A zone without summer time in which it is between 15:00 and 16:00."""
    ahead = (AFTERNOON - now.astimezone(UTC).hour + 11) % 24 - 11
    # POSIX counts the hours behind.
    return ZoneInfo(f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT")


def _midnight(zone: ZoneInfo, days: int) -> datetime:
    """Today's local midnight, or that of so many days before."""
    local = datetime.now(UTC).astimezone(zone) - timedelta(days=days)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def _load_centers(
    settings: ClickHouseSettings, scenario: "Scenario", centers: int | None, start: datetime, folder: Path
) -> None:
    from fixtrail.clickhouse.admin import load_centers
    from fixtrail.simulator.command import write_centers

    file = folder / "centers.toml"
    write_centers(file, scenario, centers, start)
    load_centers(settings, file)


def _play_and_watch(settings: WebSettings, console: Any, day: _Day, zone: ZoneInfo, *, once: bool) -> None:
    """Play the day on a thread of its own up to now and show the centers meanwhile; the thread goes on, unless once."""
    from rich.live import Live

    speed = WATCHED_SPEED if console.is_terminal else UNWATCHED_SPEED
    playing = _Playing(day.start)
    player = threading.Thread(target=_play, args=(settings, day, speed, playing, once), daemon=True)
    player.start()
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            while not playing.done.wait(LOOK_EVERY_S):
                now = playing.at
                live.update(centers_table(settings, now, now.astimezone(zone), playing.events), refresh=True)
    else:
        while not playing.done.wait(4 * LOOK_EVERY_S):
            at = playing.at.astimezone(zone)
            console.print(f"{at:%H:%M}  {playing.events:>6,} events sent, {orders_now(settings)}")
    if once:
        player.join()
    if playing.error:
        raise playing.error


class _UpToNowError(Exception):
    """The next event lies in the future."""


def _play(settings: SendingSettings, day: _Day, speed: float, playing: _Playing, once: bool) -> None:
    """Send the day's events; those that have not happened yet when they happen, or, with `once`, never."""
    from fixtrail.sending.send import send_from
    from fixtrail.simulator.command import write_events

    def play(send: Callable[[bytes, bytes], object]) -> object:
        def sent_on(value: bytes, key: bytes) -> None:
            at = datetime.fromisoformat(orjson.loads(value)["occurred_at"])
            if (ahead_s := (at - datetime.now(UTC)).total_seconds()) > 0:
                if once:
                    raise _UpToNowError
                playing.done.set()
                time.sleep(ahead_s)
            send(value, key)
            playing.events += 1
            # Late ones must not turn the clock back.
            playing.at = max(playing.at, at)

        run = (day.scenario, day.seed, day.days, day.centers, day.start)
        with contextlib.suppress(_UpToNowError):
            return write_events(None, *run, speed, sent_on, longest_pause_s=LONGEST_PAUSE_S)
        return None

    try:
        _, sent = asyncio.run(send_from(settings, play))
        if not sent.complete:
            raise ExitError(f"not all events were acknowledged: {sent.error}")
    except BaseException as error:
        playing.error = error
    finally:
        playing.done.set()


def _wait_until_stored(settings: KafkaSettings) -> None:
    from fixtrail.operations.status import behind_text, wait_idle

    late = asyncio.run(wait_idle(settings, IDLE_LIMIT_S))
    if late:
        raise ExitError(f"the events did not reach ClickHouse within {IDLE_LIMIT_S:.0f} s: {behind_text(late)}")


def _look_further(folder: Path, *, running: bool) -> str:
    where = f"--data {folder}"
    up = "" if running else f"\n  .venv/bin/fixtrail up {where} --ports auto      (the same data again)"
    return f"""
Look further:{up}
  .venv/bin/fixtrail status {where}
  .venv/bin/fixtrail sql {where} "SELECT * FROM orders ORDER BY wait_s DESC LIMIT 5"
  .venv/bin/fixtrail sql {where} "SELECT activity, sum(seconds) / 60 AS minutes FROM stages GROUP BY 1 ORDER BY 2 DESC"
  .venv/bin/fixtrail verify {where}
"""
