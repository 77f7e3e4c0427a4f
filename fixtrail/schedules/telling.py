"""Sends a pack in one form to one channel: the texts of the message, and what its answer means for the ledger."""

import html
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fixtrail.packs import pages, words
from fixtrail.packs.message import render_message
from fixtrail.packs.words import Pack
from fixtrail.reports.report import Locale
from fixtrail.schedules.config import ReportChannel, Schedule
from fixtrail.schedules.ledger import EXPIRED, REJECTED, RETRY, SENT, UNKNOWN
from schemas.times import DAY_S
from sinks.push.channel import Accepted, Answer, Channel, Message, NotSent, Rejected, Unclear

FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 900.0
# What a provider has not taken within so long after the first call is not sent any more.
WORTH_SENDING_S = DAY_S
# So much later than planned, a pack says so.
LATE_S = 15 * 60.0


@dataclass(frozen=True, slots=True)
class PackTexts:
    """The texts of one message to a chat or a mailbox."""

    title: str
    short: str
    html: str

    @property
    def text(self) -> str:
        """The text, which is the short one."""
        return self.short


def late_note(due: datetime, now: datetime, locale: Locale) -> str:
    """That a pack comes later than planned; nothing where it does not."""
    if (now - due).total_seconds() < LATE_S:
        return ""
    words_of_note = {"zh-CN": "补发：原定 {} 发送。", "en": "Made up for: this was planned for {}."}
    return words_of_note[locale].format(f"{due:%Y-%m-%d %H:%M}")


def texts_of(pack: Pack, schedule: Schedule, note: str) -> PackTexts:
    """The texts of a pack in the form of its schedule."""
    locale = schedule.locale
    short = render_message(pack, locale, note)
    if schedule.form == 3:
        return PackTexts(words.heading(pack, locale), short, f"<pre>{html.escape(short)}</pre>")
    return PackTexts(words.heading(pack, locale), short, pages.render_sheet(pack, locale, note))


def message_of(send_id: str, schedule: Schedule, texts: PackTexts, due_at: int, files: tuple[Path, ...]) -> Message:
    """The message of a send, with the files that go with it."""
    return Message(
        id=send_id,
        center_id="",
        order_id="",
        milestone=f"pack-{schedule.form}",
        locale=schedule.locale,
        address="ops",
        words=texts,
        link="",
        occurred_at=due_at,
        expires_at=due_at + round(WORTH_SENDING_S * 1000),
        data={},
        fields={},
        files=files,
    )


def outcome_of(answer: Answer, tried_s: float, attempts: int) -> tuple[str, str, float]:
    """(state, reason, seconds until another try) of an answer, so long after the first call and after so many."""
    match answer:
        case Accepted():
            return SENT, "", 0.0
        case Rejected(reason):
            return REJECTED, reason, 0.0
        case Unclear(reason):
            return UNKNOWN, reason, 0.0
        case NotSent(reason, retry_after_s):
            pause_s = min(FIRST_PAUSE_S * 2.0 ** min(attempts, 10), LONGEST_PAUSE_S)
            return (RETRY if tried_s < WORTH_SENDING_S else EXPIRED), reason, max(pause_s, retry_after_s or 0.0)


def open_report_channel(name: str, section: ReportChannel) -> Channel:
    """The Apprise service of a channel. Call on a running event loop."""
    from sinks.push.channels.by_apprise import ByApprise
    from sinks.push.config import AppriseSection

    options: dict[str, Any] = {"concurrency": 1, "a_second": None, "timeout_s": section.timeout_s}
    service = AppriseSection.model_construct(url=section.url, style="mail" if section.mail else "short", **options)
    return ByApprise(f"report-{name}", service)
