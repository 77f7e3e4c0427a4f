"""What the page says of the messages about an order: what was sent, and the true reason why others were not."""

from dataclasses import replace
from pathlib import Path

import pytest

from fixtrail.all_settings import Settings
from fixtrail.web.tracking.messages import NO_CHANNEL, messages_about, outcome_of, want_messages
from fixtrail.web.tracking.words import catalogue
from schemas.order_key import OrderKey
from sinks.push.ledger import ledger, recipients
from sinks.push.ledger.ledger import FINAL, HELD, PLANNED, RETRY, SENT, SUPPRESSED, Send
from sinks.push.ledger.recipients import Preference
from tests.providers.messages import a_notice, a_send, now_ms
from tests.workshop import R1, R2


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
    settings = Settings(data=tmp_path, hash_key="a key for these tests, long enough")
    notice = a_notice("ready", at=now_ms() - 60_000)
    with ledger.opened_ledger(settings.ledger_dsn()) as store:
        ledger.plan(store, [a_send(notice, "none", "", id="1", state=SUPPRESSED, reason="no address", final_at=1)])
        ledger.plan(store, [a_send(notice, "sms", id="2", state=HELD, reason="quiet hours", due_at=now_ms() + 1000)])

    waiting, silent = messages_about(settings, R1).entries

    assert (waiting.outcome, waiting.channel, waiting.at > now_ms()) == ("waiting_quiet", "sms", True)
    assert (silent.outcome, silent.channel) == ("not_no_address", NO_CHANNEL)
    assert waiting.happened_at == silent.happened_at == notice["occurred_at"]


def test_a_customer_says_on_the_page_that_it_is_enough(tmp_path: Path):
    """For whoever was told about the order; what they said before besides that stays."""
    settings = Settings(data=tmp_path, hash_key="a key for these tests, long enough")
    mine, also = (a_send(a_notice("ready"), "sms", address, id=address) for address in ("+861", "+862"))
    sent_sms = a_send(a_notice("ready", order_id="R2"), "sms", "+863", id="3")
    suppressed = a_send(a_notice("ready", order_id="R3"), "none", "", id="4", state=SUPPRESSED, reason="no address")
    before = Preference(milestones=frozenset({"ready"}), time_zone="Asia/Urumqi")
    with ledger.opened_ledger(settings.ledger_dsn()) as store:
        ledger.plan(store, [mine, also, sent_sms, suppressed])
        recipients.set_preference(store, mine.person, before, 1)
    assert messages_about(settings, R1).are_wanted is True
    assert messages_about(settings, OrderKey("C1", "R3")).are_wanted is None

    assert want_messages(settings, R1, are_wanted=False, now=2)

    assert [messages_about(settings, order).are_wanted for order in (R1, R2)] == [False, True]
    with ledger.opened_ledger(settings.ledger_dsn()) as store:
        preferences = recipients.preferences_of(store, [mine.person, also.person, sent_sms.person])
    assert preferences == {mine.person: replace(before, opted_out=True), also.person: Preference(opted_out=True)}
    assert want_messages(settings, R1, are_wanted=True, now=3)
    assert messages_about(settings, R1).are_wanted is True
    assert not want_messages(settings, OrderKey("C1", "R3"), are_wanted=False, now=4)
