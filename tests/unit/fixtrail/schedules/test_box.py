"""Each pack goes once to each channel; what was missed is made up for once and says so; an outage is tried again."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtrail.packs.files import write_files
from fixtrail.schedules import box as boxes
from fixtrail.schedules import ledger
from fixtrail.schedules.box import ReportsBox, ReportsBoxConfig
from fixtrail.schedules.config import ReportsConfig
from fixtrail.schedules.ledger import PackSend
from fixtrail.settings import ReportSettings
from runtime.failure import ExitError
from runtime.progress import Progress
from sinks.push.channel import Accepted, Answer, Message, NotSent, Rejected, Traits, Unclear
from tests.told_packs import full_pack

# A Friday.
FRIDAY = datetime(2026, 7, 10, 9, 0, tzinfo=UTC)
FIRST_SEEN = FRIDAY - timedelta(days=1)


class Chat:
    """A channel that gives these answers, and then accepts."""

    name = "chat"
    traits = Traits(style="short")

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.messages = list(answers), list[Message]()

    async def send(self, message: Message) -> Answer:
        self.messages.append(message)
        return self.answers.pop(0) if self.answers else Accepted()


class Office:
    """A box with a clock of its own, over a ledger that stays when the box is another one."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CHAT", "json://127.0.0.1/")
        self.folder, self.now, self.chat, self.progress = folder, FIRST_SEEN, Chat(), Progress()
        self.computed = 0
        monkeypatch.setattr(boxes, "compute_pack", self._compute)
        monkeypatch.setattr(boxes, "record_pack", lambda *_: 1)
        monkeypatch.setattr(boxes, "chromium", lambda: None)

    def _compute(self, *_: object) -> dict[str, Any]:
        self.computed += 1
        return full_pack(self.folder)

    def box(self, owner: str = "box-0", **changed: Any) -> ReportsBox:
        """A box that has just started, with one schedule."""
        return self.box_of(changed, owner=owner)

    def box_of(self, *schedules: dict[str, Any], owner: str = "box-0") -> ReportsBox:
        """A box that has just started, with these schedules."""
        schedule = {"name": "vp", "when": "fri 17:00", "period": "week", "form": 3, "to": ["chat"], "locale": "en"}
        reports = ReportsConfig.model_validate(
            {
                "channels": {"chat": {"url": "env:CHAT", "mail": True}},
                "schedule": [{**schedule, **changed} for changed in schedules],
            }
        )
        config = ReportsBoxConfig(
            ReportSettings(data=self.folder), reports, self.dsn, self.folder / "packs", owner, lambda: self.now
        )
        return ReportsBox(config, {"chat": self.chat}, self.progress)  # type: ignore[dict-item]

    @property
    def dsn(self) -> str:
        return f"sqlite:///{self.folder / 'push.sqlite3'}"

    def tick(self, box: ReportsBox, at: datetime) -> None:
        self.now = at
        asyncio.run(box.tick(asyncio.Event()))

    def sends(self) -> list[PackSend]:
        with ledger.opened_ledger(self.dsn) as store:
            return ledger.all_sends(store)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def test_a_pack_is_sent_once_when_it_is_due(office: Office):
    box = office.box()
    for minutes in (-60, -1, 0, 1, 60):
        office.tick(box, FRIDAY + timedelta(minutes=minutes))
    office.tick(office.box("box-1"), FRIDAY + timedelta(hours=2))

    (message,) = office.chat.messages
    assert "Made up" not in message.words.short
    (send,) = office.sends()
    assert (send.state, send.until, send.channel) == ("SENT", "2026-07-09", "chat")
    assert office.computed == 1


def test_what_was_due_before_the_schedule_was_known_was_never_asked_for(office: Office):
    office.tick(office.box(), FRIDAY + timedelta(days=2))

    assert office.chat.messages == []


def test_what_was_missed_is_made_up_for_once_and_says_so(office: Office):
    office.tick(office.box(), FIRST_SEEN)
    late = office.box()
    for hours in (40, 41):
        office.tick(late, FRIDAY + timedelta(hours=hours))

    (message,) = office.chat.messages
    assert "Made up for: this was planned for 2026-07-10 17:00." in message.words.short


def test_after_weeks_only_the_newest_is_made_up_for(office: Office):
    office.tick(office.box(), FIRST_SEEN)
    office.tick(office.box(), FRIDAY + timedelta(days=22))

    assert [send.until for send in office.sends()] == ["2026-07-30"]


@pytest.mark.parametrize(
    ("answer", "state", "calls"),
    [
        (NotSent("not reached"), "SENT", 2),
        (Unclear("no answer"), "UNKNOWN", 1),
        (Rejected("no such room"), "REJECTED", 1),
    ],
)
def test_only_what_surely_did_not_arrive_is_sent_again(office: Office, answer: Answer, state: str, calls: int):
    office.chat.answers = [answer]
    box = office.box()
    office.tick(box, FIRST_SEEN)
    for seconds in (0, 5, 120):
        office.tick(box, FRIDAY + timedelta(seconds=seconds))

    assert len(office.chat.messages) == calls
    assert [send.state for send in office.sends()] == [state]


