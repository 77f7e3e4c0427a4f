"""A story says what happened and whose clock ran, and nothing of whose order it was."""

import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from fixtrail.web.stories.links import StoryLinks
from fixtrail.web.stories.page import render_story
from fixtrail.web.stories.story import Moment, story_of
from runtime.failure import ExitError
from schemas.order_key import OrderKey
from schemas.times import HOUR_MS
from tests.staff import Staff, staff
from tests.workshop import ms

ORDER = OrderKey("east-01", "RO-CANARY-4711")
# All that ClickHouse and the ledger may know of whose it was.
SECRETS = ("CANARY", "east-01", "沪A", "13800000000", "T-77", "王", "lin@", "vehicle-key", "rare-group")


def clickhouse(text: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    """An order with a promise that was broken; every column that could name somebody does."""
    if (
        parameters.get("order", ORDER.order_id) != ORDER.order_id
        or parameters.get("center", ORDER.center_id) != ORDER.center_id
    ):
        return []
    if "AS last_event" in text:
        times = {"checked_in": ms("08:00"), "ready": ms("10:30"), "promised": ms("10:00"), "closed": ms("11:00")}
        about = {"vehicle_key": "vehicle-key", "lane": "standard", "status": "handed_off", "score": 3, "complaints": 1}
        sums = {"lead_s": 10800.0, "wait_s": 5400.0, "touch_s": 3600.0, "last_event": ms("11:00")}
        groups = {"fault_groups": ["brakes", "rare-group 王"], "ftf": False, "ftf_cause": "rework"}
        return [{**about, **times, **sums, **groups, "vehicle_id": "VIN-CANARY"}]
    if "JSONExtractString(payload" in text:
        nothing = {"phase": None, "promised": None, "expected": None, "score": None, "approved": None}
        personal = {"technician_id": "T-77", "payload": '{"vehicle_label":"沪A··345","comment":"王"}'}
        return [
            {**nothing, **personal, **event}
            for event in (
                {"type": "check_in", "at": ms("08:00"), "promised": ms("10:00")},
                {"type": "quote_decision", "at": ms("08:30"), "approved": True},
                {"type": "repair", "phase": "started", "at": ms("09:00")},
                {"type": "handoff", "at": ms("11:00")},
                {"type": "survey", "at": ms("11:00") + 86_400_000, "score": 3},
                {"type": "word of the sender 王", "at": ms("11:00")},
            )
        ]
    if "FROM stages" in text:
        return [{"activity": "reception", "started": ms("08:00"), "ended": ms("09:00")}]
    if "FROM waits" in text:
        clocks = {"workshop_s": 3600.0, "customer_s": 600.0, "supplier_s": 1200.0, "closed_s": 0.0}
        return [{**clocks, "has_hours": True}]
    if "hasAny" in text:
        return [{"name": "brakes"}]
    return [{"time_zone": "Asia/Shanghai"}]


LOG = [
    {
        **{"sent_at": "2026-03-02T08:01:00Z", "occurred_at": "2026-03-02T08:00:00Z", "milestone": "checked_in"},
        **{"channel": "wechat", "state": "SENT", "told": "您的车 沪A··345", "person": "CANARY", "reference": "lin@x"},
    },
    {
        **{"sent_at": None, "occurred_at": "2026-03-02T10:30:00Z", "milestone": "ready", "channel": "sms"},
        **{"state": "SUPPRESSED", "told": "", "person": "13800000000", "reason": "no consent: opted out"},
    },
]


def test_the_page_says_what_happened_and_nothing_of_whose_it_was():
    story = story_of(clickhouse, ORDER, LOG, "UTC")

    for locale, words in (
        ("zh-CN", ("第 1 天 16:00", "未兑现", "其他", "60.0 分钟")),
        ("en", ("day 1 16:00", "broken", "other", "60.0 min")),
    ):
        page = render_story(story, locale, "2026-03-05 08:00 UTC")
        assert all(word in page for word in (*words, "brakes", "3 / 10"))
        assert [secret for secret in SECRETS if secret in page] == []
        assert "<script" not in page and "http:" not in page and "https:" not in page
    text = orjson.dumps(story.as_json()).decode()
    assert [secret for secret in SECRETS if secret in text] == []


def test_times_are_days_of_the_visit_on_the_clock_of_the_center():
    story = story_of(clickhouse, ORDER, LOG, "UTC")

    assert (story.steps[0].at, story.steps[0].due) == (Moment(1, "16:00"), Moment(1, "18:00"))
    assert story.steps[-1].at == Moment(2, "19:00")
    assert [(message.milestone, message.state) for message in story.messages] == [
        ("checked_in", "SENT"),
        ("ready", "SUPPRESSED"),
    ]
    assert (story.promise_kept, story.clocks["supplier_s"]) == (False, 1200.0)


def test_without_a_ledger_nobody_claims_that_nothing_was_told():
    story = story_of(clickhouse, ORDER, None, "UTC")

    assert story.messages is None and "cannot be read" in render_story(story, "en")


def test_an_order_that_there_is_not_has_no_story():
    with pytest.raises(ExitError, match="there is no order"):
        story_of(clickhouse, OrderKey("east-01", "RO-1"), [], "UTC")


@pytest.fixture
def pages(tmp_path) -> Staff:
    pages = staff(tmp_path, rows=clickhouse)
    pages.web.journeys.read.set()
    return pages


def now() -> int:
    return time.time_ns() // 1_000_000


def token(order: OrderKey = ORDER, at: int | None = None, hours: int = 1, *, pages: Staff) -> str:
    secret = pages.web.config.settings.link_keys()[0]
    return StoryLinks(secret).issue(order, now() if at is None else at, hours)


async def test_whoever_has_the_link_sees_the_story_without_signing_in(pages):
    with pages.browser() as browser:
        answer = await browser.get(f"/story/{token(pages=pages)}", headers={"accept-language": "en"})

    assert answer.status_code == 200 and "whose clock" in answer.text.lower()
    assert "This link ends at" in answer.text
    assert [secret for secret in SECRETS if secret in answer.text] == []
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy and "unsafe" not in policy
    assert (answer.headers["cache-control"], answer.headers["x-robots-tag"][:7]) == ("no-store", "noindex")


async def test_every_link_that_opens_nothing_gets_the_same_answer(pages):
    good = token(pages=pages)
    tokens = {
        "ended": token(at=now() - HOUR_MS - 1, pages=pages),
        "tampered": good[:-2] + ("AA" if good[-2:] != "AA" else "BB"),
        "another key": StoryLinks(b"a secret of somebody else").issue(ORDER, now(), 1),
        "no such order": token(OrderKey("east-01", "RO-1"), pages=pages),
        "another center": token(OrderKey("C1", ORDER.order_id), pages=pages),
        "a customer's link": pages.web.links.issue(ORDER, "V1", now()),
        "nothing": "x",
    }
    with pages.browser() as browser:
        answers = {name: await browser.get(f"/story/{text}") for name, text in tokens.items()}
        # Nor does a story's link open the customer's page.
        answers["tracking"] = await browser.get(f"/t/{good}")

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 404)
    assert len({answer.text for answer in answers.values()}) == 1


async def test_revoking_the_links_of_an_order_ends_those_to_its_story(pages):
    link = token(pages=pages)
    value = orjson.dumps({"revoked_at": now()})
    record = SimpleNamespace(headers=(), key=ORDER.encode(), value=value, offset=0, partition=0)
    pages.web.links.revocations.apply([record])

    with pages.browser() as browser:
        assert (await browser.get(f"/story/{link}")).status_code == 404
        assert (await browser.get(f"/story/{token(at=now() + 5, pages=pages)}")).status_code in (200, 404)


async def test_guessing_is_slowed_down_by_address(pages):
    limit = pages.web.config.limits.requests_of_address
    with pages.browser(address="192.0.2.99") as browser:
        codes = [(await browser.get(f"/story/{number}")).status_code for number in range(limit + 1)]

    assert set(codes[:-1]) == {404} and codes[-1] == 429
