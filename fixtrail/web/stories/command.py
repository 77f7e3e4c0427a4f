"""What `fixtrail story` does: the story of an order of this installation, and a link to it."""

from fixtrail.configuration import public_url, push_settings
from fixtrail.settings import WebSettings
from fixtrail.web.clickhouse import Row, query_runner
from fixtrail.web.notice_log import notice_log_of
from fixtrail.web.stories.links import StoryLinks
from fixtrail.web.stories.story import Story, story_of
from runtime.clock import now_ms
from runtime.failure import NEGATIVE, ExitError
from schemas.order_key import OrderKey


def story_here(settings: WebSettings, order: OrderKey) -> Story:
    """The story of an order. Raises ExitError where there is none, or ClickHouse does not answer."""
    ask = query_runner(settings)
    log: list[Row] | None = notice_log_of(settings, order)
    return story_of(ask, order, log, push_settings(settings).time_zone)


def story_url(settings: WebSettings, order: OrderKey, hours: int) -> str:
    """A fresh link to the story. Raises ExitError where nobody says how the pages are reached."""
    base = public_url(settings)
    if not base:
        raise ExitError(
            "FIXTRAIL_PUBLIC_URL is not set, and no stack runs here that serves the pages; --html writes a file",
            NEGATIVE,
        )
    token = StoryLinks(*settings.link_keys()).issue(order, now_ms(), hours)
    return f"{base}/story/{token}"
