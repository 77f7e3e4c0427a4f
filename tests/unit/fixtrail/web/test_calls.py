"""A customer asks to be called: on the page once and with an undo, on the desk until somebody has called."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time

import pytest

from fixtrail.web.board.board import Thresholds, board
from fixtrail.web.calls import MOST_A_DAY, CallRequests, asked_call, may_withdraw, withdrawn_call
from fixtrail.web.tracking import routes
from schemas.call_request import CallRequest
from schemas.centers import Center
from schemas.facts import JourneyFact
from schemas.order_key import OrderKey
from schemas.times import DAY_MS, MINUTE_MS
from tests.staff import Browser, Staff, record, staff
from tests.unit.fixtrail.web.ops.test_pages import ACCOUNTS, Kafka, with_kafka
from tests.workshop import checked_in, facts_after, handed_off, ms

ORDER = OrderKey("C1", "R-HERE")
HERE = {"order_id": "R-HERE", "vehicle_id": "V1", "center_id": "C1"}
THERE = {"order_id": "R-THERE", "vehicle_id": "V2", "center_id": "C2"}


@dataclass
class Desk:
    """The customer's page and the staff's board over one Kafka, at a time that the test sets."""

    pages: Staff
    kafka: Kafka
    path: str

    async def press(self, customer: Browser, answer: str) -> str:
        """What the page says after a press."""
        form = {"form": "call", "answer": answer}
        back = await customer.client.post(self.path, data=form)
        assert back.status_code == 303, back.text
        return back.headers["location"].partition("said=")[2]

    @property
    def requests(self) -> list[tuple[str, int]]:
        """States and times of what went to Kafka."""
        assert {(topic, key) for topic, key, _ in self.kafka.sent} <= {("call-requests", ORDER.encode())}
        return [(value["state"], value["changed_at"]) for _, _, value in self.kafka.sent]


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Iterator[Desk]:
    pages = staff(tmp_path, ACCOUNTS, now=ms("09:20"))
    pages.know(checked_in("08:00", **HERE), checked_in("08:00", **THERE))
    kafka = with_kafka(pages)
    at_time(monkeypatch, "09:00")
    token = pages.web.links.issue(ORDER, "V1", ms("08:00"))
    return Desk(pages, kafka, f"/t/{token}?lang=en")


def at_time(monkeypatch: pytest.MonkeyPatch, clock: str) -> None:
    monkeypatch.setattr(routes, "now_ms", lambda: ms(clock))


async def test_the_customer_is_asked_whether_it_is_meant_before_it_counts(desk):
    with desk.pages.browser() as customer:
        assert "Please call me" in (await customer.get(desk.path)).text
        question = (await customer.get(f"{desk.path}&answer=call")).text
        assert "Yes, call me" in question
        assert desk.requests == []
        assert await desk.press(customer, "ask") == "call_asked"
        page = (await customer.get(desk.path)).text
        assert "You asked at" in page
        assert "Undo" in page
        assert "Please call me" not in page


async def test_pressed_twice_it_is_one_request(desk, monkeypatch):
    with desk.pages.browser() as customer:
        assert await desk.press(customer, "ask") == "call_asked"
        at_time(monkeypatch, "09:01")
        assert await desk.press(customer, "ask") == "call_asked"
    assert desk.requests == [("asked", ms("09:00"))]


async def test_it_can_be_taken_back_for_two_minutes_and_not_longer(desk, monkeypatch):
    with desk.pages.browser() as customer:
        await desk.press(customer, "ask")
        at_time(monkeypatch, "09:01:59")
        assert await desk.press(customer, "withdraw") == "call_withdrawn"
        assert desk.requests[-1] == ("withdrawn", ms("09:01:59"))
        await desk.press(customer, "ask")
        at_time(monkeypatch, "09:04")
        assert "Undo" not in (await customer.get(desk.path)).text
        assert await desk.press(customer, "withdraw") == "call_late"
    assert [state for state, _ in desk.requests] == ["asked", "withdrawn", "asked"]


async def test_the_desk_sees_who_waits_for_a_call_and_for_how_long_and_answers_it_there(desk):
    with desk.pages.browser() as customer, desk.pages.browser(headers={"accept-language": "en"}) as advisor:
        await desk.press(customer, "ask")
        await advisor.sign_in("lin")
        page = (await advisor.get("/ops")).text
        assert "asks for a call" in page
        assert "20:00" in page
        assert "waits in opening time for" in (await advisor.get("/ops/orders/R-HERE?center_id=C1")).text
        done = await advisor.send("/ops", "/ops/calls/called", call='["C1","R-HERE"]', back="/ops?lane=quick")
        assert (done.status_code, done.headers["location"]) == (303, "/ops?lane=quick")
        assert "asks for a call" not in (await advisor.get("/ops")).text
        assert "We called you at" in (await customer.get(desk.path)).text
        assert "lin called the customer at" in (await advisor.get("/ops/orders/R-HERE?center_id=C1")).text
        # Once more, by a colleague who was slower: nothing changes.
        await advisor.send("/ops", "/ops/calls/called", call='["C1","R-HERE"]')
    assert desk.requests == [("asked", ms("09:00")), ("called", ms("09:20"))]
    assert desk.kafka.sent[-1][2]["identity"] == "lin"


async def test_only_who_sees_the_center_and_may_act_answers_it(desk):
    with desk.pages.browser() as customer, desk.pages.browser(headers={"accept-language": "en"}) as reader:
        await desk.press(customer, "ask")
        await reader.sign_in("look")
        page = (await reader.get("/ops")).text
        assert "asks for a call" in page
        assert "/ops/calls/called" not in page
        assert (await reader.send("/ops", "/ops/calls/called", call='["C1","R-HERE"]')).status_code == 403
    with desk.pages.browser() as manager:
        await manager.sign_in("lin")
        for call, status in (('["C2","R-THERE"]', 404), ('["C1","R-NONE"]', 404), ("junk", 400), ("{}", 400)):
            assert (await manager.send("/ops", "/ops/calls/called", call=call)).status_code == status
        answer = await manager.client.post("/ops/calls/called", data={"call": '["C1","R-HERE"]', "form_token": "x"})
        assert answer.status_code == 403
    assert [state for state, _ in desk.requests] == ["asked"]


async def test_another_site_cannot_ask_for_the_customer(desk):
    with desk.pages.browser() as customer:
        form = {"form": "call", "answer": "ask"}
        answer = await customer.client.post(desk.path, data=form, headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == 403
    assert desk.requests == []


async def test_while_kafka_is_away_nothing_is_promised(desk):
    with_kafka(desk.pages, away=True)
    with desk.pages.browser() as customer:
        assert await desk.press(customer, "ask") == "failed"
        assert "Please call me" in (await customer.get(desk.path)).text


async def test_a_request_ends_with_its_visit(desk):
    with desk.pages.browser() as customer, desk.pages.browser(headers={"accept-language": "en"}) as advisor:
        await desk.press(customer, "ask")
        desk.pages.know(checked_in("08:00", **HERE), handed_off("09:10", **HERE))
        await advisor.sign_in("lin")
        assert "asks for a call" not in (await advisor.get("/ops")).text
        assert "called" not in (await customer.get(desk.path)).text
        assert await desk.press(customer, "ask") == "failed"


async def test_nothing_personal_is_in_the_topic(desk):
    with desk.pages.browser() as customer:
        await desk.press(customer, "ask")
    ((_, _, value),) = desk.kafka.sent
    assert value.keys() == CallRequest.model_fields.keys()
    assert "V1" not in json.dumps(value)
    assert "K1" not in json.dumps(value)


def test_an_order_asks_three_times_within_a_day_and_then_no_more():
    newest, now = None, ms("09:00")
    for number in range(MOST_A_DAY):
        newest = asked_call(ORDER, newest, now + number * MINUTE_MS)
        assert newest is not None
        newest = withdrawn_call(newest, now + number * MINUTE_MS)
    assert asked_call(ORDER, newest, now + 10 * MINUTE_MS) is None
    assert asked_call(ORDER, newest, now + DAY_MS + 1) is not None


def test_the_newest_state_counts_in_whatever_order_it_arrives():
    calls, request = CallRequests(), asked_call(ORDER, None, ms("09:00"))
    withdrawn = withdrawn_call(request, ms("09:01"))
    key = ORDER.encode().decode()
    calls.apply([record(key, withdrawn.model_dump(mode="json")), record(key, request.model_dump(mode="json"))])
    assert calls.newest(ORDER) == withdrawn
    assert not may_withdraw(withdrawn, ms("09:01"))


def test_the_call_is_late_by_the_opening_time_of_its_center():
    """Asked ten minutes before closing and looked at ten minutes after opening: 20 of the 30 minutes have passed."""
    fact = JourneyFact.model_validate(next(iter(facts_after(checked_in("16:00", **HERE)).values())))
    center = Center(id="C1", name="浦东", region="East", time_zone="UTC", opens=time(8), closes=time(17))
    request = asked_call(ORDER, None, ms("16:50"))
    (due,) = board(
        [fact], ms("08:10", day=1), Thresholds(), ["C1"], reference={"C1": center}, calls={ORDER: request}
    ).calls
    assert (due.kind, due.age_s, due.is_running, due.late) == ("call", 20 * 60, True, False)
    assert due.due_at == ms("08:20", day=1)
    closed = board([fact], ms("22:00"), Thresholds(), ["C1"], reference={"C1": center}, calls={ORDER: request})
    assert (closed.calls[0].age_s, closed.calls[0].is_running) == (10 * 60, False)
    calls = {ORDER: replace_state(request, "called")}
    assert not board([fact], ms("22:00"), Thresholds(), ["C1"], reference={"C1": center}, calls=calls).calls


def replace_state(request: CallRequest, state: str) -> CallRequest:
    return request.model_copy(update={"state": state})
