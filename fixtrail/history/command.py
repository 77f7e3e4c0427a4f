"""`fixtrail send --history` and `import --history`: what a run needs before it may begin, and what it has done."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

from fixtrail.history.judging import Judging
from fixtrail.history.kafka import open_stream, wait_level
from fixtrail.history.plan import Counts, HistoryPlan
from fixtrail.history.reading import HistoryFile
from fixtrail.history.run import HistoryRun
from fixtrail.history.store import HistoryStore, StoredVehicles
from fixtrail.settings import HistorySettings
from fixtrail.terminal.progress_bars import bytes_bar, share_bar
from runtime.failure import NEGATIVE, OK, REFUSED, USAGE, ExitError
from runtime.process import collect_rarely
from schemas.times import DAY_MS, from_ms
from streams.worker.intake import LONGEST_RUN, SHARE

# A slice of many events may take its time on a busy machine.
_PATIENCE_S = 3600

Fill = Callable[[HistoryFile], Awaitable[None]]


@dataclass(slots=True)
class HistoryReport:
    """What went which way; `refused` counts lines that are no event by code, `hours` the center hours written.

    `too_long` names lines that Kafka does not take.
    """

    dry_run: bool
    lines: int = 0
    empty: int = 0
    too_long: list[int] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    hours: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """One level, for scripts."""
        values = asdict(self)
        return {**{name: value for name, value in values.items() if name != "counts"}, **values["counts"]}

    def text(self) -> Iterator[str]:
        """Lines for a person."""
        counts, would = self.counts, "would go" if self.dry_run else "went"
        yield f"{self.lines:,} lines in {self.seconds:.1f} s"
        yield (
            f"  {counts.history_events:,} events of {counts.history_orders:,} orders, {counts.history_vehicles:,} "
            f"vehicles {would} straight into ClickHouse"
        )
        if counts.again:
            yield f"  {counts.again:,} of these vehicles came as history before: they end as they were"
        yield f"  {counts.streamed_events:,} events of {counts.streamed_vehicles:,} vehicles {would} through the stream"
        if counts.known_vehicles:
            yield f"  {counts.known_vehicles:,} of these vehicles were known already"
        if self.too_long:
            yield f"  not sent, longer than 8 MiB: line {', '.join(map(str, self.too_long[:10]))}"
        for code, number in sorted(self.refused.items()):
            yield f"  {number:,} lines are no event: {code}"
        if self.dry_run:
            yield "nothing was written or sent (dry run)"


async def run_history(settings: HistorySettings, fill: Fill, *, dry_run: bool) -> HistoryReport:
    """Send what `fill` puts into the file. Raises ExitError where that cannot be, and where not all of it arrived.

    Doing it again ends in the same rows, also after a run that was ended in between.
    """
    began = time.monotonic()
    _require_usable(settings)
    collect_rarely()
    with _clickhouse_errors():
        report = await _run(settings, fill, dry_run)
    report.seconds = round(time.monotonic() - began, 3)
    return report


async def _run(settings: HistorySettings, fill: Fill, dry_run: bool) -> HistoryReport:
    client, stored = _stored(settings)
    clocks = stored.clocks(await wait_level(settings))
    judging = Judging(
        settings.secret(),
        partitions=len(clocks),
        read_ms=time.time_ns() // 1_000_000,
        max_bytes=settings.max_record_bytes,
        ahead_ms=settings.max_ahead_s * 1000,
        clear_staff=settings.staff_ids == "clear",
    )
    with HistoryFile(judging, dict(clocks)) as file:
        await fill(file)
        file.end()
        _require_good(settings, file, judging.read_ms)
        plan = HistoryPlan(file, stored, settings.hold_days)
        report = HistoryReport(dry_run, file.lines, file.empty, file.too_long, dict(file.codes), plan.counts)
    if dry_run:
        list(plan.buckets())
        return report
    with share_bar("writing") as moved, HistoryStore(client) as store:
        run = HistoryRun(plan, store, moved)
        async with open_stream(settings) as stream:
            await run.run(stream, judging.read_ms, clocks)
    report.hours = run.hours
    return report


def show(report: HistoryReport, say: Callable[[str], object], *, as_json: bool) -> int:
    """Say what was done; the exit code, 1 where a line was not sent."""
    if as_json:
        import orjson

        say(orjson.dumps(report.as_json()).decode())
    else:
        for line in report.text():
            say(line)
    return NEGATIVE if report.too_long else OK


def read_lines(source: BinaryIO, size: int | None) -> Fill:
    """Puts the lines of a file into a run; `size` in bytes, where it is known."""

    async def fill(file: HistoryFile) -> None:
        with bytes_bar("reading", size) as moved:
            for line in source:
                file.add(line.removesuffix(b"\n"))
                moved(len(line))

    return fill


def _stored(settings: HistorySettings) -> tuple[Any, StoredVehicles]:
    from fixtrail.clickhouse.admin import writing_client

    client = writing_client(settings, timeout_s=_PATIENCE_S)
    stored = StoredVehicles(client)
    if not stored.is_migrated:
        raise ExitError("ClickHouse lacks the table for history: run `fixtrail migrate`", REFUSED)
    return client, stored


def _require_usable(settings: HistorySettings) -> None:
    """Raise ExitError (2) for settings with which rows of history would not be what they must be."""
    if settings.keep_free_text:
        raise ExitError(
            "FIXTRAIL_KEEP_FREE_TEXT is on: what a customer has written could not be found again by `fixtrail person "
            "erase` where it came past Kafka. Send it without --history",
            USAGE,
        )


def _require_good(settings: HistorySettings, file: HistoryFile, read_ms: int) -> None:
    """Raise ExitError where as much is refused as stops a worker, or where ClickHouse would delete at once."""
    refused = file.codes.total()
    if settings.dead_letter_limits and refused >= LONGEST_RUN and refused > SHARE * file.lines:
        raise ExitError(
            f"{refused:,} of {file.lines:,} lines are no event, more than {SHARE:.0%}: nothing was written. Look at "
            "them with `fixtrail send FILE --check`; if they are really to be dead letters, set "
            "FIXTRAIL_DEAD_LETTER_LIMITS=false"
        )
    days = settings.clickhouse_days
    if days and file.first_ms is not None and file.first_ms < read_ms - days * DAY_MS:
        raise ExitError(
            f"the first event is of {from_ms(file.first_ms):%Y-%m-%d}, and ClickHouse deletes what is older than "
            f"{days} days (FIXTRAIL_CLICKHOUSE_DAYS): its hours could not be added up. Leave out what is older",
            USAGE,
        )


@contextmanager
def _clickhouse_errors() -> Iterator[None]:
    from clickhouse_connect.driver.exceptions import ClickHouseError

    try:
        yield
    except ClickHouseError as error:
        reason = str(error).splitlines()[0][:500]
        raise ExitError(f"ClickHouse did not take everything: {reason}. Do it again: nothing counts twice") from None
