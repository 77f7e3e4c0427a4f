"""What a customer's browser gets at odd moments: a process that is behind, one that starts, too many requests."""

import json
import re
from typing import Any

import pytest

from fixtrail.web.config import RequestLimits
from fixtrail.web.tracking import live
from sinks.push.channels.webpush import new_private_key
from sinks.push.ledger import ledger, recipients
from sinks.push.ledger.recipients import Preference
from tests.pages import PageServer, pages
from tests.providers.messages import a_notice, a_send
from tests.workshop import checked_in, diagnosis_started, order_after, quoted

__all__ = ["pages"]


def visit(order_id: str, version: int = 1) -> dict[str, Any]:
    events = [checked_in("08:00"), diagnosis_started("08:20"), quoted("08:40")]
    return {**order_after(*events), "order_id": order_id, "version": version, "event_count": version}


def test_a_page_does_not_go_back_at_a_process_that_is_behind(pages: PageServer):
    """Its reader has version 9 from another process; this one has read up to 7."""
    pages.publish(visit("B1", 7))
    with pages.listen(f"/t/{pages.token('B1')}/live", Last_Event_ID="9") as stream:
        pages.publish(visit("B1", 8), visit("B1", 9))
        pages.publish(visit("B1", 10))
        assert stream.next().id == "10"


def test_a_page_that_says_to_have_seen_what_never_was_gets_the_present_state(
    pages: PageServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.1)
    pages.publish(visit("B2", 7))
    with pages.listen(f"/t/{pages.token('B2')}/live", Last_Event_ID="999") as stream:
        assert stream.next().id == "7"


def test_too_many_requests_are_told_in_words(tmp_path):
    with PageServer(tmp_path / "limits", limits=RequestLimits(requests_of_address=0)) as pages:
        pages.publish(visit("B3"))
        answers = [pages.get(f"/t/{token}") for token in (pages.token("B3"), "nothing")]

    assert [answer.status for answer in answers] == [429, 429]
    assert answers[0].body == answers[1].body
    assert "请过一分钟再打开" in answers[0].text and "in a minute" in answers[0].text
    assert answers[0].headers["retry-after"] == "60"


def test_while_the_pages_start_they_say_so_and_come_by_themselves(pages: PageServer):
    pages.call(pages.web.journeys.read.clear)
    try:
        answer = pages.get("/t/nothing")
    finally:
        pages.call(pages.web.journeys.read.set)

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert '<meta http-equiv="refresh" content="5">' in answer.text and "Just a moment" in answer.text


def test_without_javascript_what_a_form_came_to_is_said_once(pages: PageServer):
    pages.publish({**visit("B4"), "quote_pending": False, "activity": "bay"})

    html = pages.get(f"/t/{pages.token('B4')}?lang=en&said=approved").text

    assert "we have your approval" in html
    (again,) = re.findall(r'<noscript><meta http-equiv="refresh" content="60; url=([^"]+)"></noscript>', html)
    assert again == "?lang=en"


def test_a_customer_wants_no_more_messages_and_then_again(pages: PageServer):
    pages.publish(visit("B5"))
    path = f"/t/{pages.token('B5')}/messages"
    assert "<form" not in pages.get(path).text, "nobody is told about it yet"
    with ledger.opened_ledger(pages.settings.ledger_dsn()) as store:
        ledger.plan(store, [a_send(a_notice("ready", order_id="B5"))])

    for pressed, message, offered in (("off", "no more messages", "again"), ("on", "messages again", "no more")):
        answer = pages.post(f"{path}?lang=en", {"messages": pressed})
        assert answer.status == 303
        html = pages.get(answer.headers["location"]).text
        assert f"We send you {message}" in html
        assert re.search(r'<button name="messages"[^>]*>Send me (.*?)</button>', html)[1].endswith(
            f"messages {offered}" if pressed == "off" else f"{offered} messages"
        )
    assert pages.post(path, {"messages": "x"}).headers["location"].endswith("said=failed")
    assert pages.post(path, {"messages": "off"}, Sec_Fetch_Site="cross-site").status == 403
    assert pages.post("/t/nothing/messages", {"messages": "off"}).status == 404


def test_a_browser_that_asks_for_notifications_wants_them(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Also where its customer once wanted no more messages: the page says that it is notified, and so it is."""
    monkeypatch.setenv("VAPID_KEY", new_private_key())
    settings = tmp_path / "push.toml"
    settings.write_text('[webpush]\nprivate_key = "env:VAPID_KEY"\ncontact = "mailto:a@example.com"\n')
    browser = b'{"endpoint":"https://push.example.com/x","keys":{"p256dh":"a","auth":"b"}}'
    with PageServer(tmp_path / "pages", push=settings) as pages:
        pages.publish(visit("B6"), visit("B7"))
        mine, second = (f"/t/{pages.token(order)}/push" for order in ("B6", "B7"))

        def on(path: str) -> bool:
            return bool(json.loads(pages.post(f"{path}/state", browser).body)["on"])

        assert (pages.post(mine, browser).status, on(mine), on(second)) == (204, True, False)
        with ledger.opened_ledger(pages.settings.ledger_dsn()) as store:
            ((person,),) = store.run("SELECT person FROM followers")
            recipients.set_preference(store, person, Preference(opted_out=True, time_zone="Asia/Urumqi"), 1)
        assert pages.post(mine, browser).status == 204
        with ledger.opened_ledger(pages.settings.ledger_dsn()) as store:
            assert recipients.preferences_of(store, [person]) == {person: Preference(time_zone="Asia/Urumqi")}
        assert (pages.post(f"{mine}/stop", browser).status, on(mine)) == (204, False)
        assert json.loads(pages.post(f"{mine}/state", b"{").body) == {"on": False}
