"""What the page says of the messages about an order: what was sent, and the true reason why others were not."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtrail.settings import Settings
from fixtrail.web.tracking.messages import NO_CHANNEL, outcome_of, sent_about
from fixtrail.web.tracking.words import catalogue
from sinks.push import ledger
from sinks.push.ledger import FINAL, HELD, PLANNED, RETRY, SENT, SUPPRESSED, Send
from tests.providers.messages import a_notice, a_send, now_ms


def of(state: str, reason: str = "") -> Send:
    return a_send(a_notice("ready"), state=state, reason=reason)


@pytest.mark.parametrize(
    ("state", "reason", "outcome"),
    [
        (SENT, "told with others", "sent"),
        (PLANNED, "", "waiting"),
        (RETRY, "no answer: TimeoutError", "waiting"),
        (HELD, "quiet hours", "waiting_quiet"),
        (HELD, "minimum gap", "waiting"),
        (SUPPRESSED, "no consent: opted out", "not_unwanted"),
        (SUPPRESSED, "no consent: this milestone is not wanted", "not_unwanted"),
        (SUPPRESSED, ledger.TURNED_OFF, "not_unwanted"),
        (SUPPRESSED, ledger.NO_CONSENT_LEFT, "not_no_consent"),
        (SUPPRESSED, "quiet hours until it would have been too late", "not_quiet"),
        (SUPPRESSED, "enough messages for one day until it would have been too late", "not_enough"),
        (SUPPRESSED, "no address", "not_no_address"),
        (SUPPRESSED, "the address names no channel", "not_no_address"),
        (SUPPRESSED, "channel sms is not set up", "not_no_channel"),
        (SUPPRESSED, "channel sms is not set up any more", "not_no_channel"),
    ],
)
def test_the_page_says_the_reason_that_the_ledger_has(state: str, reason: str, outcome: str):
    assert outcome_of(of(state, reason)) == outcome
    for texts in catalogue().values():
        assert texts[f"message_{outcome}"]


def test_there_are_words_for_every_state():
    for state in (*FINAL, PLANNED, HELD, RETRY, ledger.INTENT):
        for texts in catalogue().values():
            assert texts[f"message_{outcome_of(of(state))}"]


def test_a_customer_without_an_address_is_not_told_to_have_chosen_so(tmp_path: Path):
    settings = Settings(data=tmp_path, hash_key="a key for tests")
    notice = a_notice("ready", at=now_ms() - 60_000)
    with ledger.opened(settings.ledger_dsn()) as store:
        ledger.plan(store, [a_send(notice, "none", "", id="1", state=SUPPRESSED, reason="no address", final_at=1)])
        ledger.plan(store, [a_send(notice, "sms", id="2", state=HELD, reason="quiet hours", due_at=now_ms() + 1000)])

    waiting, silent = sent_about(settings, "R1")

    assert (waiting.outcome, waiting.channel, waiting.at > now_ms()) == ("waiting_quiet", "sms", True)
    assert (silent.outcome, silent.channel) == ("not_no_address", NO_CHANNEL)
    assert waiting.happened_at == silent.happened_at == notice["occurred_at"]
