"""`fixtrail import` and `fixtrail simulate`: events from another system's log, or from workshops that do not exist."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from fixtrail.sending.send import Sent, open_sender, send_from
from fixtrail.settings import SendingSettings
from fixtrail.terminal.progress_bars import share_bar, text_bar
from runtime.failure import NEGATIVE, USAGE, ExitError, exit_on
from schemas.event_topics import REFERENCE
from schemas.toml_file import TomlFileError

if TYPE_CHECKING:
    from fixtrail.imports.report import ImportReport

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class ImportRun:
    """Which log to read by which mapping; without `dry_run` its events go to Kafka, or to `out` where that is given."""

    log: Path
    mapping: Path
    dry_run: bool
    out: Path | None
    rejects: Path | None


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """What to play; None leaves it to the scenario."""

    scenario: str
    seed: int
    days: int | None
    centers: int | None
    start: datetime | None
    speed: float | None


def run_import(settings: SendingSettings, run: ImportRun, *, as_json: bool, say: Say) -> int:
    """Send the events of a log and print the report; the exit code, 1 where not all of them arrived.

    Raises ExitError where the mapping or the log cannot be used.
    """
    from fixtrail.imports.errors import LogError
    from fixtrail.imports.report_lines import report_lines

    with exit_on(TomlFileError, LogError):
        report, sent = asyncio.run(_import(settings, run))
    if as_json:
        say(report.model_dump_json(indent=2))
    else:
        for line in report_lines(report):
            say(line)
        say("nothing was sent (dry run)" if run.dry_run else _result_text(sent) if sent else f"written to {run.out}")
    return 0 if sent is None or sent.complete else NEGATIVE


def suggest_to(log: Path, target: Path | None, say: Say) -> None:
    """Write a first mapping for a log to a file, or say it. Raises ExitError."""
    from fixtrail.imports.errors import LogError
    from fixtrail.imports.suggest import suggest_mapping

    with exit_on(LogError):
        text = suggest_mapping(log)
    if target is None or str(target) == "-":
        say(text.rstrip("\n"))
        return
    if target.exists():
        raise ExitError(f"{target} exists already; name another file", USAGE)
    target.write_text(text, encoding="utf-8")
    say(f"{target} written: read it, then try it with --dry-run")


async def _import(settings: SendingSettings, run: ImportRun) -> "tuple[ImportReport, Sent | None]":
    from fixtrail.imports.mapping import load_mapping
    from fixtrail.imports.run import import_log

    mapping = load_mapping(run.mapping)
    with rejects_file(run.rejects) as rejects, share_bar("importing") as moved:
        if run.dry_run:
            return await import_log(run.log, mapping, None, moved, rejects), None
        if run.out is not None:
            with run.out.open("wb") as file:
                return await import_log(run.log, mapping, _to_file(file.write), moved, rejects), None
        async with open_sender(settings, mapping.topic) as lanes:
            report = await import_log(run.log, mapping, lanes.put, moved, rejects)
        return report, lanes.sent


@contextlib.contextmanager
def rejects_file(path: Path | None) -> Iterator[TextIO | None]:
    """The file for the rows that an import refuses, where one is asked for."""
    if path is None:
        yield None
    else:
        with path.open("w", encoding="utf-8") as file:
            yield file


def _to_file(write: Callable[[bytes], object]) -> Callable[[bytes, bytes], Awaitable[None]]:
    async def put(value: bytes, _: bytes) -> None:
        write(value + b"\n")

    return put


def run_simulation(settings: SendingSettings, run: SimulatedRun, *, out: Path | None, say: Say) -> int:
    """Send the events of a run, or write them to `out`; the exit code. Raises ExitError for an unusable scenario."""
    from fixtrail.simulator.command import SimulationSummary, write_events

    with text_bar("simulating") as show:

        def play(send: Callable[[bytes, bytes], object] | None) -> SimulationSummary:
            return write_events(
                out,
                run.scenario,
                run.seed,
                run.days,
                run.centers,
                run.start,
                run.speed,
                send,
                lambda events, at: show(f"{events:,} events, {at:%Y-%m-%d %H:%M}"),
            )

        with exit_on(TomlFileError):
            if out is not None:
                counts, sent = play(None), None
            else:
                counts, sent = asyncio.run(send_from(settings, play))
    if str(out) != "-":
        span = f", {counts.first_arrival:%Y-%m-%d} to {counts.last_arrival:%Y-%m-%d}" if counts.events else ""
        say(f"{counts.events:,} events of {counts.orders:,} orders{span}")
        say(_result_text(sent) if sent else f"written to {out}")
    return 0 if sent is None or sent.complete else NEGATIVE


def run_reference_simulation(settings: SendingSettings, run: SimulatedRun, *, out: Path | None, say: Say) -> int:
    """Send the reference events of a run, or write them to `out`; the exit code. Raises ExitError."""
    from fixtrail.simulator.command import write_reference_events

    def play(send: Callable[[bytes, bytes], object] | None) -> int:
        return write_reference_events(out, run.scenario, run.seed, run.days, run.centers, run.start, send)

    with exit_on(TomlFileError):
        number, sent = (play(None), None) if out is not None else asyncio.run(send_from(settings, play, REFERENCE))
    if str(out) != "-":
        say(f"{number:,} reference events")
        say(_result_text(sent) if sent else f"written to {out}")
    return 0 if sent is None or sent.complete else NEGATIVE


def write_beside(run: SimulatedRun, *, truth: Path | None, centers: Path | None) -> None:
    """Write what the run has planted, and the reference data of its centers, where a file is named.

    Raises ExitError where the run has no fixed start: it would belong to another run; and where a scenario or a file
    cannot be used.
    """
    from fixtrail.simulator.command import write_centers, write_truth

    if (truth or centers) and run.start is None:
        raise ExitError("--truth and --centers-out need --start: what they say depends on it", USAGE)
    try:
        if truth and run.start:
            write_truth(truth, run.scenario, run.seed, run.days, run.centers, run.start)
        if centers and run.start:
            write_centers(centers, run.scenario, run.centers, run.start)
    except TomlFileError as error:
        raise ExitError(str(error)) from None
    except OSError as error:
        raise ExitError(f"{error.filename} cannot be written: {error.strerror}") from None


def _result_text(sent: Sent) -> str:
    if sent.complete:
        return f"{sent.acknowledged:,} events acknowledged"
    return f"only {sent.acknowledged:,} events were acknowledged: {sent.error}. Do it again: the ids are the same"
