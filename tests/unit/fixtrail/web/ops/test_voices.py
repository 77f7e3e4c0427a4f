"""Complaints and bad scores for the staff: who is to be called first, with what evidence, and recording the call."""

from dataclasses import replace
from typing import Any

import pytest

from fixtrail.voices.cases import VoiceCase
from fixtrail.voices.limits import VoiceLimits
from fixtrail.web.events import NotAcknowledgedError
from fixtrail.web.ops.voices import follow_up_event, handler_id, sorted_items, voice_item
from schemas.decode import decode_event
from schemas.events import FollowedUp
from schemas.order_key import OrderKey
from schemas.times import HOUR_MS
from tests.staff import Staff, staff
from tests.unit.fixtrail.web.ops.test_pages import ACCOUNTS, ENGLISH
from tests.workshop import Sent, complained, followed_up, ms, repaired_visit, surveyed

HERE = {"order_id": "R-HERE", "vehicle_id": "VIN-CANARY", "center_id": "C1"}
THERE = {"order_id": "R-THERE", "vehicle_id": "VIN-CANARY2", "center_id": "C2"}
CASE = "/ops/voices/case?center_id=C1&order_id=R-HERE&case_id=k1"
COMPLAINT = complained("12:00", 1, event_id="k1", severity="high", category="waiting_time", **HERE)
LIMITS, ORDER = VoiceLimits(), OrderKey("C1", "R-1")


def visit(ids: dict[str, str]) -> list[Sent]:
    return [{**event, **ids} for event in repaired_visit()]


def a_case(kind: Any, opened_at: int, **changed: Any) -> VoiceCase:
    return VoiceCase(
        **{"kind": kind, "case_id": f"{kind}-{opened_at}", "opened_at": opened_at, "phases": (), **changed}
    )


class Sending:
    """Takes events as Kafka would, or does not acknowledge them; what it takes comes back through `board`."""

    def __init__(self, board: Staff, history: list[Sent], *, is_away: bool = False) -> None:
        self.board, self.history, self.is_away = board, history, is_away
        self.events: list[dict[str, Any]] = []

    async def write_event(self, event: dict[str, Any]) -> None:
        if self.is_away:
            raise NotAcknowledgedError("Kafka is away")
        self.events.append(event)
        self.board.know(*self.history, *self.events)


@pytest.fixture
def board(tmp_path) -> Staff:
    board = staff(tmp_path, ACCOUNTS, now=ms("15:00", 1), case_url="https://crm.example/{center_id}/{case_id}")
    board.know(
        *visit(HERE),
        COMPLAINT,
        *visit(THERE),
        surveyed("10:00", 1, score=2, event_id="s1", reasons=["waiting"], **THERE),
    )
    return board


def with_sending(board: Staff, *, is_away: bool = False) -> Sending:
    sending = Sending(board, [*visit(HERE), COMPLAINT], is_away=is_away)
    board.web = replace(board.web, events=sending)  # type: ignore[arg-type]
    return sending


def test_a_bad_score_has_48_hours_and_a_complaint_the_levels_of_its_severity():
    complaint = voice_item(ORDER, a_case("complaint", 0, severity="high"), LIMITS, {}, 2 * HOUR_MS)
    score = voice_item(ORDER, a_case("detractor", 0, score=3), LIMITS, {}, 2 * HOUR_MS)
    late = voice_item(ORDER, a_case("detractor", 0, score=3), LIMITS, {}, 60 * HOUR_MS)

    assert (complaint.level, complaint.due_at) == (1, 4 * HOUR_MS)
    assert (score.level, score.due_at) == (0, 48 * HOUR_MS)
    assert (late.level, late.due_at) == (1, 48 * HOUR_MS)


def test_what_is_past_a_level_comes_first_and_what_was_contacted_last():
    now = 10 * HOUR_MS
    late = voice_item(ORDER, a_case("complaint", 0, severity="high"), LIMITS, {}, now)
    soon = voice_item(ORDER, a_case("complaint", 8 * HOUR_MS, severity="low"), LIMITS, {}, now)
    later = voice_item(ORDER, a_case("detractor", 0, score=1), LIMITS, {}, now)
    contacted = voice_item(ORDER, a_case("complaint", 0, phases=(("contacted", 1),)), LIMITS, {}, now)

    assert sorted_items([contacted, later, soon, late]) == [late, soon, later, contacted]
    assert (contacted.is_waiting, contacted.due_at) == (False, None)


