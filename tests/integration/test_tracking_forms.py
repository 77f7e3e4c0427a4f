"""Forms of the tracking page: what a customer sends becomes one event, and nothing else does."""

import json
import re

import pytest

from fixtrail.web.config import RequestLimits
from schemas.decode import decode_event
from tests.integration.tracking_pages import fact, no_worker, pages, visit, whole_visit
from tests.pages import PageServer, now_ms
from tests.workshop import (
    handed_off,
)

__all__ = ["no_worker", "pages"]


def test_an_approval_is_an_event_with_the_same_id_however_often_it_is_sent(pages: PageServer):
    pages.publish(visit("R-80"))
    pages.events.events.clear()
    path = f"/t/{pages.token('R-80')}?lang=en"
    key = re.search(r'name="quote" value="([^"]+)"', pages.get(path).text)[1]

    for answer in ("approve", "approve", "decline"):
        pages.post(path, {"form": "decision", "quote": key, "answer": answer, "amount": "769.90"})

    sent = pages.events.events
    assert {event["event_id"] for event in sent} == {sent[0]["event_id"]}
    assert [event["approved"] for event in sent] == [True, True, False]
    event = decode_event(json.dumps(sent[0]).encode())
    assert (event.order_id, event.vehicle_id, event.type) == ("R-80", "V1", "quote_decision")


def test_an_answer_to_a_quote_that_changed_is_not_sent(pages: PageServer):
    pages.publish(visit("R-81"))
    pages.events.events.clear()

    answer = pages.post(f"/t/{pages.token('R-81')}", {"form": "decision", "quote": "e-old", "answer": "approve"})

    assert (answer.status, answer.headers["location"].endswith("said=outdated")) == (303, True)
    assert pages.events.events == []


def test_an_answer_comes_after_its_quote_where_clocks_differ(pages: PageServer):
    ahead = visit("R-82")
    shifted = now_ms() + 60_000
    ahead["timeline"] = [
        [name, event, shifted if name == "quote_ready" else at] for name, event, at in ahead["timeline"]
    ]
    pages.publish(ahead)
    pages.events.events.clear()
    key = next(event for name, event, _ in ahead["timeline"] if name == "quote_ready")

    pages.post(f"/t/{pages.token('R-82')}", {"form": "decision", "quote": key, "answer": "approve", "amount": "769.9"})

    (sent,) = pages.events.events
    assert int(decode_event(json.dumps(sent).encode()).occurred_at.timestamp() * 1000) == shifted + 1


def test_while_kafka_is_away_the_page_says_that_it_did_not_work(pages: PageServer):
    pages.publish(visit("R-83"))
    path = f"/t/{pages.token('R-83')}?lang=en"
    key = re.search(r'name="quote" value="([^"]+)"', pages.get(path).text)[1]
    pages.events.away = True
    try:
        answer = pages.post(path, {"form": "decision", "quote": key, "answer": "approve", "amount": "769.9"})
    finally:
        pages.events.away = False

    assert "That did not work" in pages.get(answer.headers["location"]).text


def test_the_survey_is_an_event_with_what_was_chosen(pages: PageServer):
    pages.publish(fact("R-84", *whole_visit(), handed_off("13:00", amount=780)))
    pages.events.events.clear()
    path = f"/t/{pages.token('R-84')}"
    form = {"form": "survey", "answers": "0", "score": "9", "reason": ["quick", "<script>"], "comment": " gut\r\n\0so "}

    answer = pages.post(path, form)

    (sent,) = pages.events.events
    assert answer.headers["location"].endswith("said=rated")
    assert (sent["score"], sent["reasons"], sent["comment"]) == (9, ["quick"], "gut so")
    assert pages.post(path, {**form, "score": "11"}).headers["location"].endswith("said=incomplete")
    assert pages.post(path, {**form, "score": ""}).headers["location"].endswith("said=incomplete")
    assert len(pages.events.events) == 1


def test_another_site_can_send_nothing(pages: PageServer):
    pages.publish(visit("R-85"))
    pages.events.events.clear()
    path = f"/t/{pages.token('R-85')}"
    key = re.search(r'name="quote" value="([^"]+)"', pages.get(path).text)[1]

    answer = pages.post(
        path, {"form": "decision", "quote": key, "answer": "approve", "amount": "769.9"}, Sec_Fetch_Site="cross-site"
    )

    assert answer.status == 403
    assert pages.events.events == []


def test_forms_are_limited_by_link(tmp_path):
    with PageServer(tmp_path / "limits", limits=RequestLimits(forms_of_link=2)) as pages:
        pages.publish(visit("R-86"))
        path = f"/t/{pages.token('R-86')}"

        answers = [pages.post(path, {"form": "x"}).headers["location"].partition("said=")[2] for _ in range(3)]

    assert answers == ["failed", "failed", "busy"]


@pytest.mark.parametrize(
    "body", [b"", b"\xff" * 100, b"a=" + b"x" * 200_000, b"&" * 10_000, b"form=decision&form=survey"]
)
def test_a_body_that_is_no_form_comes_to_nothing(pages: PageServer, body: bytes):
    pages.publish(visit("R-87"))
    pages.events.events.clear()

    assert pages.post(f"/t/{pages.token('R-87')}", body).status in (303, 400, 413)
    assert pages.events.events == []


def test_a_subscription_that_may_not_be_called_is_refused(pages: PageServer):
    pages.publish(visit("R-88"))
    hostile = b'{"endpoint":"https://127.0.0.1/x","keys":{"p256dh":"a","auth":"b"}}'

    assert pages.post(f"/t/{pages.token('R-88')}/push", hostile).status == 422
