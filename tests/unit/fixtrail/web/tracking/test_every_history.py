"""Whatever valid events come in whatever order: there is a page, there are messages, and all times are from events."""

import re
import tempfile
from datetime import datetime
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fixtrail.all_settings import Settings
from fixtrail.customers import preview
from fixtrail.web.config import web_config
from fixtrail.web.tracking.pages import Pages
from schemas.facts import JourneyFact
from schemas.locales import LOCALES
from sinks.push.words.compose import Composer
from streams.journey.ready_setting import CheckHistory
from tests.histories import a_few, histories
from tests.providers.messages import CENTER, a_composer, a_send
from tests.workshop import EPOCH, facts_after

MILLION = "999999999999.99"
ODD_IDS = st.one_of(
    st.sampled_from(["[/x]", "{{7*191}}", "<b>", '"', "a/b?c#d", "车🚗" * 32, "\u202e", " ", "%00", "%s{0}", "\\"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=64),
)
AMOUNTS = st.sampled_from(["0", "1e-15", "0.005", "12.5", "99999.995", MILLION, 7, 0.1])
ODD_QUOTES = st.fixed_dictionaries(
    {
        "labour_hours": st.sampled_from(["0", "0.25", "9999.999"]),
        "labour_rate": AMOUNTS,
        "currency": st.one_of(
            st.sampled_from(["CNY", "usd", "XYZ", "¥", "元", "\u200b"]), ODD_IDS.map(lambda x: x[:8])
        ),
        "parts": st.lists(
            st.fixed_dictionaries(
                {"part_no": ODD_IDS, "quantity": st.sampled_from(["1", "0.001", "999999999"]), "unit_price": AMOUNTS}
            ),
            max_size=40,
        ),
    }
)
TIMES = st.sampled_from(["1900-01-01T00:00:00Z", "2299-12-30T23:59:59.999Z", "2026-03-02T08:05:00+08:00", None])
ODD = st.fixed_dictionaries(
    {"order_id": ODD_IDS, "center_id": ODD_IDS, "part_no": ODD_IDS, "quote": ODD_QUOTES, "promised_at": TIMES}
    | {"expected_at": TIMES, "amount": AMOUNTS, "locale": st.sampled_from(["zh-CN", "en", None])}
)


@cache
def the_pages() -> Pages:
    folder = Path(tempfile.mkdtemp())
    return Pages(web_config(Settings(data=folder, kafka="127.0.0.1:1", hash_key="k" * 32)), CheckHistory())


def made_odd(events: list[dict[str, Any]], odd: dict[str, Any]) -> list[dict[str, Any]]:
    """The events with such values as are valid and that nobody expects, wherever a value of the kind stands."""
    return [
        {name: odd.get(name, value) if name != "quote" or value else value for name, value in event.items()}
        | {"center_id": odd["center_id"], "order_id": odd["order_id"]}
        | ({"locale": odd["locale"]} if event["type"] == "check_in" else {})
        for event in events
    ]


@given(histories(), ODD, st.integers(-(10**8), 10**9))
def test_a_page_says_nothing_that_no_event_says(history: list[dict[str, Any]], odd: dict[str, Any], later_ms: int):
    events = made_odd(history, odd)
    ((order, newest),) = facts_after(*events).items()
    fact = JourneyFact.model_validate(newest)
    from_events = {_minute(event[name]) for event in events for name in _TIMES if event.get(name)}

    for locale in LOCALES:
        html = the_pages().page("TOKEN", fact, locale, fact.last_event_at + later_ms, None)
        live = the_pages().live(fact, locale, fact.last_event_at + later_ms)

        assert live.startswith(b"id: %d\nevent: journey\n" % fact.event_count) and live.count(b"\n") == 4
        assert {_minute(at) for at in re.findall(r'<time datetime="([^"]+)"', html)} <= from_events
        text = unescape(re.sub(r"<[^>]*>", " ", html))
        assert not re.search(r"\bNone\b|\bnan\b|undefined|1337", text)
        assert order == (odd["center_id"], odd["order_id"])


_TIMES = ("occurred_at", "promised_at", "expected_at")


def _minute(at: str) -> datetime:
    # The page's clock leaves out what is below a second.
    return datetime.fromisoformat(at).astimezone(EPOCH.tzinfo).replace(microsecond=0)


@a_few
@given(histories(), ODD)
def test_every_milestone_and_every_template_has_its_words(history: list[dict[str, Any]], odd: dict[str, Any]):
    events = made_odd(history, odd)
    (newest,) = facts_after(*events).values()
    fact = JourneyFact.model_validate(newest)
    composer = a_composer()
    composer = Composer(composer.renderer, {odd["center_id"]: CENTER}, composer.time_zone, link=composer.link)
    context = {"currency": fact.quote.currency if fact.quote else None, "promises": fact.promises}

    for notice in preview.notices_of(fact, with_others=True):
        for locale in LOCALES:
            send = a_send(notice.model_dump(mode="json") | {"locale": locale}, due_at=notice.occurred_at + 60_000)
            for style in ("data", "short", "mail", "fields"):
                message = composer.message([send], context, style)
                words = message.words
                for text in (words.title, words.short, words.text):
                    assert text and not re.search(r"\bNone\b|undefined|1337", text)
                assert "<script" not in words.html and len(words.html) < 100_000
                assert all(isinstance(value, str) for value in message.fields.values())