def test_a_recorded_step_is_an_event_of_the_contract_and_the_same_one_each_time():
    item = voice_item(ORDER, a_case("complaint", 5, severity="low"), LIMITS, {}, 10)
    follow_up = follow_up_event(item, "V1", "contacted", "lin", 10, b"key")
    again = follow_up_event(item, "V1", "contacted", "lin", 99, b"key")

    import orjson

    event = decode_event(orjson.dumps(follow_up))
    assert isinstance(event, FollowedUp) and (event.of, event.phase, event.handler_id) == (
        item.case.case_id, "contacted", "lin"
    )  # fmt: skip
    assert follow_up["event_id"] == again["event_id"]
    assert follow_up["event_id"] != follow_up_event(item, "V1", "resolved", "lin", 10, b"key")["event_id"]
    assert len(handler_id("https://issuer.example/" + "x" * 100)) == 32


async def test_everybody_sees_the_cases_of_their_centers_and_nothing_personal(board):
    pages = {}
    for name in ("chief", "look"):
        with board.browser(headers=ENGLISH) as browser:
            await browser.sign_in(name)
            pages[name] = (await browser.get("/ops/voices")).text
    assert "Complaint: waiting time" in pages["look"]
    assert "Score of 2" not in pages["look"]
    assert "Score of 2" in pages["chief"]
    # 12:00 to 15:00 with a limit of an hour.
    assert "level 1" in pages["chief"]
    assert "https://crm.example/C1/k1" in pages["look"]
    for page in pages.values():
        assert "VIN-CANARY" not in page
        assert "/ops/voices/record" not in page, "viewers record nothing"


async def test_the_case_has_the_orders_evidence_and_another_centers_is_not_there(board):
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("lin")
        page = await browser.get(CASE)
        second = await browser.get(CASE.replace("C1", "C2").replace("R-HERE", "R-THERE").replace("k1", "s1"))
        unknown = await browser.get(CASE.replace("k1", "k9"))
    assert page.status_code == 200
    assert "What waited, and why" in page.text and "What the customer was told" in page.text
    assert (second.status_code, unknown.status_code) == (404, 404)


async def test_the_orders_page_leads_to_its_cases(board):
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("look")
        page = (await browser.get("/ops/orders/R-HERE?center_id=C1")).text
    assert CASE.replace("&", "&amp;") in page


async def test_a_manager_records_a_contact_once_and_sees_it(board):
    sending = with_sending(board)
    fields = {"center_id": "C1", "order_id": "R-HERE", "case_id": "k1", "steps": "1", "phase": "contacted"}
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("lin")
        first = await browser.send("/ops/voices", "/ops/voices/record", back="/ops/voices?show=open", **fields)
        again = await browser.send("/ops/voices", "/ops/voices/record", back="/ops/voices", **fields)
        page = (await browser.get("/ops/voices")).text

    assert first.headers["location"] == "/ops/voices?show=open&outcome=recorded"
    assert again.headers["location"] == "/ops/voices?outcome=changed"
    (event,) = sending.events
    assert (event["type"], event["of"], event["phase"], event["vehicle_id"]) == (
        "follow_up", "k1", "contacted", "VIN-CANARY"
    )  # fmt: skip
    assert "first contact" in page


async def test_what_kafka_does_not_acknowledge_is_not_recorded(board):
    with_sending(board, is_away=True)
    fields = {"center_id": "C1", "order_id": "R-HERE", "case_id": "k1", "steps": "1", "phase": "resolved"}
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in("lin")
        answer = await browser.send("/ops/voices", "/ops/voices/record", **fields)
        page = (await browser.get(answer.headers["location"])).text
    assert "Not recorded" in page


@pytest.mark.parametrize(
    ("name", "changed", "status"),
    [
        ("look", {}, 403),
        ("lin", {"phase": "closed"}, 400),
        ("lin", {"case_id": "k9"}, 404),
        ("lin", {"center_id": "C2", "order_id": "R-THERE", "case_id": "s1"}, 404),
        ("lin", {"form_token": "forged"}, 403),
    ],
)
async def test_what_one_may_not_record_is_refused(board, name: str, changed: dict[str, str], status: int):
    sending = with_sending(board)
    fields = {"center_id": "C1", "order_id": "R-HERE", "case_id": "k1", "steps": "1", "phase": "contacted"}
    with board.browser(headers=ENGLISH) as browser:
        await browser.sign_in(name)
        answer = await browser.send("/ops/voices", "/ops/voices/record", **{**fields, **changed})
    assert answer.status_code == status
    assert sending.events == []


async def test_settled_cases_are_shown_apart_and_both_languages_have_the_page(board):
    board.know(*visit(HERE), COMPLAINT, followed_up("14:00", 1, of="k1", phase="resolved", **HERE))
    with board.browser() as browser:
        await browser.sign_in("look")
        open_page = (await browser.get("/ops/voices?lang=en")).text
        done = (await browser.get("/ops/voices?show=done&lang=zh-CN")).text
    assert "No complaint or bad score is open." in open_page
    assert "投诉：等待时间" in done
