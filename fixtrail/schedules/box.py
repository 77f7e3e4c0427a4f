"""The reports box: looks at its schedules, computes the pack that is due, and sends it once to each channel.

What was due while no box ran is made up for once, with a line that says so. A pack that was told for a period stays the
one of that period: another schedule sends the same file.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from fixtrail.packs.asking import AsOf
from fixtrail.packs.command import read_targets_of
from fixtrail.packs.compute import Pack, PackRequest, compute_pack
from fixtrail.packs.files import PACK, write_files
from fixtrail.packs.history import record_pack
from fixtrail.packs.pdf import chromium, print_pdf
from fixtrail.packs.period import PackPeriod
from fixtrail.packs.verify import read_pack
from fixtrail.schedules import ledger
from fixtrail.schedules.config import ReportsConfig, Schedule
from fixtrail.schedules.due import Occurrence, last_due
from fixtrail.schedules.ledger import PackSend
from fixtrail.schedules.telling import late_note, message_of, open_report_channel, outcome_of, texts_of
from fixtrail.settings import ReportSettings
from runtime.crash_point import crash_point
from runtime.failure import BUG, OK, ExitError
from runtime.progress import Progress
from runtime.store import StoreUnavailableError
from sinks.push.channel import Channel

log = logging.getLogger(__name__)

TICK_S = 5.0
# While ClickHouse or the ledger is away.
OUTAGE_PAUSE_S = 30.0


@dataclass(frozen=True, slots=True)
class ReportsBoxConfig:
    """What the box needs to know. `ledger` is the DSN of the push ledger, `folder` where packs are kept."""

    settings: ReportSettings
    reports: ReportsConfig
    ledger: str
    folder: Path
    instance: str
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


async def run_reports(config: ReportsBoxConfig, stop: asyncio.Event, progress: Progress) -> int:
    """Send what is due until `stop` is set; the exit code of the process."""
    channels = {name: open_report_channel(name, section) for name, section in config.reports.channels.items()}
    box = ReportsBox(config, channels, progress)
    try:
        await box.run(stop)
        return OK
    except Exception:
        log.exception("the reports box failed")
        return BUG
    finally:
        for channel in channels.values():
            await channel.close()


class ReportsBox:
    """The schedules, and what was sent of them."""

    def __init__(self, config: ReportsBoxConfig, channels: Mapping[str, Channel], progress: Progress) -> None:
        self._config, self._channels, self._progress = config, channels, progress
        # Prometheus sees no increase in a first value.
        for channel in ("", *channels):
            for state in ("REJECTED", "UNKNOWN", "EXPIRED"):
                progress.counts["packs", channel, state] = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Look at the schedules again and again."""
        while not stop.is_set():
            pause_s = TICK_S
            try:
                await self.tick(stop)
                self._progress.ready, self._progress.outages = True, 0
                self._progress.waits.clear()
            except (ExitError, StoreUnavailableError) as error:
                self._progress.waits[self] = reason = f"nothing can be sent now: {str(error).splitlines()[0]}"
                log.warning(reason)
                self._progress.ready, self._progress.outages = False, 1
                pause_s = OUTAGE_PAUSE_S
            self._progress.moved += 1
            try:
                await asyncio.wait_for(stop.wait(), pause_s)
            except TimeoutError:
                continue

    async def tick(self, stop: asyncio.Event) -> None:
        """Send what is due. Raises ExitError where ClickHouse, StoreUnavailableError where the ledger is away.

        A schedule whose pack cannot be had holds up no other one.
        """
        now, failure = self._config.clock(), None
        for schedule, occurrence, pending in await asyncio.to_thread(self._due, now):
            if stop.is_set():
                return
            try:
                pack, files = await asyncio.to_thread(self._pack, schedule, occurrence.period)
            except ExitError as error:
                failure = error
                continue
            for send in pending:
                await self._send(schedule, occurrence, send, pack, files)
        if failure is not None:
            raise failure

    def _due(self, now: datetime) -> list[tuple[Schedule, Occurrence, list[PackSend]]]:
        """What is due and not sent yet."""
        due = []
        with ledger.opened_ledger(self._config.ledger) as store:
            self._count("UNKNOWN", ledger.cut_off(store, self._config.instance, _ms(now)))
            for schedule in self._config.reports.schedule:
                since = ledger.first_known(store, schedule.name, _ms(now))
                occurrence = last_due(schedule, self._config.reports, now)
                if occurrence is None or _ms(occurrence.due) < since:
                    continue
                sends = [self._planned(schedule, occurrence, name) for name in schedule.to]
                if pending := [send for send in sends if ledger.is_pending(store, send.id, _ms(now))]:
                    due.append((schedule, occurrence, pending))
        return due

    def _planned(self, schedule: Schedule, occurrence: Occurrence, channel: str) -> PackSend:
        period = occurrence.period
        key = f"{schedule.name}/{period.kind}/{period.until}/{schedule.form}/{channel}"
        return PackSend(
            key, schedule.name, period.kind, period.until.isoformat(), str(schedule.form), channel, _ms(occurrence.due)
        )

    def _pack(self, schedule: Schedule, period: PackPeriod) -> tuple[Pack, tuple[Path, ...]]:
        """The pack that was told for the period, or a new one; and the files that go with the schedule's form."""
        folder = self._config.folder / f"{period.kind}-{period.until}"
        if not (folder / PACK).exists():
            targets, targets_sha256 = read_targets_of(self._config.settings.targets)
            request = PackRequest(period, targets, targets_sha256)
            asking = AsOf(self._config.settings, self._answered)
            write_files(compute_pack(asking, request, self._config.clock()), folder)
        pack = read_pack(folder / PACK)
        record_pack(self._config.settings, pack, schedule.name)
        if schedule.form == 3:
            return pack, ()
        page = folder / f"{schedule.form}-{schedule.locale}.html"
        pdf = self._printed(page) if schedule.pdf else None
        files = [pdf] if pdf else [page] if schedule.form == 30 else []
        return pack, (*files, folder / PACK)

    def _printed(self, page: Path) -> Path | None:
        """The page as PDF; None where that cannot be had, which keeps no report from going."""
        pdf = page.with_suffix(".pdf")
        if not pdf.exists() and chromium() is not None:
            try:
                print_pdf(page, pdf)
            except ExitError as error:
                log.warning("the page goes as HTML: %s", error)
            self._answered()
        return pdf if pdf.exists() else None

    async def _send(
        self, schedule: Schedule, occurrence: Occurrence, send: PackSend, pack: Pack, files: tuple[Path, ...]
    ) -> None:
        """Claim, call, and note what became of it."""
        now = self._config.clock()
        claimed = replace(send, sha256=pack["sha256"], owner=self._config.instance, intent_at=_ms(now))
        begun = await asyncio.to_thread(self._claim, claimed)
        if begun is None:
            return
        first_call, calls = begun
        crash_point("reports.intent")
        texts = texts_of(pack, schedule, late_note(occurrence.due, now, schedule.locale))
        message = message_of(send.id, schedule, texts, send.due_at, files)
        answer = await self._channels[send.channel].send(message)
        crash_point("reports.sent")
        state, reason, pause_s = outcome_of(answer, (_ms(now) - first_call) / 1000, calls)
        retry_at = _ms(self._config.clock()) + round(pause_s * 1000)
        await asyncio.to_thread(self._finish, send.id, state, reason, retry_at)
        self._count(state, 1, send.channel)
        log.info("pack %s: %s", state.lower(), reason or "ok", extra={"send": send.id, "sha256": pack["sha256"][:12]})

    def _claim(self, send: PackSend) -> tuple[int, int] | None:
        with ledger.opened_ledger(self._config.ledger) as store:
            return ledger.claim(store, send)

    def _finish(self, send_id: str, state: str, reason: str, retry_at: int) -> None:
        with ledger.opened_ledger(self._config.ledger) as store:
            ledger.finish(store, send_id, state, reason, retry_at)

    def _answered(self) -> None:
        self._progress.moved += 1

    def _count(self, state: str, number: int, channel: str = "") -> None:
        if number:
            self._progress.counts["packs", channel, state] += number


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