def test_what_cannot_be_sent_for_a_day_expires(office: Office):
    office.chat.answers = [NotSent("not reached")] * 3
    box = office.box()
    for hours in (-1, 0, 1, 26):
        office.tick(box, FRIDAY + timedelta(hours=hours))

    assert [send.state for send in office.sends()] == ["EXPIRED"]


def test_what_was_missed_for_days_is_tried_for_a_day_as_well(office: Office):
    """A machine that comes back before its network does."""
    office.tick(office.box(), FIRST_SEEN)
    office.chat.answers = [NotSent("not reached")] * 2
    box = office.box()
    for minutes in (0, 1, 3):
        office.tick(box, FRIDAY + timedelta(days=3, minutes=minutes))

    assert [send.state for send in office.sends()] == ["SENT"]
    assert len(office.chat.messages) == 3


def test_pauses_between_calls_grow(office: Office):
    office.chat.answers = [NotSent("not reached")] * 100
    box = office.box()
    for minutes in range(-1, 121):
        office.tick(box, FRIDAY + timedelta(minutes=minutes))

    # 0.5, 1, 2, 4, 8 and then 15 minutes.
    assert len(office.chat.messages) == 12


def test_a_page_goes_as_html_where_chromium_fails(office: Office, monkeypatch: pytest.MonkeyPatch):
    def fails(*_: object) -> None:
        raise ExitError("Chromium could not print")

    monkeypatch.setattr(boxes, "chromium", lambda: "/usr/bin/chromium")
    monkeypatch.setattr(boxes, "print_pdf", fails)
    box = office.box(form=30, pdf=True)
    office.tick(box, FIRST_SEEN)
    office.tick(box, FRIDAY)

    (message,) = office.chat.messages
    assert [file.name for file in message.files] == ["30-en.html", "pack.json"]


def test_a_pack_that_cannot_be_had_holds_up_no_other_schedule(office: Office):
    damaged = office.folder / "packs" / "month-2026-06-30"
    box = office.box_of({"name": "month", "when": "daily 00:00", "period": "month"}, {"name": "vp"})
    office.tick(box, FIRST_SEEN)
    damaged.mkdir(parents=True)
    (damaged / "pack.json").write_text("{")

    with pytest.raises(ExitError, match="pack"):
        office.tick(box, FRIDAY)

    assert [send.schedule for send in office.sends()] == ["vp"]


def test_a_box_that_ended_while_it_sent_never_sends_twice(office: Office):
    office.tick(office.box(), FIRST_SEEN)

    async def killed(_: Message) -> Answer:
        raise SystemExit(9)

    office.chat.send, call = killed, office.chat.send  # type: ignore[method-assign]
    with pytest.raises(SystemExit):
        office.tick(office.box(), FRIDAY)
    office.chat.send = call  # type: ignore[method-assign]
    again: Callable[[], None] = lambda: office.tick(office.box(), FRIDAY + timedelta(minutes=1))  # noqa: E731
    again()

    assert office.chat.messages == []
    assert [(send.state, send.reason) for send in office.sends()] == [("UNKNOWN", ledger.CUT_OFF)]
    assert office.progress.counts["packs", "", "UNKNOWN"] == 1


def test_another_box_lets_a_send_that_is_under_way_be(office: Office):
    with ledger.opened_ledger(office.dsn) as store:
        ledger.first_known(store, "vp", round(FIRST_SEEN.timestamp() * 1000))
        at = round(FRIDAY.timestamp() * 1000)
        send = PackSend(
            "vp/week/2026-07-09/3/chat", "vp", "week", "2026-07-09", "3", "chat", at, owner="other", intent_at=at
        )
        assert ledger.claim(store, send)
        assert not ledger.claim(store, send)
    box = office.box()
    office.tick(box, FRIDAY + timedelta(minutes=1))
    assert [send.state for send in office.sends()] == ["INTENT"]

    office.tick(box, FRIDAY + timedelta(minutes=20))
    assert [send.state for send in office.sends()] == ["UNKNOWN"]
    assert office.chat.messages == []


def test_two_schedules_of_a_period_tell_one_pack(office: Office):
    box = office.box()
    office.tick(box, FIRST_SEEN)
    page = office.box(name="review", form=30)
    office.tick(page, FIRST_SEEN)
    office.tick(box, FRIDAY)
    office.tick(page, FRIDAY)

    first, second = office.chat.messages
    assert office.computed == 1
    assert {send.sha256 for send in office.sends()} == {office.sends()[0].sha256}
    assert [file.name for file in second.files] == ["30-en.html", "pack.json"]
    assert first.files == ()
    assert "<table" in second.words.html


def test_a_pack_that_was_told_stays_as_it_was(office: Office, tmp_path: Path):
    write_files(full_pack(tmp_path), tmp_path / "packs" / "week-2026-07-09")
    box = office.box()
    office.tick(box, FIRST_SEEN)
    office.tick(box, FRIDAY)

    assert office.computed == 0
    assert len(office.chat.messages) == 1
