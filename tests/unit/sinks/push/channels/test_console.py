"""Who reads the push sink's log learns what was said to whom, and cannot open the customer's page."""

import logging
from collections.abc import Iterator

import pytest

from fixtrail.tracking_links import Links, tracking_url
from schemas.order_key import OrderKey
from sinks.push.channel import Style
from sinks.push.channels.console import Console
from sinks.push.config import ConsoleSection
from tests.providers.messages import a_composer, a_notice, a_send, now_ms

SECRET = b"a key of these tests, long enough"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, logger="sinks.push.channels.console"):
        yield caplog


@pytest.mark.parametrize("milestone", ["repair_started", "quote_ready", "ready"])
async def test_the_log_holds_no_link_that_opens(log: pytest.LogCaptureFixture, milestone: str):
    order = OrderKey("C1", "W-100")
    link = tracking_url("https://track.example.com", SECRET, order, "V1", now_ms())
    style: Style = "line"
    notice = a_notice(milestone, order_id="W-100")
    message = a_composer(link).message([a_send(notice, channel="console")], {"vehicle_id": "V1"}, style)

    await Console(ConsoleSection()).send(message)

    token = link.rpartition("/")[2]
    assert Links(SECRET).opens(token, now_ms()).order == order
    assert token[:20] not in log.text
    assert "notice for order W-100" in log.text
    assert "https://track.example.com/t/…" in log.text
